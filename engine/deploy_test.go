package engine_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/enginetest"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
)

// While a client sends 2,000 requests a second (or what the machine can do),
// 100 deploys in a row, each of another definition, cause not one failure, and
// each acts at once.
func TestDeploysFailNoRequest(t *testing.T) {
	t.Parallel()
	const deploys, perSecond, seconds, workers = 100, 2000, 3, 16
	upstream := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.Path) })
	version := func(n int) engine.Bundle {
		p := enginetest.Proxy("api", "/api", fmt.Sprintf("%s/v%d", upstream.URL, n%2), enginetest.Bind(t, jwtPolicy(keys.HS256)))
		p.Endpoints = []engine.APIEndpoint{{Method: "GET", Path: "/pets/{id}"}, {Method: "POST", Path: fmt.Sprintf("/v%d", n%2)}}
		b := enginetest.Bundle(t, p)
		b.Generation = int64(n)
		return b
	}
	g, s := enginetest.Gateway(t, engine.Options{Types: policy.Set{jwtauth.Type()}}, version(0))
	load := &load{url: s.URL + "/api/pets/7", token: enginetest.Token(t, keys.HS256, enginetest.Claims("api", time.Now()))}
	load.client.MaxIdleConnsPerHost = workers
	t.Cleanup(load.client.CloseIdleConnections)

	var running sync.WaitGroup
	due := make(chan bool, perSecond)
	for range workers {
		running.Go(func() {
			for range due {
				load.send(t)
			}
		})
	}
	running.Go(func() { deployAll(t, g, s, load, version, deploys) })
	start := time.Now()
	for i := range perSecond * seconds {
		time.Sleep(time.Until(start.Add(time.Duration(i) * time.Second / perSecond)))
		due <- true
	}
	close(due)
	running.Wait()
	sent, failed := load.sent.Load(), load.failed.Load()
	t.Logf("%d requests in %s, %d deploys", sent, time.Since(start).Round(time.Millisecond), deploys)
	if failed != 0 || sent < perSecond*seconds {
		t.Errorf("%d of %d requests failed", failed, sent)
	}
	if load.versions[0].Load() == 0 || load.versions[1].Load() == 0 {
		t.Error("one version was never seen")
	}
}

// deployAll spreads the deploys over the load, by what the client has sent.
func deployAll(t *testing.T, g *engine.Gateway, s *httptest.Server, l *load, version func(int) engine.Bundle, deploys int) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for n := 1; n <= deploys; n++ {
		for l.sent.Load() < int64(n*50) {
			<-tick.C
		}
		if err := g.Apply(t.Context(), version(n)); err != nil {
			t.Error(err)
			return
		}
		if got, want := l.send(t), n%2; got != want {
			t.Errorf("after deploy %d version %d answered", n, got)
		}
	}
}

// load is a client that counts.
type load struct {
	url, token   string
	client       http.Transport
	sent, failed atomic.Int64
	versions     [2]atomic.Int64
}

// send returns the version that answered, -1 for a failure.
func (l *load) send(t *testing.T) int {
	defer l.sent.Add(1)
	res, err := l.client.RoundTrip(request(t, "GET", l.url, "", "Authorization", "Bearer "+l.token))
	if err != nil {
		l.failed.Add(1)
		t.Error(err)
		return -1
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	for n := range l.versions {
		if err == nil && res.StatusCode == 200 && string(body) == fmt.Sprintf("/v%d/pets/7", n) {
			l.versions[n].Add(1)
			return n
		}
	}
	l.failed.Add(1)
	t.Errorf("status %d, body %q, %v", res.StatusCode, body, err)
	return -1
}
