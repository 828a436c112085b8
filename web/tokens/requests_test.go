package tokens_test

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/web/tokens"
	"github.com/gatewright/gatewright/web/ui"
)

func labels(c ui.Chart) []string {
	var list []string
	for _, s := range c.Series {
		list = append(list, fmt.Sprintf("%s %d", s.Label, s.Total()))
	}
	return list
}

func TestFiguresKeepOneColourForOneThing(t *testing.T) {
	t.Parallel()
	issued, refused := tokens.Draw(time.Now(), time.Hour, 2, []tokens.Count{
		{Bar: 0, Grant: "password", Count: 1}, {Bar: 1, Grant: "client_credentials", Count: 5}, {Bar: 0, Grant: "password", Error: "invalid_grant", Count: 9},
		{Bar: 7, Grant: "password", Count: 100}, // outside
	}, tokens.ByGrant)
	if diff := cmp.Diff([]string{"Password 1", "Client credentials 5"}, labels(issued)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"Password 9", "Client credentials 0"}, labels(refused)); diff != "" {
		t.Error(diff)
	}
}

func TestFiguresPutTogetherWhatHasNoColourLeft(t *testing.T) {
	t.Parallel()
	var counts []tokens.Count
	for i := range 9 {
		counts = append(counts, tokens.Count{Source: fmt.Sprintf("LDAP:%d", i), Count: 10 - i})
	}
	issued, _ := tokens.Draw(time.Now(), time.Hour, 1, counts, tokens.BySource)
	if diff := cmp.Diff([]string{"LDAP:0 10", "LDAP:1 9", "LDAP:2 8", "LDAP:3 7", "LDAP:4 6", "4 others 14"}, labels(issued)); diff != "" {
		t.Error(diff)
	}
}

func TestAQueryKeepsOnlyWhatItKnows(t *testing.T) {
	t.Parallel()
	q := tokens.Requests(url.Values{"who": {" ada "}, "before": {"1.1"}, "evil": {"x"}, "owner": {""}})
	if got := q.URL(); got != "/token-requests?before=1.1&who=ada" {
		t.Errorf("got %s", got)
	}
	if got := q.With("who", "", "grant", "a b&c").URL(); got != "/token-requests?grant=a+b%26c" {
		t.Errorf("with another filter: %s", got)
	}
}

func TestManagementComesBackFromItsForm(t *testing.T) {
	t.Parallel()
	m := issue.DefaultManagement()
	m.ExtendedResponse, m.IncludeScope, m.RefreshGraceSeconds = true, false, 0
	if got := tokens.ReadManagement(tokens.WriteManagement(m)); got != m {
		t.Errorf("got %+v", got)
	}
	values := tokens.WriteManagement(m)
	for _, name := range tokens.ManagementOrder() {
		if _, ok := values[name]; !ok || tokens.SettingLabels()[name] == "" {
			t.Errorf("%s has no value or no label", name)
		}
		delete(values, name)
	}
	if len(values) != 0 {
		t.Errorf("not in the form: %v", values)
	}
}

func TestTheBuiltInSourceIsCalledAsInTheMenu(t *testing.T) {
	t.Parallel()
	for stored, want := range map[string]string{"SECRET_MANAGER": "Secret Manager", "secret_manager": "secret_manager", "Staff LDAP": "Staff LDAP", "": ""} {
		if got := tokens.SourceName(stored); got != want {
			t.Errorf("%q is called %q, want %q", stored, got, want)
		}
	}
}
