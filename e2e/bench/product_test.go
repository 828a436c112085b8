package main

import (
	"bytes"
	"crypto"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/keys"
)

// program is the product, built as it is now.
func program(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "gatewright")
	cmd := exec.Command("go", "build", "-trimpath", "-o", name, "../../cmd/gatewright")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("build the product: %v", err)
	}
	return name
}

func TestWithoutAProductItsWorksAreLeftOutAndThatIsSaid(t *testing.T) {
	t.Parallel()
	b := &bench{settings: parsed(t, "-product", t.TempDir()+"/none")}
	if err := b.startProduct(); err != nil || len(b.products()) > 0 || len(b.complaints) != 1 || !strings.Contains(b.complaints[0], "/none") {
		t.Error(err, b.products(), b.complaints)
	}
	b = &bench{settings: parsed(t, "-product", t.TempDir()+"/none", "-rows", "^RS256$")}
	if err := b.startProduct(); err != nil || len(b.complaints) > 0 {
		t.Error("nobody asked for it: ", err, b.complaints)
	}
}

// tokenIssuer is a token endpoint that knows which refresh tokens were spent.
type tokenIssuer struct {
	mu            sync.Mutex
	logins, fresh int
	live          map[string]bool
	wrong         []string
}

func (i *tokenIssuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	token := r.PostFormValue("refresh_token")
	switch {
	case r.PostFormValue("grant_type") == "password":
		i.logins++
	case i.live[token]:
		delete(i.live, token)
	default:
		i.wrong = append(i.wrong, token)
		http.Error(w, "spent", http.StatusBadRequest)
		return
	}
	i.fresh++
	token = fmt.Sprint("r-", i.fresh)
	i.live[token] = true
	fmt.Fprintf(w, `{"access_token":"a","refresh_token":%q}`, token)
}

// Each connection follows its own login, over all orders of a run.
func TestARefreshTakesTheTokenThatTheLastOneGave(t *testing.T) {
	t.Parallel()
	end := &tokenIssuer{live: map[string]bool{}}
	s := httptest.NewServer(end)
	defer s.Close()
	o := order{
		Address: strings.TrimPrefix(s.URL, "http://"), Path: tokenPath, Status: "200", Conns: 3, Turn: 20 * time.Millisecond,
		Forms: []string{"grant_type=password"}, Renew: "grant_type=refresh_token&refresh_token=",
	}
	var logins chains
	for range 2 {
		if came := o.do(&logins); came.Failure != "" || came.Requests == 0 {
			t.Fatalf("%+v", came)
		}
	}
	if end.logins != 3 || len(end.live) != 3 || len(end.wrong) > 0 {
		t.Errorf("%d logins, live are %v, refused were %v", end.logins, end.live, end.wrong)
	}
}

func TestFormsAreSentInTurn(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	seen := map[string]int{}
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen[r.Method+" "+r.PostFormValue("username")]++
	}))
	defer s.Close()
	came := order{Address: strings.TrimPrefix(s.URL, "http://"), Path: tokenPath, Status: "200", Conns: 2, Forms: []string{"username=a", "username=b"}}.do(nil)
	if came.Failure != "" || seen["POST a"] != 1 || seen["POST b"] != 1 {
		t.Error(came.Failure, seen)
	}
}

func TestAnAnswerWithoutATokenIsAFailure(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{`{"x":"y","refresh_token":"r"}`: "r", `{"refresh_token":"r`: "", `{"refresh_token":7}`: "", ``: ""} {
		if got := member([]byte(in), "refresh_token"); got != want {
			t.Errorf("%s: %q", in, got)
		}
	}
}

// Of three people who open a page each, the last comes two thirds of a second after
// the first; pages count from when they were due.
func TestPagesCountFromWhenTheyWereDue(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var mu sync.Mutex
	var heads bytes.Buffer
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go answerAll(noted{slow{conn}, &mu, &heads})
		}
	}()
	o := order{Address: l.Addr().String(), Status: "200", Turn: time.Second, Visits: []visits{{"a=1", []string{"/one", "/two"}}, {"a=2", []string{"/one", "/two"}}, {"a=3", []string{"/one", "/two"}}}}
	came := o.do(nil)
	if came.Failure != "" || len(came.Times) != 3 || came.P50 < 20*time.Millisecond || came.Elapsed < 2*pageEvery/3 {
		t.Errorf("%+v", came)
	}
	mu.Lock()
	said := heads.String()
	mu.Unlock()
	for _, want := range []string{"GET /one HTTP/1.1", "GET /two HTTP/1.1", "Cookie: a=1", "Cookie: a=2", "Cookie: a=3"} {
		if !strings.Contains(said, want) {
			t.Errorf("no %s in %s", want, said)
		}
	}
	o.Turn = 0
	if came = o.do(nil); came.Failure != "" || len(came.Times) != 6 {
		t.Errorf("each page once by each: %+v", came)
	}
}

type noted struct {
	slow
	mu *sync.Mutex
	in *bytes.Buffer
}

func (n noted) Read(b []byte) (int, error) {
	count, err := n.slow.Read(b)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.in.Write(b[:count])
	return count, err
}

func TestTheBareSignatureKeepsItsKey(t *testing.T) {
	t.Parallel()
	made := map[keys.Algorithm]crypto.Signer{}
	for _, alg := range issued {
		o := order{Algorithm: alg, Turn: time.Millisecond}
		if came := o.sign(made); came.Failure != "" || came.Requests == 0 {
			t.Errorf("%+v", came)
		}
		key := made[alg]
		if o.sign(made); made[alg] != key || key == nil {
			t.Error("another key")
		}
	}
	if came := (order{Algorithm: keys.HS256, Turn: time.Millisecond}).sign(made); came.Failure == "" {
		t.Error("no bare signature of HS256 is made")
	}
}

// All pages of all turns count together: a turn has too few for a percentile.
func TestPagesOfAllTurnsCountTogether(t *testing.T) {
	t.Parallel()
	one := &target{name: "console alone", load: &child{}, turns: []turn{{perCPU: 50, pages: []time.Duration{3 * time.Millisecond, time.Millisecond}}, {perCPU: 50, pages: []time.Duration{2 * time.Millisecond}}}}
	b := &bench{works: []*work{{name: consoleWork, kind: visiting, targets: []*target{one}}}}
	if rows := b.visited(); len(rows) != 2 || strings.Join(rows[1][5:], " ") != "3 2.0 3.0 20.0" {
		t.Error(rows)
	}
}
