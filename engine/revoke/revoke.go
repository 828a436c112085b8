// Package revoke owns which tokens are worthless although they verify: single
// ones, those of a login, a user, a client or a policy, or all before a moment.
// A list is asked on every call, so asking takes no lock and allocates nothing.
package revoke

import "time"

// Kind says what an entry revokes.
type Kind string

// The kinds.
const (
	Token  Kind = "TOKEN"  // one access token; Key is its jti
	Family Kind = "FAMILY" // what came from one login; Key is its sid
	User   Kind = "USER"   // a user's; Key is the user name
	Client Kind = "CLIENT" // a client's; Key is the client id
	Policy Kind = "POLICY" // those issued under a policy; Key is its name
	All    Kind = "ALL"    // every token; Key is empty
)

// Entry revokes tokens.
type Entry struct {
	// ID grows with every entry; 0 in one that was not stored.
	ID   int64
	Kind Kind
	// Project narrows USER and POLICY to one project; "" means all.
	Project string
	Key     string
	// Before: tokens issued before this moment are revoked, which is in whole
	// seconds as the times of a token are. TOKEN and FAMILY have none: they
	// revoke for good.
	Before time.Time
	// Expires is when the entry can be forgotten, as no token that it covers
	// lives any more; zero means never.
	Expires time.Time
}

// Facts are what a token says of itself as far as entries ask.
type Facts struct {
	// ID is the jti, Family the sid; either may be "".
	ID, Family string
	// Subject is the sub; User tells a user from a client of the same name.
	Subject string
	User    bool
	// ClientID is whose login it was: the owner's client id or the credential's.
	ClientID string
	// Project and Policy name the policy that guards the call; Policy is "" where it is
	// asked for apart (List.Policy).
	Project, Policy string
	// Issuer is the policy that issued the token where it can be another one, as
	// with tokens of a group; "" when that is not known.
	Issuer string
	// IssuedAt is the iat in seconds since 1970.
	IssuedAt int64
}
