package models_test

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

func TestMain(m *testing.M) {
	modelstest.ChangesDiffer = true
	os.Exit(modelstest.Main(m))
}

func TestInstallDemo(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	first, err := s.InstallDemo(t.Context(), "http://127.0.0.1:9000")
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Bundle(t.Context(), "production")
	if err != nil {
		t.Fatal(err)
	}
	if !first.Created || len(b.Owners) != 1 || b.Owners[0].Client.ID != first.ClientID {
		t.Fatalf("installed %+v, bundle %+v", first, b.Owners)
	}
	if ok, err := secret.Verify(b.Owners[0].Client.SecretHash, first.Secret.Reveal()); err != nil || !ok {
		t.Errorf("the secret does not verify: %v", err)
	}
	if _, err := engine.Compile(t.Context(), b, nil, engine.Deps{Types: policy.Set{jwtauth.Type()}}); err != nil {
		t.Error(err)
	}
	again, err := s.InstallDemo(t.Context(), "http://127.0.0.1:9001")
	if err != nil {
		t.Fatal(err)
	}
	want := models.Demo{ClientID: first.ClientID, Environment: "production", BasePath: "/echo", Project: "Demo", Proxy: "echo"}
	if again.Created || !again.Secret.IsZero() || again != want {
		t.Errorf("the second time: %+v", again)
	}
	after, err := s.Bundle(t.Context(), "production")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b.Owners, after.Owners); diff != "" || b.Generation != after.Generation {
		t.Errorf("the second time changed what runs:\n%s", diff)
	}
}

func TestInstallDemoTouchesNothingThatExists(t *testing.T) {
	t.Parallel()
	t.Run("a policy of that name is bound as it is", func(t *testing.T) {
		s := newBench(t)
		project := modelstest.Project(t, s.Store, "demo")
		own := modelstest.Policy(t, s.Store, project.ID, "Demo-JWT", func(c *jwtauth.Config) { c.JWTSignatureAlgorithm = keys.HS256 })
		if _, err := s.InstallDemo(t.Context(), "http://127.0.0.1:9000"); err != nil {
			t.Fatal(err)
		}
		if after, err := s.PolicyByID(t.Context(), project.ID, own.ID); err != nil || after.Version != own.Version || after.Used != 1 {
			t.Errorf("got %+v, %v", after, err)
		}
	})
	t.Run("a taken path leaves nothing behind", func(t *testing.T) {
		s := newBench(t)
		modelstest.Proxy(t, s.Store, s.project, "echo")
		_, records, err := s.Audit(t.Context(), models.Everywhere, models.AuditFilter{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.InstallDemo(t.Context(), "http://127.0.0.1:9000")
		wantProblem(t, err, "basePath")
		_, err = s.Project(t.Context(), "Demo")
		wantNotFound(t, err)
		if _, after, err := s.Audit(t.Context(), models.Everywhere, models.AuditFilter{}); err != nil || after != records {
			t.Errorf("%d records of what did not happen (%v)", after.Total-records.Total, err)
		}
	})
}

func TestEnsure(t *testing.T) {
	t.Parallel()
	s := newBench(t)
	t.Run("an environment that exists is left as it is", func(t *testing.T) {
		e, created, err := s.EnsureEnvironment(t.Context(), by, "PRODUCTION", "https://elsewhere.test/")
		if err != nil || created || e.PublicURL != "http://production.test" || e.Type != models.Production {
			t.Errorf("got %+v, %v, %v", e, created, err)
		}
	})
	t.Run("its type follows from its name", func(t *testing.T) {
		for name, want := range map[string]string{"test-eu": models.Test, "Sandbox": models.Sandbox, "staging": models.Test, "eu": models.Production} {
			if e := modelstest.Environment(t, s.Store, name); e.Type != want {
				t.Errorf("%s is %s", name, e.Type)
			}
		}
		list, err := s.Environments(t.Context())
		if err != nil || len(list) != 5 || list[0].Name != "eu" || list[1].Name != "production" {
			t.Errorf("got %+v, %v", list, err)
		}
	})
	t.Run("a slash at the end of the URL goes", func(t *testing.T) {
		e, _, err := s.EnsureEnvironment(t.Context(), by, "slash", "https://api.test/base/")
		if err != nil || e.PublicURL != "https://api.test/base" {
			t.Errorf("got %+v, %v", e, err)
		}
	})
	for _, url := range []string{"", "api.test", "ftp://api.test", "https://u:p@api.test", "https://api.test?x", "https://api.test#x", "https://"} {
		_, _, err := s.EnsureEnvironment(t.Context(), by, "bad", url)
		wantProblem(t, err, "publicUrl")
	}
	_, _, err := s.EnsureEnvironment(t.Context(), by, "a/b", "https://api.test")
	wantProblem(t, err, "name")
	_, _, err = s.EnsureProject(t.Context(), by, " x", "")
	wantProblem(t, err, "name")
	if _, created, err := s.EnsureProject(t.Context(), by, "sHOP", ""); err != nil || created {
		t.Errorf("created %v, %v", created, err)
	}
}
