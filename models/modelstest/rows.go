package modelstest

import (
	"context"
	"testing"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models"
)

// By is who the builders act as.
func By() models.Actor { return models.Actor{Name: "tester"} }

// Project finds or creates a project.
func Project(t testing.TB, s *models.Store, name string) models.Project {
	t.Helper()
	p, _, err := s.EnsureProject(context.Background(), By(), name, "")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Environment finds or creates an environment at http://<name>.test.
func Environment(t testing.TB, s *models.Store, name string) models.Environment {
	t.Helper()
	e, _, err := s.EnsureEnvironment(context.Background(), By(), name, "http://"+name+".test")
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// User creates a user with a password.
func User(t testing.TB, s *models.Store, name, role, password string) models.User {
	t.Helper()
	u, err := s.CreateUser(context.Background(), By(), models.User{Name: name, Role: role}, secret.New(password))
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// JWT is a valid JWT policy: tokens of 15 minutes, ES256.
func JWT(name string, changes ...func(*jwtauth.Config)) *jwtauth.Config {
	c := jwtauth.NewForm()
	c.Name, c.JWTSignatureAlgorithm = name, keys.ES256 // the key that is made fastest
	for _, change := range changes {
		change(c)
	}
	return c
}

// Policy saves a global JWT policy.
func Policy(t testing.TB, s *models.Store, projectID, name string, changes ...func(*jwtauth.Config)) models.Policy {
	t.Helper()
	p, err := s.SavePolicy(context.Background(), By(), projectID, "", 0, JWT(name, changes...))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Proxy saves a proxy at /<name>.
func Proxy(t testing.TB, s *models.Store, projectID, name string, changes ...func(*models.Owner)) models.Owner {
	t.Helper()
	p := models.Owner{
		Name: name, Route: engine.Route{BasePath: "/" + name}, Upstream: engine.Upstream{URL: "http://127.0.0.1:9"},
	}
	for _, change := range changes {
		change(&p)
	}
	saved, _, err := s.SaveProxy(context.Background(), By(), projectID, p)
	if err != nil {
		t.Fatal(err)
	}
	return saved
}

// Bind binds a global policy to all calls of a proxy and returns the proxy as
// it is then.
func Bind(t testing.TB, s *models.Store, p models.Owner, global models.Policy) models.Owner {
	t.Helper()
	b := models.NewBinding{Scope: policy.All, Pipeline: policy.Request, PolicyID: global.ID}
	if _, err := s.AddBinding(context.Background(), By(), p.ProjectID, p.ID, p.Version, b); err != nil {
		t.Fatal(err)
	}
	return Reload(t, s, p)
}

// Reload reads an owner again.
func Reload(t testing.TB, s *models.Store, p models.Owner) models.Owner {
	t.Helper()
	p, err := s.Owner(context.Background(), p.ProjectID, p.Kind, p.Name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Deploy deploys a proxy and returns what that did.
func Deploy(t testing.TB, s *models.Store, p models.Owner, environment string) models.DeployResult {
	t.Helper()
	r, err := s.Deploy(context.Background(), By(), p.ProjectID, p.ID, environment, "")
	if err != nil {
		t.Fatal(err)
	}
	return r
}
