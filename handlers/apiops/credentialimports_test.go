package apiops_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/models"
)

const credentialImports = inDefault + "credentialImports/"

// sends uploads a file of credentials.
func (c *client) sends(t *testing.T, path, file string, fields map[string]string) answer {
	t.Helper()
	return c.do(t, call{method: http.MethodPost, path: path, body: parts(t, map[string]string{"file": file}, fields), wrong: true})
}

// imported is an import of credentials once it has ended.
func (c *client) imported(t *testing.T, project string, started answer) answer {
	t.Helper()
	at := project + "credentialImports/" + started.want(t, http.StatusAccepted).json(t)["result"].(map[string]any)["id"].(string) + "/"
	for {
		a := c.get(t, at).want(t, http.StatusOK)
		if a.json(t)["result"].(map[string]any)["state"] != "RUNNING" {
			return a
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestCredentialsAreImportedAsPlanned(t *testing.T) {
	t.Parallel()
	c := begin(t)
	c.send(t, http.MethodPost, credentialRoles, `{"name":"reader"}`).want(t, http.StatusOK)
	c.send(t, http.MethodPost, credentialsAt, `{"username":"anna","password":"a good secret phrase"}`).want(t, http.StatusOK)
	const file = "username,password,fullName,roles\nanna,,Anna,reader\nbert,another good phrase,Bert,\n"
	c.sends(t, credentialImports+"plan/", file, nil).want(t, http.StatusOK).holds(t, `{"created":1,"updated":0,"skipped":1,"refused":0,"lines":[
		{"line":2,"username":"anna","action":"skip","changes":["exists already"],"problems":[]},{"line":3,"username":"bert","action":"create","changes":[]}]}`)
	plan := c.sends(t, credentialImports+"plan/", file, map[string]string{"override": "true"}).want(t, http.StatusOK).
		holds(t, `{"created":1,"updated":1,"lines":[{"action":"update","changes":["full name","roles"]},{}]}`)
	if _, err := c.site.Store.Credential(t.Context(), c.site.Project.ID, "bert"); err == nil {
		t.Error("a plan has written")
	}
	digest := plan.json(t)["digest"].(string)
	c.sends(t, credentialImports, file, map[string]string{"digest": digest}).want(t, http.StatusConflict) // it would leave anna alone
	started := c.sends(t, credentialImports, file, map[string]string{"override": "true", "digest": digest})
	c.imported(t, inDefault, started).holds(t, `{"result":{"state":"DONE","created":1,"updated":1,"skipped":0,"hashed":1,"toHash":1,"reason":""}}`)
	c.get(t, credentialsAt+"anna/").want(t, http.StatusOK).holds(t, `{"result":{"fullName":"Anna","roleNameList":["reader"]}}`)
	c.get(t, credentialsAt+"bert/").want(t, http.StatusOK).holds(t, `{"result":{"fullName":"Bert"}}`)
	if strings.Contains(started.Body+plan.Body, "another good phrase") {
		t.Error("a secret is answered")
	}
}

func TestAFileOfCredentialsIsRefusedWhole(t *testing.T) {
	t.Parallel()
	c := begin(t)
	const bad = "username,password,roles\nbert,another good phrase,\ncarl,,nobody\nbert,again the phrase,\n"
	c.sends(t, credentialImports+"plan/", bad, nil).want(t, http.StatusOK).holds(t, `{"created":1,"refused":2,"lines":[{"action":"create"},
		{"line":3,"action":"refuse","problems":[{"field":"password"},{"field":"roles"}]},{"line":4,"action":"refuse","problems":[{"field":"username","message":"The name stands in line 2 already."}]}]}`)
	a := c.sends(t, credentialImports, bad, nil).want(t, http.StatusBadRequest)
	a.namesFields(t, "file")
	if !strings.Contains(a.Body, "Line 3: password: ") {
		t.Errorf("the lines are not named: %s", a.Body)
	}
	if _, total, err := c.site.Store.Credentials(t.Context(), c.site.Project.ID, models.CredentialFilter{Page: 1, PerPage: 10}); err != nil || total != 0 {
		t.Errorf("%d credentials were written, %v", total, err)
	}
	for _, at := range []string{credentialImports, credentialImports + "plan/"} {
		for name, file := range map[string]string{"nothing": "", "a file without a header": "bert,another good phrase\n", "another encoding": "username\n\xff\n"} {
			if a := c.sends(t, at, file, nil); a.Status != http.StatusBadRequest || !strings.Contains(a.Body, `"field":"file"`) {
				t.Errorf("%s is answered %d: %s", name, a.Status, a.Body)
			}
		}
		c.sends(t, at, "username#password\n", map[string]string{"override": "maybe"}).want(t, http.StatusBadRequest).namesFields(t, "override")
		c.sends(t, at, strings.Repeat("a", models.MaxImportBytes+1), nil).want(t, http.StatusRequestEntityTooLarge)
		c.do(t, call{method: http.MethodPost, path: at, body: parts(t, nil, nil), wrong: true}).want(t, http.StatusBadRequest).namesFields(t, "file")
		c.do(t, call{method: http.MethodPost, path: at, body: upload{"text/csv", []byte("username\n")}, wrong: true}).want(t, http.StatusUnsupportedMediaType)
	}
}

func TestAttackAnImportIsOnlyForWhoStartedIt(t *testing.T) {
	t.Parallel()
	c := begin(t)
	var many strings.Builder
	many.WriteString("username,password\n")
	for i := range 60 {
		fmt.Fprintf(&many, "user-%d,a good secret phrase\n", i)
	}
	started := c.sends(t, credentialImports, many.String(), nil)
	at := credentialImports + started.want(t, http.StatusAccepted).json(t)["result"].(map[string]any)["id"].(string) + "/"
	c.sends(t, credentialImports, "username,password\nlast,a good secret phrase\n", nil).want(t, http.StatusConflict) // one at a time
	other := c.member(t, "mallory", "Default", models.ManageIdentity)
	other.get(t, at).want(t, http.StatusNotFound)
	c.get(t, strings.Replace(at, "/Default/", "/Absent/", 1)).want(t, http.StatusNotFound)
	c.imported(t, inDefault, started).holds(t, `{"result":{"state":"DONE","created":60}}`)
	kept, err := c.site.Store.KeepImport(t.Context(), models.Actor{Name: "ada"}, c.site.Project.ID, []byte("username#password"), models.ImportOptions{})
	must(t, err)
	c.get(t, credentialImports+kept+"/").want(t, http.StatusNotFound) // previewed in the console, begun by nobody
	saved, err := c.site.Store.Credential(t.Context(), c.site.Project.ID, "user-59")
	must(t, err)
	if saved.Stamp.CreatedBy != "ada" {
		t.Errorf("it was written by %q", saved.Stamp.CreatedBy)
	}
}
