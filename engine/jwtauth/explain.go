package jwtauth

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/jwt"
)

// explained is a cause with the policy that it happened to: together they can
// tell what it means. Nothing is put into words until somebody asks.
type explained struct {
	error
	s *step
}

// Unwrap is the cause.
func (e *explained) Unwrap() error { return e.error }

// Explain says what the policy demands and what came instead. Where nothing is
// known beyond the row of the catalogue, that speaks.
func (e *explained) Explain() fault.Explanation {
	var known fault.Explainer
	var late *jwt.TimeError
	var other *jwt.MismatchError
	switch {
	case errors.As(e.error, &known):
		return known.Explain()
	case errors.As(e.error, &late):
		return outOfTime(late)
	case errors.As(e.error, &other):
		return e.s.unlike(other)
	}
	for _, m := range meanings {
		if errors.Is(e.error, m.cause) {
			return m.Explanation
		}
	}
	return fault.Explanation{}
}

// askAgain is what helps against most tokens.
const askAgain = "Have the client ask for a new token"

func outOfTime(e *jwt.TimeError) fault.Explanation {
	allowed := fmt.Sprintf("the policy allows a leeway of %s", fault.Lasting(int64(e.Leeway.Seconds())))
	clocks := "Compare the clocks of all gateway nodes, which should be set by NTP, or raise the policy's Clock leeway."
	switch e.Reason {
	case jwt.ErrExpired:
		return fault.Explanation{
			Why: fmt.Sprintf("The token expired %s ago; %s.", fault.Lasting(e.Now-e.Claim), allowed),
			Fix: askAgain + ", or refresh its login, before the old one ends. If tokens end too early for it, raise Token Expires In in the policy; if clocks differ, the Clock leeway.",
		}
	case jwt.ErrNotYetValid:
		return fault.Explanation{
			Why: fmt.Sprintf("The token is good only in %s; %s.", fault.Lasting(e.Claim-e.Now), allowed), Fix: clocks,
		}
	}
	return fault.Explanation{
		Why: fmt.Sprintf("The token says that it was issued %s from now, in the future; %s.", fault.Lasting(e.Claim-e.Now), allowed), Fix: clocks,
	}
}

func (s *step) unlike(e *jwt.MismatchError) fault.Explanation {
	got := quoted(e.Got)
	switch e.Reason {
	case jwt.ErrAudience:
		return s.otherAudience(got)
	case jwt.ErrIssuer:
		return fault.Explanation{
			Why: fmt.Sprintf("The token was issued by %s; this environment's tokens are issued by %s.", orNobody(got), fault.Quoted(e.Want)),
			Fix: askAgain + " at this environment's own address. If the address of the environment has just been changed, tokens of before are worthless and clients get new ones.",
		}
	case jwt.ErrAlgorithm:
		return s.otherAlgorithm(got, e.Want)
	case jwt.ErrKey:
		return fault.Explanation{
			Why: fmt.Sprintf("The token names the key %s, and this environment has no such key for %s: it is of another environment or installation, or the key was retired or revoked.", orNobody(got), fault.Quoted(e.Want)),
			Fix: askAgain + ". If many tokens fail since a rotation, look on the Keys page of the environment whether the old key was revoked, or retired while its tokens were still good.",
		}
	}
	return fault.Explanation{
		Why: fmt.Sprintf("What came is a token of the type %s; access tokens are of the type %s.", orNobody(got), fault.Quoted(e.Want)),
		Fix: "Have the client send the access token, and not a refresh token or an ID token.",
	}
}

func (s *step) otherAudience(got string) fault.Explanation {
	if !s.settings.Managed {
		return fault.Explanation{
			Why: fmt.Sprintf("The token is for %s, which is not the client that it names itself.", orNobody(got)),
			Fix: askAgain + " at /credential/jwt with its credential.",
		}
	}
	why := fmt.Sprintf("The token is for the client %s; this API's client id is %s.", orNobody(got), fault.Quoted(s.owner.ClientID))
	if len(s.also) > 0 {
		why += " Here the tokens of " + quoted(s.also) + " are good too: of the group that was called, or that holds the policy."
	}
	return fault.Explanation{
		Why: why,
		Fix: askAgain + " with the client id of this API: a token is good for one API only, and that of a group where the group is called. Look whether the client calls the API that it means, and the environment.",
	}
}

// otherAlgorithm: a credential that issues its own tokens names the algorithm,
// else the policy does.
func (s *step) otherAlgorithm(got, want string) fault.Explanation {
	who := "policy"
	if !s.settings.Managed {
		who = "credential"
	}
	return fault.Explanation{
		Why: fmt.Sprintf("The token says that it is signed with %s; the %s takes %s only.", orNobody(got), who, fault.Quoted(want)),
		Fix: fmt.Sprintf("%s with the client id of this API. If the %s's JWT Signature Algorithm was changed, tokens of before are refused from then on.", askAgain, who),
	}
}

