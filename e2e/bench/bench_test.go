package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	_ "github.com/gatewright/gatewright/engine/enginetest/calls"
	"github.com/gatewright/gatewright/engine/keys"
)

// A child of the benchmark is this program again: here, the test.
func TestMain(m *testing.M) {
	if part := os.Getenv(partVariable); part != "" {
		if err := play(part, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// A run in small with whatever proxies the machine has: all is measured, and every
// answer has the status that it must have, or the run would fail.
func TestAllWorksAreDoneByAllWhoCan(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush() // makes the answer chunked
		if _, err := io.WriteString(w, r.Header.Get("Authorization")); err != nil {
			t.Error(err)
		}
	}))
	defer other.Close()
	s := parsed(t, "-rounds", "1", "-seconds", "0.05", "-conns", "4", "-tokens", "20", "-rate", "200", "-url", other.URL+"/a?b=c", "-name", "Other", "-token", "opaque", "-product", program(t), "-objects", "3")
	b, err := prepare(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	defer b.stop()
	if err := b.measure(); err != nil {
		t.Fatal(err)
	}
	if len(b.complaints) > 0 {
		t.Error(b.complaints)
	}
	for _, w := range b.works {
		for _, one := range w.targets {
			if len(one.turns) != 1 || one.turns[0].perSecond == 0 || one.turns[0].p50 == 0 || one.ours && one.turns[0].allocs == 0 {
				t.Errorf("%s, %s: %+v", w.name, one.name, one.turns)
			}
		}
	}
	var table bytes.Buffer
	b.report(&table)
	for _, row := range []string{`no check +direct`, `no check +ReverseProxy`, `HS256 +gateway`, `RS256 +Other`, `EdDSA +gateway`, `RS256, every token new +gateway`,
		`RS256, forged +gateway`, `RS256, malformed +gateway`, `RS256, expired +gateway`, `RS256, wrong algorithm +gateway`, `RS256 at a fixed rate +direct`,
		`no check, 64 KiB answers +gateway`, `no check, chunked answers +ReverseProxy`, `no check, TLS +gateway`, `no check, TLS +ReverseProxy`,
		`flat: proxies +1 +1\.00`, `flat: proxies +10000`, `flat: whole pipeline +a policy`, `flat: policies, all apply +20`, `flat: policies, one applies +20`, `flat: conditions +50`, `flat: roles +300`,
		`issue RS256 +bare signature .* 1\.00 `, `issue ES256 +gateway`, `refresh ES256 +bare signature`, `refresh ES256 +gateway`,
		`calls while tokens are issued +gateway that issues +\d+ +\d+ +\d+ +-?\d+ +-?\d+`,
		`console in use +gateway alone +\d+ +1\.00`, `console in use +gateway and console +\d+ +\d\.\d\d +(\d\.\d\d)? +1 +\d`, `console in use +console alone +\d+ +\d`} {
		if !regexp.MustCompile(`(?m)^ *` + row).Match(table.Bytes()) {
			t.Errorf("no row %q in\n%s", row, &table)
		}
	}
}

// A machine that is busy in one round slows all targets of the round alike.
func TestRatiosAreThoseOfRounds(t *testing.T) {
	t.Parallel()
	turns := func(figures ...float64) *target {
		one := &target{}
		for _, f := range figures {
			one.turns = append(one.turns, turn{perCPU: f})
		}
		return one
	}
	fast, slow, unread := turns(100, 10, 40), turns(50, 5, 10), turns(0, 0, 0)
	for want, got := range map[string]string{"2.00": fast.ratio(slow, perCPU), "0.50": slow.ratio(fast, perCPU), "": fast.ratio(unread, perCPU) + fast.ratio(nil, perCPU)} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// What a guarded call hands on shows that the policy did all its work.
func TestGuardedCallGoesThroughTheWholePipeline(t *testing.T) {
	t.Parallel()
	heads := make(chan http.Header, 1)
	api := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { heads <- r.Header }))
	defer api.Close()
	w, err := newWallet(2)
	if err != nil {
		t.Fatal(err)
	}
	with, err := newSetup(strings.TrimPrefix(api.URL, "http://"), "", w)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSubject(with)
	if err != nil {
		t.Fatal(err)
	}
	at, err := s.serve(with)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(s.gateway.Running().Owners); n != proxies {
		t.Errorf("%d proxies", n)
	}
	o := order{Address: at.Plain, Path: "/ES256/pets/7", Conns: 1, Tokens: w.valid[keys.ES256][1:], Status: "200"}
	if came := o.asFastAsPossible(); came.Failure != "" {
		t.Fatal(came.Failure)
	}
	h := <-heads
	if user, roles := h.Get("X-Authenticated-UserId"), h.Get("X-Authenticated-UserRoles"); user != "caller-01" || roles != "orders-read,orders-write" || h.Get("Authorization") != "" {
		t.Errorf("%v", h)
	}
}

