package token

import (
	"context"
	"net/netip"
	"time"

	"github.com/gatewright/gatewright/engine/revoke"
)

// FamilyID names a refresh family: 128 random bits (D7).
type FamilyID [16]byte

// Family is one login that can be refreshed (D7). Nothing in it can be used as
// a token.
type Family struct {
	ID          FamilyID
	Environment string
	// Project, OwnerID, Owner and Policy say what it is for.
	Project, OwnerID, Owner, Policy string
	// ClientID is whose login it was: the owner's client id or a credential's.
	ClientID string
	// Subject is the user or the client; User tells which.
	Subject string
	User    bool
	// Grant is the grant_type of the login. Source is as in event.Token.
	Grant, Source string
	// Roles are all that the caller had, Scope what the token got.
	Roles []string
	Scope string
	// Claims and Response are the identity's own.
	Claims, Response map[string]any
	// Client is the address of the login.
	Client netip.Addr
	// StartedAt is the login; ExpiresAt when the newest refresh token ends.
	StartedAt, ExpiresAt time.Time
	// Generation is that of the newest refresh token, which is how many
	// refreshes were made; MaxRefreshes how many there may be.
	Generation, MaxRefreshes int
	// MaxActive is how many families the subject may have with this owner; the
	// oldest end when one more starts. 0 means no limit.
	MaxActive int
	// Ended says why the login has ended; "" while it lives.
	Ended string
}

// Redemption exchanges the refresh token of one generation for the next.
type Redemption struct {
	Environment string
	ID          FamilyID
	Generation  int
	// ClientID must be the family's: a stolen token is worthless to others.
	ClientID string
	// Lifetime is how long the successor lives; Grace how long a spent token
	// gives the same successor.
	Lifetime, Grace time.Duration
}

// RedeemOutcome is how a redemption ended.
type RedeemOutcome string

// The outcomes. The first two give a token.
const (
	// Redeemed: this call won; the successor is Generation + 1.
	Redeemed RedeemOutcome = "redeemed"
	// Repeated: the token was spent within the window; the same successor.
	Repeated RedeemOutcome = "repeated"
	// UsedUp: all refreshes were made. The family has ended with this.
	UsedUp RedeemOutcome = "used up"
	// Reused: a spent token after its window. The family is revoked by this.
	Reused RedeemOutcome = "reused"
	// Lapsed: the refresh token has expired.
	Lapsed RedeemOutcome = "expired"
	// Unknown: there is no such family of this client, or it has ended.
	Unknown RedeemOutcome = "unknown"
)

// Store keeps refresh families and revocations for all nodes. An error means
// that it could not be asked; nothing is issued then. The times are those of the
// store's own clock, which all nodes share.
type Store interface {
	// StartFamily keeps a new family and ends the oldest over MaxActive.
	StartFamily(ctx context.Context, f Family) error
	// FindFamily is a family, whatever the state of its tokens, and whether it
	// lives; the zero Family when there is none.
	FindFamily(ctx context.Context, environment string, id FamilyID) (Family, bool, error)
	// RedeemFamily decides a redemption in one statement, so that of any number
	// at once one wins. The family comes with Redeemed, Repeated and Reused, as
	// it is afterwards.
	RedeemFamily(ctx context.Context, r Redemption) (Family, RedeemOutcome, error)
	// EndFamily ends a family, when it is that client's; no token of it can be
	// redeemed any more. False means that there was none.
	EndFamily(ctx context.Context, environment string, id FamilyID, clientID, reason string) (bool, error)
	// RevokeTokens makes access tokens worthless on every node within a second.
	RevokeTokens(ctx context.Context, environment string, e revoke.Entry, reason string) error
}
