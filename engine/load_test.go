package engine_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/enginetest"
	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/fault"
)

// Calls beyond the limit are refused at once and say when to come again; those under
// way end as they would have.
func TestCallsBeyondTheLimitAreShed(t *testing.T) {
	t.Parallel()
	arrived, goOn := make(chan bool), make(chan bool)
	upstream := serve(t, func(http.ResponseWriter, *http.Request) {
		arrived <- true
		<-goOn
	})
	events := enginetest.NewEvents()
	s := through(t, engine.Options{Sink: events, Limits: engine.Limits{MaxCalls: 2}}, upstream.URL)
	ended := make(chan int, 2)
	for range 2 {
		go func() { ended <- get(t, s.URL+"/api").status }()
		<-arrived
	}
	a := get(t, s.URL+"/api")
	if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") != "1" || !strings.Contains(a.body, fault.Find(fault.Overloaded).Message) {
		t.Errorf("got %d %v %s", a.status, a.header, a.body)
	}
	if e := events.NextAccess(t); e.Fault != fault.Overloaded || e.Result != event.Failed {
		t.Errorf("event %+v", e)
	}
	close(goOn)
	for range 2 {
		if status := <-ended; status != http.StatusOK {
			t.Errorf("a call under way ended with %d", status)
		}
	}
	go func() { <-arrived }()
	if a := get(t, s.URL+"/api"); a.status != http.StatusOK {
		t.Errorf("afterwards: %d", a.status)
	}
}

func TestHeadersHaveALimitInNumber(t *testing.T) {
	t.Parallel()
	s := through(t, engine.Options{Limits: engine.Limits{MaxFields: 100}}, enginetest.Echo(t).URL)
	names := ""
	for i := range 101 {
		names += fmt.Sprintf("X-%d: 1\r\n", i)
	}
	for name, fields := range map[string]string{"many names": names, "one name": strings.Repeat("X-A: 1\r\n", 101)} {
		if a := rawOne(t, s, "GET /api HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"+fields+"\r\n"); a.status != 400 {
			t.Errorf("%s: %d", name, a.status)
		}
	}
	if a := rawOne(t, s, "GET /api HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"+strings.Repeat("X-A: 1\r\n", 98)+"\r\n"); a.status != 200 {
		t.Errorf("98 fields: %d", a.status)
	}
}
