package token

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/fault"
)

// levels are all that has a say in the words of a refusal. Templates of a proxy
// have none: clients read the answers of RFC 6749.
func (l *login) levels() fault.Levels {
	levels := fault.Levels{Platform: l.d.Messages()}
	if l.settings != nil {
		levels.Policy = l.settings.Answers
	}
	return levels
}

// body is the answer of RFC 6749 section 5.2. What was customized comes as
// further members, which the RFC lets clients ignore; none takes the place of
// its own.
func (f *failure) body(levels fault.Levels, q *condition.Request) answer {
	var a answer
	a.put(true, "error", f.code)
	a.put(true, "error_description", f.text)
	if !levels.Customized(f.row) {
		return a
	}
	if q == nil {
		q = &condition.Request{}
	}
	if said := levels.Answer(f.row, fault.Facts{Request: q}); said.Origin != fault.Default {
		a.putAll(members(said.Body), func(string) bool { return true })
	}
	return a
}

// members are those of a JSON object; anything else is one message.
func members(body []byte) map[string]any {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var object map[string]any
	if err := d.Decode(&object); err != nil || object == nil {
		return map[string]any{"message": string(body)}
	}
	return object
}

// examples are the refusals of token requests by their row, for previews.
var examples = func() map[fault.Type]*failure {
	m := map[fault.Type]*failure{}
	for _, f := range []*failure{
		malformed("Send the parameter grant_type."), unsupported(), unauthorized("No tokens are issued for this client.", ""),
		refusedScope(""), invalidTarget("Name the API with the parameter resource."), refusedRefresh(""), throttled(0, ""), overloaded(""),
		accessDenied(""), unmet(""),
		{code: serverError, status: http.StatusInternalServerError, text: "The token could not be issued.", row: fault.TokenFailed},
	} {
		m[f.row] = f
	}
	for _, row := range []fault.Type{fault.ClientUnknown, fault.ClientRefused, fault.WrongTokenPath, fault.CredentialSecret} {
		m[row] = refusedClient("", row)
	}
	for _, row := range []fault.Type{fault.UserRefused, fault.CredentialUnknown, fault.CredentialExpired, fault.CredentialEnvironment, fault.CredentialProxyDenied} {
		m[row] = refusedGrant("", row)
	}
	return m
}()

// Preview is what a token request that fails with t is answered; false when none
// does.
func Preview(t fault.Type, levels fault.Levels, q *condition.Request) (status int, header http.Header, body []byte, ok bool) {
	f, ok := examples[t]
	if !ok {
		return 0, nil, nil, false
	}
	w := unsent{header: http.Header{"X-Content-Type-Options": {"nosniff"}}}
	f.header(w.header)
	writeJSON(&w, f.status, f.body(levels, q))
	return w.status, w.header, w.Bytes(), true
}

// unsent is an answer that nobody is sent.
type unsent struct {
	bytes.Buffer
	header http.Header
	status int
}

// Header is the answer's header.
func (u *unsent) Header() http.Header { return u.header }

// WriteHeader keeps the status.
func (u *unsent) WriteHeader(status int) { u.status = status }
