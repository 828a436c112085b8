package api_test

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/identity/api"
	"github.com/gatewright/gatewright/engine/secret"
)

func TestTheStatusTellsARefusalFromABrokenService(t *testing.T) {
	t.Parallel()
	tests := []struct {
		status int
		want   string
	}{
		{200, "accepted"}, {201, "accepted"}, {204, "accepted"},
		{400, "refused"}, {401, "refused"}, {403, "refused"}, {404, "refused"}, {422, "refused"},
		{301, "broken"}, {302, "broken"}, {304, "broken"}, {308, "broken"},
		{405, "broken"}, {408, "broken"}, {409, "broken"}, {418, "broken"}, {429, "broken"},
		{500, "broken"}, {501, "broken"}, {502, "broken"}, {503, "broken"}, {504, "broken"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.status), func(t *testing.T) {
			t.Parallel()
			got, id, err := login(t, open(t, config(serve(t, says(tt.status, "")).URL)), "alice", "wonder")
			if got != tt.want {
				t.Errorf("%s (%v), want %s", got, err, tt.want)
			}
			if got == "accepted" != (id.Name == "alice") {
				t.Errorf("%s with the identity %+v", got, id)
			}
		})
	}
}

func TestTheRefusedStatusesAreTheAuthors(t *testing.T) {
	t.Parallel()
	c := config(serve(t, says(302, "")).URL)
	c.RefusedStatuses = []int{302}
	if got, _, err := login(t, open(t, c), "alice", "x"); got != "refused" {
		t.Errorf("302: %s (%v)", got, err)
	}
	c = config(serve(t, says(401, "")).URL)
	c.RefusedStatuses = nil
	if got, _, err := login(t, open(t, c), "alice", "x"); got != "broken" {
		t.Errorf("401 that is not listed: %s (%v)", got, err)
	}
}

func TestAssertionsDecideAllTogether(t *testing.T) {
	t.Parallel()
	const body = `{"ok": true, "state": "inactive", "level": 7, "big": 12345678901234567, "groups": ["a", "b"], "none": null, "users": [{"n": 1}, {"n": 2}]}`
	is := func(kind api.AssertionKind, where string, op api.Operator, expected string) api.Assertion {
		return api.Assertion{Kind: kind, Name: where, Path: where, Operator: op, Expected: expected}
	}
	tests := []struct {
		name string
		all  []api.Assertion
		want string
	}{
		{"status equal", []api.Assertion{is(api.Status, "", api.Equals, "200")}, "accepted"},
		{"another status of success", []api.Assertion{is(api.Status, "", api.Equals, "204")}, "refused"},
		{"status that must not be", []api.Assertion{is(api.Status, "", api.NotEquals, "200")}, "refused"},
		{"status matches", []api.Assertion{is(api.Status, "", api.Matches, `2\d\d`)}, "accepted"},
		{"status matches wholly", []api.Assertion{is(api.Status, "", api.Matches, `0`)}, "refused"},
		{"header equal", []api.Assertion{is(api.HeaderIs, "x-result", api.Equals, "good")}, "accepted"},
		{"header exists", []api.Assertion{is(api.HeaderIs, "X-Result", api.Exists, "")}, "accepted"},
		{"header missing", []api.Assertion{is(api.HeaderIs, "X-Other", api.Exists, "")}, "refused"},
		{"a missing header is not unequal", []api.Assertion{is(api.HeaderIs, "X-Other", api.NotEquals, "bad")}, "refused"},
		{"header contains", []api.Assertion{is(api.HeaderIs, "X-Result", api.Contains, "oo")}, "accepted"},
		{"true", []api.Assertion{is(api.JSONPath, "$.ok", api.Equals, "true")}, "accepted"},
		{"number", []api.Assertion{is(api.JSONPath, "$.level", api.Equals, "7")}, "accepted"},
		{"number of 17 digits", []api.Assertion{is(api.JSONPath, "$.big", api.Equals, "12345678901234567")}, "accepted"},
		{"number of 17 digits, another last one", []api.Assertion{is(api.JSONPath, "$.big", api.Equals, "12345678901234568")}, "refused"},
		{"array contains", []api.Assertion{is(api.JSONPath, "$.groups", api.Contains, "b")}, "accepted"},
		{"array does not contain", []api.Assertion{is(api.JSONPath, "$.groups", api.Contains, "c")}, "refused"},
		{"text contains", []api.Assertion{is(api.JSONPath, "$.state", api.Contains, "active")}, "accepted"},
		{"inactive does not match active", []api.Assertion{is(api.JSONPath, "$.state", api.Matches, "active")}, "refused"},
		{"alternatives are anchored as one", []api.Assertion{is(api.JSONPath, "$.state", api.Matches, "x|active|y")}, "refused"},
		{"null is missing", []api.Assertion{is(api.JSONPath, "$.none", api.Exists, "")}, "refused"},
		{"missing path is not unequal", []api.Assertion{is(api.JSONPath, "$.locked", api.NotEquals, "true")}, "refused"},
		{"unequal", []api.Assertion{is(api.JSONPath, "$.state", api.NotEquals, "locked")}, "accepted"},
		{"none of several equal", []api.Assertion{is(api.JSONPath, "$.users[*].n", api.NotEquals, "2")}, "refused"},
		{"one of several equal", []api.Assertion{is(api.JSONPath, "$.users[*].n", api.Equals, "2")}, "accepted"},
		{"filter", []api.Assertion{is(api.JSONPath, "$.users[?(@.n == 2)].n", api.Exists, "")}, "accepted"},
		{"body contains", []api.Assertion{is(api.BodyContains, "", api.Contains, `"ok": true`)}, "accepted"},
		{"body does not contain", []api.Assertion{is(api.BodyContains, "", api.Contains, "denied")}, "refused"},
		{"one of two fails", []api.Assertion{is(api.JSONPath, "$.ok", api.Equals, "true"), is(api.JSONPath, "$.level", api.Equals, "8")}, "refused"},
	}
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Result", "good")
		says(200, body)(w, r)
	})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := config(srv.URL)
			c.Assertions = tt.all
			if got, _, err := login(t, open(t, c), "alice", "x"); got != tt.want {
				t.Errorf("%s (%v), want %s", got, err, tt.want)
			}
		})
	}
}

