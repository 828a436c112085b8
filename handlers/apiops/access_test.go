package apiops_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

func credentials(name, password string) url.Values {
	return url.Values{"grant_type": {"client_credentials"}, "client_id": {name}, "client_secret": {password}}
}

func TestATokenForNameAndPassword(t *testing.T) {
	t.Parallel()
	c := begin(t)
	stranger := &client{site: c.site, doc: c.doc}
	post := func(form url.Values) answer {
		return stranger.do(t, call{method: http.MethodPost, path: "/apiops/auth/token", body: form, wrong: true})
	}
	a := post(credentials(handlerstest.Administrator, handlerstest.Password)).want(t, http.StatusOK).holds(t, `{"token_type":"Bearer","expires_in":3600}`)
	if a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("a token may be cached: %v", a.Header)
	}
	stranger.token = a.json(t)["access_token"].(string)
	stranger.get(t, "/apiops/test/hello/world").want(t, http.StatusOK).holds(t, `{"success":true,"message":"Hello world","user":"ada"}`)
	stranger.token = ""
	stranger.get(t, "/apiops/openapi.json").want(t, http.StatusOK)
	if a := stranger.get(t, "/apiops/test/healthcheck").want(t, http.StatusOK); a.Body != "OK" {
		t.Errorf("the health check says %q", a.Body)
	}
	post(url.Values{"grant_type": {"password"}}).want(t, http.StatusBadRequest).holds(t, `{"error":"unsupported_grant_type"}`)
	post(credentials("", "")).want(t, http.StatusBadRequest)
	multipart := parts(t, nil, map[string]string{"grant_type": "client_credentials", "client_id": handlerstest.Administrator, "client_secret": handlerstest.Password})
	stranger.do(t, call{method: http.MethodPost, path: "/apiops/auth/token", body: multipart, wrong: true}).want(t, http.StatusOK)
	unknown := post(credentials("nobody", "wrong")).want(t, http.StatusUnauthorized)
	wrong := post(credentials(handlerstest.Administrator, "wrong")).want(t, http.StatusUnauthorized).holds(t, `{"error":"unauthorized_client"}`)
	if without(unknown.Body) != without(wrong.Body) {
		t.Errorf("an unknown name can be told from a wrong password:\n%s\n%s", unknown.Body, wrong.Body)
	}
	stranger.do(t, call{method: http.MethodPost, path: "/apiops/auth/token?" + credentials(handlerstest.Administrator, handlerstest.Password).Encode(), body: url.Values{}, wrong: true}).want(t, http.StatusBadRequest)
	stranger.do(t, call{method: http.MethodPost, path: "/apiops/auth/token", body: "{}", wrong: true}).want(t, http.StatusUnsupportedMediaType)
	post(credentials(strings.Repeat("a", 2<<20), "x")).want(t, http.StatusRequestEntityTooLarge)
}

func TestAGeneratedPasswordGetsNoToken(t *testing.T) {
	t.Parallel()
	c := begin(t)
	fresh := models.User{Name: "fresh", Role: models.RoleMember, MustChangePassword: true}
	if _, err := c.site.Store.CreateUser(t.Context(), modelstest.By(), fresh, secret.New(handlerstest.Password)); err != nil {
		t.Fatal(err)
	}
	stranger := &client{site: c.site, doc: c.doc}
	for range 10 { // a right password is no guess
		a := stranger.do(t, call{method: http.MethodPost, path: "/apiops/auth/token", body: credentials("fresh", handlerstest.Password)})
		if a.want(t, http.StatusUnauthorized); !strings.Contains(a.Body, "password of your own") {
			t.Fatalf("the answer does not say what to do: %s", a.Body)
		}
	}
	a := stranger.do(t, call{method: http.MethodPost, path: "/apiops/auth/token", body: credentials("fresh", "wrong")}).want(t, http.StatusUnauthorized)
	if strings.Contains(a.Body, "password of your own") {
		t.Errorf("somebody without the password learns of it: %s", a.Body)
	}
}

// without leaves out what differs from request to request.
func without(body string) string {
	before, _, _ := strings.Cut(body, `"correlationId"`)
	return before
}

func TestGuessingForATokenIsSlowed(t *testing.T) {
	t.Parallel()
	c := begin(t)
	stranger := &client{site: c.site, doc: c.doc}
	try := func(password string) answer {
		return stranger.do(t, call{method: http.MethodPost, path: "/apiops/auth/token", body: credentials(handlerstest.Administrator, password)})
	}
	last := try("wrong")
	for range 5 {
		last = try("wrong")
	}
	if last.want(t, http.StatusTooManyRequests).Header.Get("Retry-After") == "" {
		t.Error("nobody says how long to wait")
	}
	try(handlerstest.Password).want(t, http.StatusTooManyRequests)
}