// quoted are texts of a token as one.
func quoted(list []string) string {
	var out []string
	for _, text := range list {
		if text != "" {
			out = append(out, fault.Quoted(text))
		}
	}
	return strings.Join(out, ", ")
}

func orNobody(text string) string {
	if text == "" {
		return "nobody (the claim is missing or empty)"
	}
	return text
}

// meanings are the causes that need no facts to be explained.
var meanings = []struct {
	cause error
	fault.Explanation
}{
	{errOtherScheme, fault.Explanation{
		Why: "The Authorization header is there, but it does not begin with the word Bearer and a blank. It may be a Basic login, or a token without the word before it.",
		Fix: "Have the client send: Authorization: Bearer <token>. User name and password go to the token endpoint, not to the API.",
	}},
	{errNoCredential, fault.Explanation{
		Why: "The call has no Authorization header with a token in it. A token in a cookie or in the body does not count.",
		Fix: "Have the client ask for a token and send it as: Authorization: Bearer <token>. If it does so, look whether a proxy on the way takes the header off.",
	}},
	{errManyCredentials, fault.Explanation{
		Why: "The call has more than one credential: several Authorization headers, several tokens in one, or one in the address besides. The gateway does not choose, as the API might choose another.",
		Fix: "Have the client send exactly one token, in one Authorization header. A proxy on the way may add one of its own.",
	}},
	{errQueryCredential, fault.Explanation{
		Why: "The token came in the address (the query parameter access_token), which the settings do not allow.",
		Fix: "Have the client send it as: Authorization: Bearer <token>. Addresses end up in logs, so treat this token as leaked. If a client can do no other, switch on Allow URL Parameters.",
	}},
	{errTooLong, fault.Explanation{
		Why: fmt.Sprintf("The token is longer than %d KB, which no token of this gateway is.", jwt.MaxToken>>10),
		Fix: "Look what the client sends: it may be a token of another product, or several in one.",
	}},
	{jwt.ErrMalformed, fault.Explanation{
		Why: "What came is no complete signed JSON Web Token: it is cut off, encrypted, of another kind or not a token at all.",
		Fix: "Have the client send the access token exactly as it got it. If it is a token of another product, have the client ask here for one.",
	}},
	{jwt.ErrCritical, fault.Explanation{
		Why: "The token demands an extension (crit) that this gateway does not know, as tokens of this gateway never do.",
		Fix: askAgain + " here instead of sending one of another product.",
	}},
	{ErrForged, fault.Explanation{
		Why: "The signature is wrong, although the token names a key of this environment. Somebody changed the token, or it was damaged on the way.",
		Fix: askAgain + ". Many from one address are an attack: look under Security Events.",
	}},
	{jwt.ErrExpiryMissing, fault.Explanation{
		Why: "The token has no expiry, and the settings do not issue such tokens any more.",
		Fix: askAgain + ". To let tokens live for ever again, switch on Token Never Expires.",
	}},
	{ErrRevoked, fault.Explanation{
		Why: "The token was revoked before it expired: by a person, with its login, or because its credential or client secret was changed.",
		Fix: askAgain + "; if that is refused as well, Audit and Security Events say who revoked it and why.",
	}},
	{errAudiences, fault.Explanation{
		Why: "The token is for several clients at once. Tokens of this gateway are for one.",
		Fix: askAgain + " here instead of sending one of another product.",
	}},
	{errNoSubject, fault.Explanation{
		Why: "The token does not say whom it speaks for, or how it was obtained (sub, gty).",
		Fix: askAgain + ".",
	}},
	{errGrant, fault.Explanation{
		Why: "The token was obtained by another grant type than the settings allow now: a user's token where clients are let in, or the other way round.",
		Fix: askAgain + " with the Grant Type that the policy, or the credential, has now.",
	}},
	{errClient, fault.Explanation{
		Why: "The token says that it is a client's own and names two different clients.",
		Fix: askAgain + ".",
	}},
	{errStranger, fault.Explanation{
		Why: "The token is that of a credential, and the policy lets in only the key pair of the API proxy itself.",
		Fix: "Have the caller use the proxy's client id and secret, or switch on Clients with credentials of their own in the policy.",
	}},
	{errOwnName, fault.Explanation{
		Why: "The token was issued for the API proxy's own key pair, and the policy takes tokens of credentials only.",
		Fix: "Have the caller ask at /credential/jwt with a credential that has access to this API.",
	}},
	{errRoleName, fault.Explanation{
		Why: "A role in the token holds a blank, a comma or a control character. Handed on in a list, it would be read as two.",
		Fix: "Rename the role where the user's roles come from, and have the user log in again.",
	}},
	{errNoEndpoint, fault.Explanation{
		Why: "The policy asks for roles at single endpoints, and the API proxy names no endpoints. Nobody is let in then.",
		Fix: "Name the endpoints in the proxy and deploy it, or switch off Enable Role/Group Based Method Access in the policy.",
	}},
}
