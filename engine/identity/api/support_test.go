package api_test

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/identity/api"
	"github.com/gatewright/gatewright/engine/outgoing"
	"github.com/gatewright/gatewright/engine/secret"
)

// service is a real HTTP server that keeps what it was asked.
type service struct {
	*httptest.Server
	mu   sync.Mutex
	seen []request
}

type request struct {
	*http.Request
	body string
}

func serve(t testing.TB, answer http.HandlerFunc) *service {
	t.Helper()
	s := &service{}
	s.Server = httptest.NewServer(s.keep(answer))
	t.Cleanup(s.Close)
	return s
}

func (s *service) keep(answer http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.seen = append(s.seen, request{r, string(body)})
		s.mu.Unlock()
		answer(w, r)
	})
}

func (s *service) requests() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]request(nil), s.seen...)
}

// only is the one request that there was.
func (s *service) only(t testing.TB) request {
	t.Helper()
	all := s.requests()
	if len(all) != 1 {
		t.Fatalf("%d requests arrived, want one", len(all))
	}
	return all[0]
}

// says answers always the same.
func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// config is a working login against url.
func config(url string) *api.Config {
	c := api.New().(*api.Config)
	c.Name, c.URL, c.AllowPlaintext = "people", url, true
	c.Method, c.BodyType = "POST", api.JSONBody
	c.BodyTemplate = `{"user": "{{username}}", "pass": "{{password}}"}`
	return c
}

// bare is config without body and password, for look-ups.
func bare(url string) *api.Config {
	c := config(url)
	c.Method, c.BodyType, c.BodyTemplate = "GET", api.NoBody, ""
	return c
}

var loopback = func() outgoing.Rule {
	r, err := outgoing.Parse([]string{"127.0.0.0/8"})
	if err != nil {
		panic(err)
	}
	return r
}()

func open(t testing.TB, c *api.Config, secrets ...string) identity.Source {
	t.Helper()
	c.Normalize()
	if l := c.Validate(); len(l) > 0 {
		t.Fatalf("the configuration of the test is invalid: %v", l)
	}
	deps := identity.Deps{Allow: loopback.Allow, Secrets: map[string]secret.Text{}}
	for i := 0; i < len(secrets); i += 2 {
		deps.Secrets[secrets[i]] = secret.New(secrets[i+1])
	}
	s, err := c.Open(deps)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// login is the outcome in one word: accepted, refused or broken.
func login(t testing.TB, s identity.Source, name, password string) (string, identity.Identity, error) {
	t.Helper()
	id, ok, err := s.Authenticate(t.Context(), name, secret.New(password))
	switch {
	case err != nil && ok:
		t.Error("an error came with an acceptance")
	case err != nil:
		return "broken", id, err
	case !ok:
		return "refused", id, nil
	}
	return "accepted", id, nil
}

// discard is for the handshakes that a server complains about as it should.
func discard() *log.Logger { return log.New(io.Discard, "", 0) }
