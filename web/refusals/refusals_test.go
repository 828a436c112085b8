package refusals

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/web/ui"
)

func TestPagesThatTheFixNamesBecomeLinks(t *testing.T) {
	t.Parallel()
	places := map[string]string{"Access page": "/access", "Credentials": "/credentials", "Audit": "/audit"}
	for fix, want := range map[string][]part{
		"":                              nil,
		"Nothing to see.":               {{Text: "Nothing to see."}},
		"On the Access page.":           {{Text: "On the "}, {"Access page", "/access"}, {Text: "."}},
		"Credentials, then Audit":       {{}, {"Credentials", "/credentials"}, {Text: ", then "}, {"Audit", "/audit"}},
		"Look at the Keys page instead": {{Text: "Look at the Keys page instead"}},
	} {
		f := Finding{Explanation: fault.Explanation{Fix: fix}, Places: places}
		if diff := cmp.Diff(want, f.parts()); diff != "" {
			t.Errorf("%q (-want +got):\n%s", fix, diff)
		}
	}
}

func TestAFindingSaysWhoseDecisionItWas(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		f          Finding
		title, end string
		tone       ui.Tone
	}{
		"a policy's": {OfCall(event.Access{Fault: fault.RoleMissing, Policy: "standard", Status: 403}, fault.Explanation{}),
			"You have not the role that this call needs", "the policy standard refused it.", ui.ToneWarning},
		"the gateway's": {OfCall(event.Access{Fault: fault.NotFound, Status: 404}, fault.Explanation{}),
			"No API is served at this address", "the gateway refused it.", ui.ToneWarning},
		"the API's": {OfCall(event.Access{Fault: fault.UpstreamTimeout, Policy: "", Status: 504}, fault.Explanation{}),
			"The API did not answer in time", "the API behind the proxy failed.", ui.ToneDanger},
		"a token request's": {OfToken(7, event.Token{Fault: fault.UserRefused, Policy: "standard", Error: "invalid_grant", Status: 400}),
			"The user name or the password is wrong", "the policy standard refused it.", ui.ToneWarning},
		"a token request's of long ago":     {OfToken(7, event.Token{Error: "invalid_scope", Status: 400}), "Refused: invalid_scope", "the gateway refused it.", ui.ToneWarning},
		"nobody's, as a token was issued":   {OfToken(7, event.Token{Status: 200, TokenID: "x"}), "Not refused", ").", ui.ToneSuccess},
		"a row's that this version has not": {OfCall(event.Access{Fault: "OLD", Status: 403}, fault.Explanation{}), "Refused", "the gateway refused it.", ui.ToneWarning},
	} {
		if tt.f.title() != tt.title || !strings.HasSuffix(tt.f.by(), tt.end) || tt.f.tone() != tt.tone {
			t.Errorf("%s: %q, %q, %s", name, tt.f.title(), tt.f.by(), tt.f.tone())
		}
	}
}

func TestATokenRequestIsToldByItsRowOrItsReason(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	f := OfToken(7, event.Token{Time: at, Error: "invalid_grant", Fault: fault.CredentialSecret, ClientID: "mobile", Client: netip.MustParseAddr("192.0.2.7")})
	if f.Explanation != fault.Explain(fault.CredentialSecret, nil) || f.Who != "mobile" || f.Client != "192.0.2.7" || f.Request != "/token-requests/7" || f.Time != at {
		t.Errorf("%+v", f)
	}
	if f := OfToken(7, event.Token{Error: "x", Reason: "the client is away"}); f.Why != "The client is away." {
		t.Errorf("why %q", f.Why)
	}
	if f := OfToken(7, event.Token{Error: "x"}); f.Why != "No reason was recorded." {
		t.Errorf("why %q", f.Why)
	}
}

func TestTheCodesOfTheFilterAreThoseOfCalls(t *testing.T) {
	t.Parallel()
	has := func(chosen, code string) (found bool) {
		for _, o := range codes(chosen) {
			found = found || o.Value == code
		}
		return found
	}
	if !has("", "ERR-044") || !has("", "") || has("", fault.Find(fault.GrantUnsupported).Code) || !has("MINE-1", "MINE-1") {
		t.Errorf("%+v", codes(""))
	}
	if f, ok := FaultOf("ERR-104"); f != fault.RoleMissing || !ok {
		t.Errorf("ERR-104 is %s, %v", f, ok)
	}
	if f, ok := FaultOf("ERR-999"); ok {
		t.Errorf("ERR-999 is %s", f)
	}
}
