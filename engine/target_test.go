package engine

import (
	"errors"
	"strings"
	"testing"
)

func TestTargetHasOneNormalForm(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, uri, path, match, query string }{
		{"a plain path stays", "/orders/7", "/orders/7", "/orders/7", ""},
		{"a slash at the end stays", "/orders/", "/orders/", "/orders/", ""},
		{"the root stays", "/", "/", "/", ""},
		{"an escaped unreserved character becomes plain", "/%6Frders/%7e%2Dx", "/orders/~-x", "/orders/~-x", ""},
		{"an escape of another character becomes upper case", "/a%c3%a9b%2a", "/a%C3%A9b%2A", "/aéb*", ""},
		{"an escaped blank stays an escape", "/a%20b", "/a%20b", "/a b", ""},
		{"an escaped question mark does not begin the query", "/a%3fb?c", "/a%3Fb", "/a?b", "c"},
		{"an escaped plus is not a plain one", "/a%2bb+c", "/a%2Bb+c", "/a+b+c", ""},
		{"raw UTF-8 is escaped", "/é", "/%C3%A9", "/é", ""},
		{"what browsers leave plain is escaped", `/a|b[c]{d}"<e>^` + "`", "/a%7Cb%5Bc%5D%7Bd%7D%22%3Ce%3E%5E%60", "/a|b[c]{d}\"<e>^`", ""},
		{"dots inside a segment stay", "/.well/...x/a..b/...", "/.well/...x/a..b/...", "/.well/...x/a..b/...", ""},
		{"letter case of a path counts", "/Orders", "/Orders", "/Orders", ""},
		{"a query stays as it came", "/a?b=%6f&&c=;&d=/../", "/a", "/a", "b=%6f&&c=;&d=/../"},
		{"a query keeps its question marks", "/a?b?c", "/a", "/a", "b?c"},
		{"an absolute target is its path", "http://other.test:80/a?b", "/a", "/a", "b"},
		{"the scheme has no letter case", "HTTPS://other.test/a", "/a", "/a", ""},
		{"an absolute target without path is the root", "http://other.test", "/", "/", ""},
		{"an absolute target may have a query alone", "http://other.test?b", "/", "/", "b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := parseTarget(tt.uri)
			if want := (target{tt.path, tt.match, tt.query}); err != nil || got != want {
				t.Errorf("parseTarget(%q) = %+v, %v; want %+v", tt.uri, got, err, want)
			}
		})
	}
}

func TestTargetThatCouldBeReadInTwoWaysIsRefused(t *testing.T) {
	t.Parallel()
	tests := map[malformed][]string{
		emptySegment:  {"//", "//orders", "/orders//7", "/orders//", "/a//?q"},
		dotSegment:    {"/.", "/..", "/a/.", "/a/..", "/./a", "/../a", "/a/./b", "/a/../b", "/a/%2e", "/a/%2E%2e/b", "/a/.%2e/b", "/a/%2e./b", "/%2e"},
		ambiguousByte: {"/a%2fb", "/a%2Fb", "/a%5cb", "/a%5C..", "/a%00", "/a%25", "/%252e%252e/b", "/a%3bb", "/a%3Bb", "/a%0d%0ab", "/a%7f", "/a%1f"},
		badByte:       {`/a\b`, `/..\b`, "/a;b", "/a;jsessionid=1", "/..;/b", "/a#b", "/a?b#c", "/a\x00", "/a\x7fb", "/a b", "/a?b c", "/a?b\x01", "/a\tb"},
		badEscape:     {"/%", "/%a", "/%zz", "/a%2", "/%g0/%0g", "/a?%", "/a?b=%zz", "/a?b=5%"},
		notUTF8:       {"/%ff", "/\xff", "/%c0%af", "/%c0%ae%c0%ae/", "/%ed%a0%80", "/a%e2%82", "/%c3/%a9"},
		badForm:       {"", "*", "orders", "?a", "example.com:443", "ftp://other.test/a", "http:/a", "http:///a", "javascript://x/a", "://x/a"},
		badUserinfo:   {"http://user@other.test/a", "http://user:pw@other.test/a", "http://api.test@other.test"},
	}
	for want, uris := range tests {
		for _, uri := range uris {
			t.Run(uri, func(t *testing.T) {
				t.Parallel()
				if got, err := parseTarget(uri); !errors.Is(err, want) {
					t.Errorf("parseTarget(%q) = %+v, %v; want the error %q", uri, got, err, want)
				}
			})
		}
	}
}

