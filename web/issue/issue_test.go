package issue_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/htmlcheck"
	webissue "github.com/gatewright/gatewright/web/issue"
)

func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]issue.Settings{
		"never expiring": {GrantType: issue.Password, TokenNeverExpires: true, JWTSignatureAlgorithm: keys.RS256},
		"short": {
			GrantType: issue.ClientCredentials, TokenExpiresInAmount: 5, TokenExpiresInUnit: issue.Minutes,
			JWTSignatureAlgorithm: keys.ES256, AllowURLParameters: true,
		},
		"refreshed": {
			GrantType: issue.Password, TokenExpiresInAmount: 90, TokenExpiresInUnit: issue.Seconds, RefreshTokenAllowed: true, RefreshTokenCount: 7,
			RefreshTokenExpiresInAmount: 2, RefreshTokenExpiresInUnit: issue.Weeks, RefreshTokenMaxActive: 3, JWTSignatureAlgorithm: keys.HS512,
		},
	} {
		for _, prefix := range []string{"", "tokens."} {
			form := map[string]string{"name": "other"}
			webissue.Write(s).Into(form, prefix)
			got, problems := webissue.Read(form, prefix)
			if diff := cmp.Diff(s, got); diff != "" || len(problems) > 0 {
				t.Errorf("%s with prefix %q: %v\n%s", name, prefix, problems, diff)
			}
		}
	}
}

func TestAHiddenFieldKeepsNobodyFromSaving(t *testing.T) {
	t.Parallel()
	form := map[string]string{}
	webissue.Write(issue.Settings{GrantType: issue.Password, TokenNeverExpires: true, JWTSignatureAlgorithm: keys.RS256}).Into(form, "")
	form["tokenExpiresInAmount"], form["refreshTokenAllowed"], form["refreshTokenCount"] = "x", "true", "y"
	s, problems := webissue.Read(form, "")
	if problems = webissue.Problems(problems, s.Validate(), ""); len(problems) > 0 || s.RefreshTokenAllowed {
		t.Errorf("read %+v with %v", s, problems)
	}
}

func TestEachWrongFieldIsSaidOnceUnderItsName(t *testing.T) {
	t.Parallel()
	form := map[string]string{
		"t.grantType": "MAGIC", "t.tokenExpiresInAmount": "soon", "t.tokenExpiresInUnit": "MOONS", "t.refreshTokenAllowed": "true",
		"t.refreshTokenCount": "99999999999999999999", "t.refreshTokenExpiresInAmount": "", "t.refreshTokenExpiresInUnit": "HOURS",
		"t.refreshTokenMaxActive": "0", "t.jwtSignatureAlgorithm": "none",
	}
	s, problems := webissue.Read(form, "t.")
	problems = webissue.Problems(problems, s.Validate(), "t.")
	var fields []string
	for _, p := range problems {
		fields = append(fields, p.Field)
	}
	want := []string{
		"t.tokenExpiresInAmount", "t.refreshTokenExpiresInAmount", "t.grantType", "t.tokenExpiresInUnit", "t.refreshTokenCount",
		"t.refreshTokenMaxActive", "t.jwtSignatureAlgorithm",
	}
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}

func TestFieldsKeepWhatWasTyped(t *testing.T) {
	t.Parallel()
	var l problem.List
	l.Add("t.tokenExpiresInAmount", "Enter a whole number.")
	doc := htmlcheck.Render(t, webissue.Fields(webissue.Props{
		Prefix: "t.", Grant: true, Problems: l,
		Values: map[string]string{"t.tokenExpiresInAmount": "<b>soon", "t.tokenExpiresInUnit": "MOONS", "t.jwtSignatureAlgorithm": "none", "t.grantType": "PASSWORD"},
	}))
	htmlcheck.Sound(t, doc)
	if got := doc.One(t, "input[name='t.tokenExpiresInAmount'][autofocus]").Attr("value"); got != "<b>soon" {
		t.Errorf("the amount is %q", got)
	}
	for _, name := range []string{"t.tokenExpiresInUnit", "t.jwtSignatureAlgorithm"} {
		if got := doc.One(t, "select[name='"+name+"'] option[selected]").Attr("value"); got != "MOONS" && got != "none" {
			t.Errorf("%s is %q", name, got)
		}
	}
	if got := doc.One(t, "input[name='t.grantType'][checked]").Attr("value"); got != "PASSWORD" {
		t.Errorf("the grant is %q", got)
	}
}

func TestSettingsInWords(t *testing.T) {
	t.Parallel()
	var words []string
	for _, l := range webissue.Describe(webissue.Write(issue.Settings{
		GrantType: issue.Password, TokenExpiresInAmount: 1, TokenExpiresInUnit: issue.Hours, RefreshTokenAllowed: true, RefreshTokenCount: 3,
		RefreshTokenExpiresInAmount: 8, RefreshTokenExpiresInUnit: issue.Hours, JWTSignatureAlgorithm: keys.RS256,
	})) {
		words = append(words, l.Label+": "+l.Text)
	}
	want := "Grant Type: Password; Token Expires In: 1 hour; Refresh Token Allowed: Yes; Refresh Token Count: 3; Refresh Token Expires In: 8 hours; " +
		"Refreshable logins at once: No limit; JWT Signature Algorithm: RS256; Allow URL Parameters: No"
	if got := strings.Join(words, "; "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
