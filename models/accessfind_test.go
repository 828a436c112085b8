package models_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

// choices are what was found, in one line.
func choices(list []models.AccessChoice, total int, err error) string {
	var words []string
	for _, c := range list {
		word := c.Name + " " + c.Text
		if c.Granted {
			word += " (granted)"
		}
		words = append(words, word)
	}
	return fmt.Sprint(strings.Join(words, ", "), " of ", total, " ", err)
}

func TestNamesForAccessAreFoundByWhatIsTyped(t *testing.T) {
	t.Parallel()
	v := granted(t)
	v.grant(models.NewGrants{Credentials: []string{"anna"}, Proxies: []string{"stock"}})
	v.save(draft("hannah", func(d *models.CredentialDraft) { d.FullName = "Hannah A." }))
	other := modelstest.Project(t, v.Store, "Other")
	modelstest.Proxy(t, v.Store, other.ID, "elsewhere")
	find := func(f func(string, string) ([]models.AccessChoice, int, error), text, with, want string) {
		t.Helper()
		if got := choices(f(text, with)); got != want {
			t.Errorf("%q with %q finds %s, want %s", text, with, got, want)
		}
	}
	proxies := func(text, with string) ([]models.AccessChoice, int, error) {
		return v.FindProxies(t.Context(), v.project.ID, text, with, 2)
	}
	credentials := func(text, with string) ([]models.AccessChoice, int, error) {
		return v.FindCredentials(t.Context(), v.project.ID, text, with, 2)
	}
	find(proxies, "", "", "orders /orders, stock /stock of 2 <nil>")
	find(proxies, "/ST", "ANNA", "stock /stock (granted) of 1 <nil>")
	find(proxies, "stock", "bert", "stock /stock of 1 <nil>")
	find(proxies, "%", "", " of 0 <nil>")
	find(proxies, "\x00", "\xff", " of 0 <nil>")
	find(proxies, "elsewhere", "", " of 0 <nil>")
	find(credentials, "a", "stock", "anna  (granted), hannah Hannah A. of 2 <nil>")
	find(credentials, "hannah a", "", "hannah Hannah A. of 1 <nil>")
	find(credentials, "", "", "anna , bert  of 3 <nil>")
	if _, _, err := v.FindProxies(t.Context(), "nonsense", "", "", 2); !errors.Is(err, models.ErrNotFound) {
		t.Errorf("no project: %v", err)
	}
}

func TestAttackAFloodOfNamesIsRefusedAndNotLookedUp(t *testing.T) {
	t.Parallel()
	v := granted(t)
	many := make([]string, 100_000)
	for i := range many {
		many[i] = fmt.Sprintf("name-%d", i)
	}
	t.Run("of grants", func(t *testing.T) {
		_, err := v.GrantAccess(t.Context(), by, v.project.ID, models.NewGrants{Credentials: many, Proxies: []string{"orders"}})
		wantProblemSaying(t, err, "credentials", "100000")
		counting, n := models.Counting(v.Store)
		_, err = counting.GrantAccess(t.Context(), by, v.project.ID, models.NewGrants{Credentials: many[:models.MaxNewGrants], Proxies: []string{"orders"}})
		wantProblemSaying(t, err, "credentials", `"name-0"`)
		if n.Load() > 10 {
			t.Errorf("%d statements look for a thousand names", n.Load())
		}
	})
	t.Run("of roles of a credential", func(t *testing.T) {
		_, _, err := v.SaveCredential(t.Context(), by, v.project.ID, "", 0, draft("carl", func(d *models.CredentialDraft) { d.Roles = many }))
		wantProblemSaying(t, err, "roleNameList", "100")
	})
	t.Run("of roles in an import", func(t *testing.T) {
		plan := v.planned("username,password,roles\ncarl,a-good-secret-1,"+strings.Join(many[:70_000], " ")+"\n", models.ImportOptions{})
		if plan.Count(models.ImportError) != 1 {
			t.Errorf("planned as %s", said(plan)[:100])
		}
	})
	t.Run("of cells in an import", func(t *testing.T) {
		plan := v.planned("username,password\ncarl,a-good-secret-1"+strings.Repeat(",x", 100_000)+"\n", models.ImportOptions{})
		if n := len(plan.Lines[0].Problems); n != 1 {
			t.Errorf("%d problems of one line, want 1", n)
		}
	})
	t.Run("of environments with secrets, each a hash", func(t *testing.T) {
		_, _, err := v.SaveCredential(t.Context(), by, v.project.ID, "", 0, draft("carl", func(d *models.CredentialDraft) {
			for _, name := range many[:5_000] {
				d.Environments = append(d.Environments, models.CredentialOverride{Environment: name, OwnSecret: true, Secret: secret.New("a-good-secret-1")})
			}
		}))
		wantProblemSaying(t, err, "environments[4999].environment", "name-4999")
	})
}
