package engine_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/enginetest"
	"github.com/gatewright/gatewright/engine/policy"
)

// The caller wants the API to see another identity than the gateway found, or
// none. Whatever it tries, exactly the gateway's own field arrives.
func TestIdentityHeadersCannotBeSpoofed(t *testing.T) {
	t.Parallel()
	enginetest.Ways(t, func(t *testing.T) {
		const own = "X-User-Id"
		guarded := function(t, engine.Options{}, func(x *policy.Exchange) error {
			x.SetHeader(own, "mia")
			x.StripHeader("X-Roles")
			return nil
		})
		chunked := func(trailer string) string {
			return "Transfer-Encoding: chunked\r\nTrailer: " + trailer + "\r\n\r\n2\r\nhi\r\n0\r\n" + trailer + ": evil\r\n\r\n"
		}
		tests := map[string]string{
			"as it is":                         "X-User-Id: evil\r\nX-Roles: admin\r\n\r\n",
			"in lower case":                    "x-user-id: evil\r\nx-roles: admin\r\n\r\n",
			"in upper case":                    "X-USER-ID: evil\r\nX-ROLES: admin\r\n\r\n",
			"with underscores":                 "X_User_Id: evil\r\nX_Roles: admin\r\n\r\n",
			"with one underscore":              "X_User-Id: evil\r\nX-User_Id: evil\r\n\r\n",
			"with dots":                        "X.User.Id: evil\r\nX.Roles: admin\r\n\r\n",
			"twice":                            "X-User-Id: evil\r\nX-User-Id: evil\r\nX_User_Id: evil\r\n\r\n",
			"empty":                            "X-User-Id:\r\nX-Roles:\r\n\r\n",
			"folded onto a second line":        "X-Harmless: a\r\n X-User-Id: evil\r\nX-User-Id: a\r\n\tevil\r\n\r\n",
			"listed in Connection":             "Connection: X-User-Id\r\nConnection: close, x-user-id, X-Roles\r\n\r\n",
			"sent and listed in Connection":    "Connection: X-User-Id, X_User_Id\r\nX-User-Id: evil\r\nX_User_Id: evil\r\n\r\n",
			"as a trailer":                     chunked("X-User-Id"),
			"as a trailer with underscores":    chunked("X_User_Id"),
			"as a trailer that is not listed":  "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-User-Id: evil\r\nX-Roles: admin\r\n\r\n",
			"as an option of an upgrade":       "Connection: Upgrade, X-User-Id\r\nUpgrade: h2c\r\nX-User-Id: evil\r\n\r\n",
			"as a WebSocket handshake":         "Connection: Upgrade, X-User-Id\r\nUpgrade: websocket\r\nX-User-Id: evil\r\n\r\n",
			"listed in Connection, and in TE":  "Connection: TE, X-User-Id\r\nTE: trailers, X-User-Id\r\n\r\n",
			"listed in Keep-Alive and Trailer": "Keep-Alive: X-User-Id\r\nTrailer: X-User-Id\r\n\r\n",
		}
		for name, text := range tests {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				// The second request proves that the first one was understood whole.
				all := raw(t, guarded, "POST /petstore HTTP/1.1\r\nHost: x\r\n"+text+"GET /petstore/end HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
				echoed := arrived(t, all[0])
				got := echoed.Headers
				for field, values := range got {
					if strings.Contains(strings.Join(values, " "), "evil") && field != "X-Harmless" || strings.Contains(strings.Join(values, " "), "admin") {
						t.Errorf("%s: %q arrived", field, values)
					}
				}
				if diff := cmp.Diff([]string{"mia"}, got[own]); diff != "" {
					t.Errorf("%s (-want +got):\n%s", own, diff)
				}
				if len(echoed.Trailers) > 0 {
					t.Errorf("trailers arrived: %q", echoed.Trailers)
				}
			})
		}
	})
}

func TestFieldsOfOneHopStayThere(t *testing.T) {
	t.Parallel()
	enginetest.Ways(t, func(t *testing.T) {
		s := petstore(t)
		got := arrived(t, rawOne(t, s, "GET /petstore HTTP/1.1\r\nHost: x\r\nConnection: close, X-Mine\r\nX-Mine: 1\r\nX-Other: 1\r\nKeep-Alive: timeout=5\r\n"+
			"Proxy-Connection: keep-alive\r\nProxy-Authorization: Basic eDp5\r\nTE: trailers\r\nUpgrade: foo\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n")).Headers
		for _, field := range []string{"Connection", "X-Mine", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "Upgrade", "Http2-Settings"} {
			if v, ok := got[field]; ok {
				t.Errorf("%s: %q arrived", field, v)
			}
		}
		if diff := cmp.Diff([]string{"1"}, got["X-Other"]); diff != "" {
			t.Errorf("X-Other (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"trailers"}, got["Te"]); diff != "" {
			t.Errorf("Te, which gRPC needs (-want +got):\n%s", diff)
		}
	})
}

func TestAnswersLoseTheFieldsOfOneHop(t *testing.T) {
	t.Parallel()
	enginetest.Ways(t, func(t *testing.T) {
		upstream := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			h := w.Header()
			h.Set("Connection", "X-Hop")
			h.Set("X-Hop", "1")
			h.Set("Keep-Alive", "timeout=5")
			h.Set("Proxy-Authenticate", "Basic")
			h.Set("Server", "theirs/1.0")
			h.Set("X-Correlation-Id", "theirs")
			h.Add("Set-Cookie", "a=1")
			h.Add("Set-Cookie", "b=2")
			w.WriteHeader(http.StatusTeapot)
		})
		s := through(t, engine.Options{}, upstream.URL)
		a := get(t, s.URL+"/api")
		for _, field := range []string{"X-Hop", "Keep-Alive", "Proxy-Authenticate"} {
			if v, ok := a.header[field]; ok {
				t.Errorf("%s: %q passed", field, v)
			}
		}
		if a.status != http.StatusTeapot || a.header.Get("Server") != "theirs/1.0" || len(a.header["Set-Cookie"]) != 2 {
			t.Errorf("got %d %s", a.status, a.header)
		}
		if id := a.header["X-Correlation-Id"]; len(id) != 1 || id[0] == "theirs" {
			t.Errorf("correlation ids %q", id)
		}
	})
}
