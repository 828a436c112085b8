package jwtauth

import (
	"time"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/policy"
)

// notes are what the policies of a call need to find out only once, so that twenty cost
// little more than one. Each says on what it depends, and all are of one moment: whoever
// makes the call wait drops them (policy.Exchange.Waited). What is revoked may change
// within that moment and is not noted.
type notes struct {
	now       time.Time // zero: nothing is noted
	text      string    // the token, "" before it was read
	fromQuery bool
	finding
}

// finding is what is known of the token on the terms of by.
type finding struct {
	by    *shared
	token *verified
	// admitted tells that the credential of the token, caller, lets the call be made;
	// near that its address was asked for too.
	admitted, near bool
	caller         *identity.Credential
	// recorded tells that the call has the identity of the token.
	recorded bool
}

// Reset implements policy.Notes.
func (n *notes) Reset() { *n = notes{} }

// notes are those of a call. The clock is read with the first of them.
func (s *step) notes(x *policy.Exchange) *notes {
	n, ok := x.Notes.(*notes)
	if !ok {
		n = &notes{}
		x.Notes = n
	}
	if n.now.IsZero() {
		n.now = s.now()
	}
	return n
}

// take notes the token of a call. One that came in the header may have come so whatever
// a policy says about the query.
func (s *step) take(x *policy.Exchange, n *notes) (err error) {
	if n.text == "" || n.fromQuery && !s.inQuery {
		n.finding = finding{}
		n.text, n.fromQuery, err = bearer(x, s.inQuery)
	}
	return err
}

// find notes what the token is on the policy's terms.
func (s *step) find(x *policy.Exchange, n *notes) error {
	if n.by == s.shared {
		return nil
	}
	check, v := event.TokenRemembered, s.cache.find(n.text, n.now.Unix())
	if v == nil {
		var err error
		if v, err = s.load(x.Client, n.text, n.now); err != nil {
			return err
		}
		check = event.TokenVerified
	}
	if x.TokenCheck != event.TokenVerified {
		x.TokenCheck = check
	}
	n.finding = finding{by: s.shared, token: v}
	return nil
}