func TestAStatusAssertionNeverMakesAFailureASuccess(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]string{409: "refused", 500: "broken", 302: "broken", 429: "broken"} {
		c := config(serve(t, says(status, "")).URL)
		c.Assertions = []api.Assertion{{Kind: api.Status, Operator: api.Matches, Expected: ".*"}}
		if got, _, err := login(t, open(t, c), "alice", "x"); got != want {
			t.Errorf("%d: %s (%v), want %s", status, got, err, want)
		}
	}
}

func TestAnAnswerThatCannotBeReadIsBroken(t *testing.T) {
	t.Parallel()
	bodies := map[string]string{
		"not JSON": "<html>welcome</html>", "empty": "", "cut off": `{"ok": tr`, "followed by more": `{"ok": true} {"ok": false}`,
		"too deep": strings.Repeat("[", 100000), "too large a number": `{"ok": true, "n": 1e999}`,
	}
	for name, body := range bodies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := config(serve(t, says(200, body)).URL)
			c.Assertions = []api.Assertion{{Kind: api.JSONPath, Path: "$.ok", Operator: api.Equals, Expected: "true"}}
			got, _, err := login(t, open(t, c), "alice", "x")
			if got != "broken" {
				t.Errorf("%s, want broken", got)
			}
			if body != "" && err != nil && strings.Contains(err.Error(), body) {
				t.Errorf("the error quotes the answer: %v", err)
			}
		})
	}
}

func TestAHugeAnswerIsNotReadToItsEnd(t *testing.T) {
	t.Parallel()
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		chunk := []byte(strings.Repeat("a", 1<<16))
		for i := 0; i < 1<<14; i++ { // a gigabyte
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
		t.Error("the whole answer was read")
	})
	if got, _, err := login(t, open(t, config(srv.URL)), "alice", "x"); got != "broken" || !strings.Contains(err.Error(), "larger") {
		t.Errorf("%s (%v)", got, err)
	}
}

func TestAGzipBombIsNotUnpacked(t *testing.T) {
	t.Parallel()
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			t.Error("the client takes no gzip, so that this test shows nothing")
		}
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.CopyN(z, zeros{}, 64<<20)
		z.Close()
	})
	if got, _, err := login(t, open(t, config(srv.URL)), "alice", "x"); got != "broken" || !strings.Contains(err.Error(), "larger") {
		t.Errorf("%s (%v)", got, err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestASlowBodyEndsWithTheTimeout(t *testing.T) {
	t.Parallel()
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(200)
		w.(http.Flusher).Flush()
		<-r.Context().Done() // the client hangs up
	})
	c := config(srv.URL)
	c.TimeoutMillis = 100
	if got, _, err := login(t, open(t, c), "alice", "x"); got != "broken" || !strings.Contains(err.Error(), "in time") {
		t.Errorf("%s (%v)", got, err)
	}
}

