package visit_test

import (
	"net/netip"
	"os"
	"testing"

	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

func TestMain(m *testing.M) { os.Exit(modelstest.Main(m)) }

// A request that changes something has to see what has changed.
func TestOnlyARequestThatLooksKeepsWhatItRead(t *testing.T) {
	t.Parallel()
	store := modelstest.Open(t, modelstest.Database(t))
	user := models.User{ID: "1", Role: models.RoleAdministrator}
	looking, changing := visit.New(user, "", netip.Addr{}, nil), visit.New(user, "", netip.Addr{}, nil)
	looking.OnlyLooks()
	count := func(v *visit.Visit) (projects, environments int) {
		t.Helper()
		p, err := v.Projects(t.Context(), store)
		if err != nil {
			t.Fatal(err)
		}
		e, err := v.Environments(t.Context(), store)
		if err != nil {
			t.Fatal(err)
		}
		if p[0].Name != "First" {
			t.Errorf("a caller changed what is kept: %+v", p[0])
		}
		p[0].Name = "changed"
		return len(p), len(e)
	}
	modelstest.Project(t, store, "First")
	modelstest.Environment(t, store, "production")
	for _, v := range []*visit.Visit{looking, changing} {
		if p, e := count(v); p != 1 || e != 1 {
			t.Fatalf("%d projects and %d environments", p, e)
		}
	}
	second := modelstest.Project(t, store, "Second")
	modelstest.Environment(t, store, "test")
	if p, e := count(looking); p != 1 || e != 1 {
		t.Errorf("who looks reads again: %d projects and %d environments", p, e)
	}
	if p, e := count(changing); p != 2 || e != 2 {
		t.Errorf("who changes something has old ones: %d projects and %d environments", p, e)
	}
	for name, want := range map[string]string{"First": "First", "second": second.Name} {
		if p, err := looking.FindProject(t.Context(), store, name); err != nil || p.Name != want {
			t.Errorf("%s is %+v, %v", name, p, err)
		}
	}
}