func TestOnlyPlainMethodsPass(t *testing.T) {
	t.Parallel()
	for _, m := range []string{"GET", "POST", "DELETE", "PROPFIND", "M-SEARCH", "VERSION-CONTROL", "X_1"} {
		if err := checkMethod(m); err != nil {
			t.Errorf("checkMethod(%q) = %v", m, err)
		}
	}
	for _, m := range []string{"", "get", "Get", "GET ", "G@T", "GÉT", "GET\x00", strings.Repeat("A", 33)} {
		if err := checkMethod(m); !errors.Is(err, badMethod) {
			t.Errorf("checkMethod(%q) = %v, want %q", m, err, badMethod)
		}
	}
	for _, m := range []string{"CONNECT", "TRACE"} {
		if err := checkMethod(m); !errors.Is(err, badTunnel) {
			t.Errorf("checkMethod(%q) = %v, want %q", m, err, badTunnel)
		}
	}
}

func TestPlainTargetCostsNoMemory(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() {
		if _, err := parseTarget("/petstore/pets/4711/photos/x.jpg?size=large&b=%20"); err != nil {
			t.Fatal(err)
		}
		if _, _, err := normalHost("api.example.com:8081"); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestHostHasOneNormalForm(t *testing.T) {
	t.Parallel()
	tests := []struct{ raw, name, port, told string }{
		{"", "", "", ""},
		{"api.example.com", "api.example.com", "", "api.example.com"},
		{"api.example.com:8081", "api.example.com", "8081", "api.example.com:8081"},
		{"API.Example.COM:80", "api.example.com", "80", "api.example.com:80"},
		{"api.example.com.", "api.example.com", "", "api.example.com"},
		{"api.example.com.:80", "api.example.com", "80", "api.example.com:80"},
		{"localhost", "localhost", "", "localhost"},
		{"my_service:8080", "my_service", "8080", "my_service:8080"},
		{"127.0.0.1:80", "127.0.0.1", "80", "127.0.0.1:80"},
		{"[::1]", "::1", "", "[::1]"},
		{"[0:0::1]:80", "::1", "80", "[::1]:80"},
	}
	for _, tt := range tests {
		name, port, err := normalHost(tt.raw)
		if err != nil || name != tt.name || port != tt.port {
			t.Errorf("normalHost(%q) = %q, %q, %v; want %q, %q", tt.raw, name, port, err, tt.name, tt.port)
		}
		if got := forwardedHost(tt.raw, name, port); got != tt.told {
			t.Errorf("forwardedHost(%q) = %q, want %q", tt.raw, got, tt.told)
		}
	}
}

func TestHostThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		".", "..", ".a", "a..b", "a..", ":80", "a:", "a:b", "a:123456", "a:80:80", "a b", "a/b", "a\\b", "a@b", "a%2eb",
		"é.test", "[::1", "::1", "[::1]x", "[::1]:", "[127.0.0.1]", "[fe80::1%eth0]", "[]", "a,b", "a\x00",
		strings.Repeat("a", 64), strings.Repeat("a.", 128) + "a",
	} {
		if name, port, err := normalHost(raw); !errors.Is(err, badHost) {
			t.Errorf("normalHost(%q) = %q, %q, %v; want the error %q", raw, name, port, err, badHost)
		}
	}
}
