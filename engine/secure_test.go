package engine_test

import (
	"testing"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/enginetest"
)

// Whoever reads the call, package wire or net/http, the API is told how it came.
func TestTheAPIIsToldThatACallCameOverTLS(t *testing.T) {
	t.Parallel()
	enginetest.Ways(t, func(t *testing.T) {
		s := petstore(t)
		want := "http"
		if enginetest.SecureGateway(t) {
			want = "https"
		}
		for name, more := range map[string]string{"read here": "", "read by net/http": "TE: trailers\r\n", "with a lie": "X-Forwarded-Proto: gopher\r\n"} {
			got := arrived(t, rawOne(t, s, "GET /petstore HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"+more+"\r\n"))
			if proto := got.Headers["X-Forwarded-Proto"]; len(proto) != 1 || proto[0] != want {
				t.Errorf("%s: %q", name, proto)
			}
		}
	})
}

func TestSecureConnectionsHaveTheLimitOfPlainOnes(t *testing.T) {
	t.Parallel()
	enginetest.Ways(t, func(t *testing.T) {
		_, s := enginetest.Gateway(t, engine.Options{Limits: engine.Limits{MaxConnections: 1}},
			enginetest.Bundle(t, enginetest.Proxy("petstore", "/petstore", enginetest.Echo(t).URL)))
		first := dial(t, s)
		second, err := dialTo(s, enginetest.SecureGateway(t))
		if err == nil {
			if n, _ := second.Write([]byte("GET /petstore HTTP/1.1\r\nHost: x\r\n\r\n")); n > 0 {
				answer := make([]byte, 12)
				if n, _ := second.Read(answer); n > 0 && string(answer) != "HTTP/1.1 503" {
					t.Errorf("the second is answered %q", answer)
				}
			}
			second.Close()
		}
		if _, err := first.Write([]byte("GET /petstore HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		if n, err := first.Read(make([]byte, 100)); n == 0 {
			t.Errorf("the first: %v", err)
		}
	})
}