func TestTheCallersEndEndsTheCall(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{})
	srv := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	c := config(srv.URL)
	c.TimeoutMillis = 60000
	began := time.Now()
	if _, ok, err := open(t, c).Authenticate(ctx, "alice", secret.New("x")); ok || err == nil {
		t.Errorf("got %v, %v", ok, err)
	}
	if time.Since(began) > 30*time.Second {
		t.Error("it waited for the timeout")
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	other := serve(t, says(200, "{}"))
	for _, status := range []int{301, 302, 303, 307, 308} {
		srv := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, status) })
		if got, _, err := login(t, open(t, config(srv.URL)), "alice", "x"); got != "broken" || !strings.Contains(err.Error(), "redirect") {
			t.Errorf("%d: %s (%v)", status, got, err)
		}
	}
	if n := len(other.requests()); n != 0 {
		t.Errorf("%d requests arrived at the other service", n)
	}
}

func TestAnErrorHoldsNeitherPasswordNorSecretNorName(t *testing.T) {
	t.Parallel()
	closed := serve(t, says(200, "{}"))
	closed.Close()
	for _, url := range []string{closed.URL, serve(t, says(500, "hunter2 alice s3cret")).URL, serve(t, says(302, "")).URL} {
		c := config(url + "/users/{{username}}?q={{username}}")
		c.Headers = []api.Header{{Name: "X-Key", Value: "{{secret}}"}}
		got, _, err := login(t, open(t, c, api.SecretField, "s3cret"), "alice", "hunter2")
		if got != "broken" {
			t.Fatalf("%s, want broken", got)
		}
		for _, word := range []string{"hunter2", "s3cret", "alice"} {
			if strings.Contains(err.Error(), word) {
				t.Errorf("the error holds %q: %v", word, err)
			}
		}
	}
}

func TestRequestsAreRepeatedWhereThatIsHarmless(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		method string
		post   bool
		tries  int
		status int
		want   int
	}{
		{"GET after 503", "GET", false, 2, 503, 3},
		{"GET after 502", "GET", false, 1, 502, 2},
		{"GET after 504", "GET", false, 3, 504, 4},
		{"PUT after 503", "PUT", false, 1, 503, 2},
		{"no retries wanted", "GET", false, 0, 503, 1},
		{"POST is not repeated", "POST", false, 3, 503, 1},
		{"POST where the author allows it", "POST", true, 1, 503, 2},
		{"not after 500", "GET", false, 3, 500, 1},
		{"not after 429", "GET", false, 3, 429, 1},
		{"not after 401", "GET", false, 3, 401, 1},
		{"not after 404", "GET", false, 3, 404, 1},
		{"not after 200", "GET", false, 3, 200, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv := serve(t, says(tt.status, ""))
			c := bare(srv.URL)
			c.BasicAuth, c.Method, c.RetryPost, c.Retries = true, tt.method, tt.post, tt.tries
			_, _, _ = login(t, open(t, c), "alice", "x")
			if got := len(srv.requests()); got != tt.want {
				t.Errorf("%d requests, want %d", got, tt.want)
			}
		})
	}
}

func TestALostConnectionIsTriedAgainAndABodyWithIt(t *testing.T) {
	t.Parallel()
	var srv *service
	srv = serve(t, func(w http.ResponseWriter, r *http.Request) {
		if len(srv.requests()) == 1 {
			panic(http.ErrAbortHandler)
		}
		says(200, "{}")(w, r)
	})
	c := config(srv.URL)
	c.Method = "PUT"
	if got, _, err := login(t, open(t, c), "alice", "x"); got != "accepted" {
		t.Errorf("%s (%v)", got, err)
	}
	all := srv.requests()
	if len(all) != 2 || all[1].body != `{"user": "alice", "pass": "x"}` {
		t.Errorf("requests: %+v", all)
	}
}

func TestALostConnectionOfAPostIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	srv := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	if got, _, _ := login(t, open(t, config(srv.URL)), "alice", "x"); got != "broken" {
		t.Errorf("%s, want broken", got)
	}
	if n := len(srv.requests()); n != 1 {
		t.Errorf("%d requests, want one", n)
	}
}
