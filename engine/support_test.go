package engine_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/echo"
	"github.com/gatewright/gatewright/engine/enginetest"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
)

func TestMain(m *testing.M) { os.Exit(enginetest.Trust(m)) }

// answer is a response read whole.
type answer struct {
	status int
	header http.Header
	body   string
}

func send(t testing.TB, r *http.Request) answer {
	t.Helper()
	return sendBy(t, http.DefaultTransport, r)
}

func sendBy(t testing.TB, by http.RoundTripper, r *http.Request) answer {
	t.Helper()
	res, err := by.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(body)}
}

func request(t testing.TB, method, url, body string, fields ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(fields); i += 2 {
		r.Header.Add(fields[i], fields[i+1])
	}
	return r
}

func get(t testing.TB, url string, fields ...string) answer {
	t.Helper()
	return send(t, request(t, "GET", url, "", fields...))
}

// arrived is what the echo upstream was asked.
func arrived(t testing.TB, a answer) echo.Request {
	t.Helper()
	if a.status != http.StatusOK {
		t.Fatalf("status %d, %s", a.status, a.body)
	}
	return enginetest.Echoed(t, []byte(a.body))
}

// raw sends bytes as they are and reads all answers until the gateway closes
// the connection. The last request must ask for that, unless it is refused.
func raw(t testing.TB, s *httptest.Server, text string) []answer {
	t.Helper()
	conn := dial(t, s)
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	var all []answer
	for in := bufio.NewReader(conn); ; {
		if _, err := in.Peek(1); err != nil {
			return all
		}
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatalf("after %d answers: %v", len(all), err)
		}
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, answer{res.StatusCode, res.Header, string(body)})
	}
}

func dial(t testing.TB, s *httptest.Server) net.Conn {
	t.Helper()
	conn, err := dialTo(s, enginetest.SecureGateway(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func dialTo(s *httptest.Server, secure bool) (net.Conn, error) {
	if secure {
		return tls.Dial("tcp", s.Listener.Addr().String(), nil)
	}
	return net.Dial("tcp", s.Listener.Addr().String())
}

// rawOne is raw for a single request.
func rawOne(t testing.TB, s *httptest.Server, text string) answer {
	t.Helper()
	all := raw(t, s, text)
	if len(all) != 1 {
		t.Fatalf("%d answers to %q: %+v", len(all), text, all)
	}
	return all[0]
}

// petstore is a gateway with one open proxy to the echo upstream.
func petstore(t testing.TB, policies ...engine.Bound) *httptest.Server {
	t.Helper()
	_, s := enginetest.Gateway(t, engine.Options{}, enginetest.Bundle(t, enginetest.Proxy("petstore", "/petstore", enginetest.Echo(t).URL+"/v1", policies...)))
	return s
}

// function is a gateway whose only policy does what do does.
func function(t testing.TB, o engine.Options, do func(*policy.Exchange) error) *httptest.Server {
	t.Helper()
	typ := enginetest.Func("policy-test", do)
	o.Types = append(o.Types, typ)
	p := enginetest.Proxy("petstore", "/petstore", enginetest.Echo(t).URL, enginetest.BindFunc(t, typ))
	_, s := enginetest.Gateway(t, o, enginetest.Bundle(t, p))
	return s
}

// jwtPolicy is a JWT policy with the console's defaults that hands on the user.
func jwtPolicy(alg keys.Algorithm) *jwtauth.Config {
	c := jwtauth.NewForm()
	c.Name = "Standard"
	c.JWTSignatureAlgorithm = alg
	c.AddUserToHeader = true
	return c
}

// secured is a gateway with one proxy behind a JWT policy.
func secured(t testing.TB, o engine.Options, c *jwtauth.Config) *httptest.Server {
	t.Helper()
	o.Types = policy.Set{jwtauth.Type()}
	p := enginetest.Proxy("petstore", "/petstore", enginetest.Echo(t).URL, enginetest.Bind(t, c))
	_, s := enginetest.Gateway(t, o, enginetest.Bundle(t, p))
	return s
}

// serve runs an upstream until the test ends.
func serve(t testing.TB, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	return enginetest.Upstream(t, h)
}

// through is a gateway with one open proxy, /api, to an upstream.
func through(t testing.TB, o engine.Options, upstream string) *httptest.Server {
	t.Helper()
	_, s := enginetest.Gateway(t, o, enginetest.Bundle(t, enginetest.Proxy("api", "/api", upstream)))
	return s
}

// hosted is petstore for one host alone.
func hosted(t testing.TB, host string) *httptest.Server {
	t.Helper()
	p := enginetest.Proxy("petstore", "/petstore", enginetest.Echo(t).URL)
	p.Route.Hosts = []string{host}
	_, s := enginetest.Gateway(t, engine.Options{}, enginetest.Bundle(t, p))
	return s
}

var discardLog = log.New(io.Discard, "", 0)