func TestBadTokensClaimWhatIsRight(t *testing.T) {
	t.Parallel()
	w, err := newWallet(3)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for i, forged := range w.forged {
		good := w.valid[keys.RS256][i]
		if said := good[:strings.LastIndexByte(good, '.')]; !strings.HasPrefix(forged, said+".") || forged == good || len(forged) != len(good) || seen[forged] {
			t.Errorf("%s is forged of %s", forged, good)
		}
		seen[forged] = true
	}
}

func TestLatencyCountsFromWhenARequestWasDue(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() { // one connection that takes its time
		conn, err := l.Accept()
		if err != nil {
			return
		}
		answerAll(slow{conn})
	}()
	// Of ten requests that are due at once, the last waits for the nine before it.
	came := order{Address: l.Addr().String(), Path: "/", Conns: 1, Status: "200", Rate: 1_000_000, Turn: 10 * time.Microsecond}.asDue()
	if came.Failure != "" || came.Requests != 10 || came.P99 < 9*20*time.Millisecond {
		t.Errorf("%+v", came)
	}
}

type slow struct{ net.Conn }

func (s slow) Write(b []byte) (int, error) {
	time.Sleep(20 * time.Millisecond)
	return s.Conn.Write(b)
}

func TestOtherGatewaysAreNamedOnTheCommandLine(t *testing.T) {
	t.Parallel()
	es256 := "eyJhbGciOiJFUzI1NiJ9.e30.x"
	file := t.TempDir() + "/tokens"
	if err := os.WriteFile(file, []byte(es256+"\n"+es256+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := parsed(t, "-url", "http://one.test:8000/a?b=c", "-token", "opaque", "-pid", "7", "-url", "http://two.test", "-name", "Two", "-token", "@"+file, "-url", "http://three.test")
	want := []struct {
		name, address, path, work string
		tokens, pid               int
	}{
		{"one.test:8000", "one.test:8000", "/a?b=c", "RS256", 1, 7},
		{"Two", "two.test:80", "/", "ES256", 2, 0},
		{"three.test", "three.test:80", "/", noCheck, 0, 0},
	}
	for i, o := range s.others {
		w := want[i]
		if o.name != w.name || o.address != w.address || o.path != w.path || o.work() != w.work || len(o.tokens) != w.tokens || o.pid != w.pid {
			t.Errorf("%+v, want %+v", o, w)
		}
	}
	for _, wrong := range [][]string{{"-token", "x"}, {"-url", "https://a.test"}, {"-rounds", "0"}, {"-rows", "("}, {"more"}} {
		if _, err := parse(quiet(), wrong); err == nil {
			t.Errorf("%v is taken", wrong)
		}
	}
}

func parsed(t *testing.T, args ...string) settings {
	t.Helper()
	s, err := parse(quiet(), args)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func quiet() *flag.FlagSet {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	return f
}
