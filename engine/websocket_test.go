package engine_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/enginetest"
	"github.com/gatewright/gatewright/engine/event"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/policy"
)

// shouting is an upstream that sends each message back in capitals.
func shouting(t *testing.T) string {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
		if err != nil {
			return
		}
		defer c.CloseNow()
		for {
			kind, data, err := c.Read(r.Context())
			if err != nil {
				return
			}
			if err := c.Write(r.Context(), kind, []byte(strings.ToUpper(string(data)))); err != nil {
				return
			}
		}
	}).URL
}

func openSocket(t *testing.T, url string) *websocket.Conn {
	t.Helper()
	c, res, err := websocket.Dial(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Header["X-Correlation-Id"]) != 1 {
		t.Errorf("correlation ids of the handshake %q", res.Header["X-Correlation-Id"])
	}
	t.Cleanup(func() { c.CloseNow() })
	return c
}

func exchange(t *testing.T, c *websocket.Conn, say, want string) {
	t.Helper()
	if err := c.Write(t.Context(), websocket.MessageText, []byte(say)); err != nil {
		t.Fatal(err)
	}
	if _, got, err := c.Read(t.Context()); err != nil || string(got) != want {
		t.Fatalf("read %q, %v", got, err)
	}
}

func guardedSocket(t *testing.T, o engine.Options, do func(*policy.Exchange) error) (*engine.Gateway, string) {
	t.Helper()
	typ := enginetest.Func("policy-test", do)
	o.Types = policy.Set{typ}
	g, s := enginetest.Gateway(t, o, enginetest.Bundle(t, enginetest.Proxy("api", "/api", shouting(t), enginetest.BindFunc(t, typ))))
	return g, s.URL + "/api"
}

func TestWebSocketSpeaksBothWays(t *testing.T) {
	t.Parallel()
	enginetest.Ways(t, func(t *testing.T) {
		events := enginetest.NewEvents()
		_, url := guardedSocket(t, engine.Options{Sink: events}, func(*policy.Exchange) error { return nil })
		c := openSocket(t, url)
		exchange(t, c, "hello", "HELLO")
		exchange(t, c, strings.Repeat("a", 20000), strings.Repeat("A", 20000))
		if err := c.Close(websocket.StatusNormalClosure, ""); err != nil {
			t.Error(err)
		}
		if e := events.NextAccess(t); e.Status != 101 || e.Result != event.Success {
			t.Errorf("event %+v", e)
		}
	})
}

func TestWebSocketIsOpenedAfterThePoliciesRan(t *testing.T) {
	t.Parallel()
	enginetest.Ways(t, func(t *testing.T) {
		_, url := guardedSocket(t, engine.Options{}, func(*policy.Exchange) error {
			return &policy.Rejection{Fault: fault.TokenMissing, Challenge: "Bearer"}
		})
		c, res, err := websocket.Dial(t.Context(), url, nil)
		if err == nil {
			c.CloseNow()
			t.Fatal("it opened")
		}
		if res == nil || res.StatusCode != 401 {
			t.Errorf("answer %+v, %v", res, err)
		}
	})
}

func TestWebSocketEndsWithItsToken(t *testing.T) {
	t.Parallel()
	enginetest.Ways(t, func(t *testing.T) {
		clock := enginetest.NewClock()
		_, url := guardedSocket(t, engine.Options{Now: clock.Now}, func(x *policy.Exchange) error {
			x.Identity.Expires = clock.Now().Add(2 * time.Second)
			return nil
		})
		opened := time.Now()
		c := openSocket(t, url)
		exchange(t, c, "hello", "HELLO")
		if _, _, err := c.Read(t.Context()); err == nil {
			t.Error("a message came")
		}
		if lived := time.Since(opened); lived < 300*time.Millisecond {
			t.Errorf("it ended after %s", lived)
		}
	})
}

func TestWebSocketOfAnEndlessIdentityStays(t *testing.T) {
	t.Parallel()
	_, url := guardedSocket(t, engine.Options{}, func(*policy.Exchange) error { return nil })
	c := openSocket(t, url)
	<-time.After(200 * time.Millisecond) // a timer that was set to no time at all would have rung
	exchange(t, c, "hello", "HELLO")
}

func TestShutdownEndsWebSockets(t *testing.T) {
	t.Parallel()
	enginetest.Ways(t, func(t *testing.T) {
		g := engine.New(engine.Options{})
		if err := g.Apply(t.Context(), enginetest.Bundle(t, enginetest.Proxy("api", "/api", shouting(t)))); err != nil {
			t.Fatal(err)
		}
		s := enginetest.Serve(t, g)
		c := openSocket(t, s.URL+"/api")
		exchange(t, c, "hello", "HELLO")
		if err := s.Config.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		if err := g.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.Read(t.Context()); err == nil {
			t.Error("a message came")
		}
	})
}

// h2c would be a tunnel past every policy: the offer is left unanswered, as
// RFC 9110 section 7.8 allows, and never reaches the API.
func TestOtherUpgradesAreNotMade(t *testing.T) {
	t.Parallel()
	enginetest.Ways(t, func(t *testing.T) {
		s := petstore(t)
		for name, fields := range map[string]string{
			"h2c":                          "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n",
			"h2c beside websocket":         "Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n",
			"h2c in a second line":         "Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n",
			"TLS":                          "Connection: Upgrade\r\nUpgrade: TLS/1.2\r\n",
			"a WebSocket without its pair": "Upgrade: websocket\r\n",
			"an upgrade of nothing":        "Connection: Upgrade\r\n",
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				all := raw(t, s, "GET /petstore HTTP/1.1\r\nHost: x\r\n"+fields+"\r\nGET /petstore HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
				if len(all) != 2 {
					t.Fatalf("answers %+v", all)
				}
				got := arrived(t, all[0]).Headers
				for _, field := range []string{"Connection", "Upgrade", "Http2-Settings"} {
					if v, ok := got[field]; ok {
						t.Errorf("%s: %q arrived", field, v)
					}
				}
			})
		}
	})
}

func TestWebSocketHandshakeByAnotherMethodIsNone(t *testing.T) {
	t.Parallel()
	enginetest.Ways(t, func(t *testing.T) {
		a := rawOne(t, petstore(t), "POST /petstore HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\nhi")
		if got := arrived(t, a); got.Headers["Upgrade"] != nil || got.Body != "hi" {
			t.Errorf("arrived %+v", got)
		}
	})
}
