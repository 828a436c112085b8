package assets_test

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/assets"
)

func get(method, url, encoding string) *http.Response {
	r := httptest.NewRequest(method, url, nil)
	r.Header.Set("Accept-Encoding", encoding)
	w := httptest.NewRecorder()
	assets.Handler().ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestEveryAssetIsServedForEverAtItsHashedAddress(t *testing.T) {
	t.Parallel()
	types := map[string]string{
		"app.css":     "text/css; charset=utf-8",
		"app.js":      "text/javascript; charset=utf-8",
		"boot.js":     "text/javascript; charset=utf-8",
		"htmx.min.js": "text/javascript; charset=utf-8",
		"favicon.svg": "image/svg+xml",
	}
	hashed := regexp.MustCompile(`^/assets/[a-z.]+\.[0-9a-f]{12}\.[a-z]+$`)
	for name, want := range types {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := assets.URL(name)
			if !hashed.MatchString(url) || path.Ext(url) != path.Ext(name) {
				t.Errorf("the address %s carries no hash", url)
			}
			r := get(http.MethodGet, url, "")
			sum := sha256.Sum256([]byte(body(t, get(http.MethodGet, url, "").Body)))
			if !strings.Contains(url, hex.EncodeToString(sum[:6])) {
				t.Errorf("%s would stay the same with other content", url)
			}
			if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != want || r.Header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("got %d %v", r.StatusCode, r.Header)
			}
			if got := r.Header.Get("Cache-Control"); !strings.Contains(got, "immutable") || !strings.Contains(got, "max-age=31536000") {
				t.Errorf("Cache-Control is %q", got)
			}
			if r.Header.Get("Content-Encoding") != "" || body(t, r.Body) == "" {
				t.Error("the plain body is missing or compressed unasked")
			}
		})
	}
}

func TestTheFontsThatTheStyleSheetNamesAreServed(t *testing.T) {
	t.Parallel()
	sheet := body(t, get(http.MethodGet, assets.URL("app.css"), "").Body)
	fonts := regexp.MustCompile(`url\(["']?\./(fonts/[^)"']+)`).FindAllStringSubmatch(sheet, -1)
	if len(fonts) == 0 {
		t.Fatal("the style sheet names no font")
	}
	for _, f := range fonts {
		r := get(http.MethodGet, assets.Prefix+f[1], "gzip")
		if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != "font/woff2" || r.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: %d %v", f[1], r.StatusCode, r.Header)
		}
	}
}

func TestCompression(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, accept string
		zipped       bool
	}{
		{"a browser's usual header", "gzip, deflate, br, zstd", true},
		{"other letter case and a weight", "br;q=1.0, GZIP; q=0.5", true},
		{"no header", "", false},
		{"gzip refused by weight", "gzip;q=0, identity", false},
		{"a broken weight", "gzip;q=x", false},
		{"another name that contains it", "xgzip", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := get(http.MethodGet, assets.URL("app.css"), c.accept)
			if got := r.Header.Get("Content-Encoding") == "gzip"; got != c.zipped {
				t.Fatalf("compressed: %v, want %v", got, c.zipped)
			}
			if r.Header.Get("Vary") != "Accept-Encoding" {
				t.Error("a shared cache could hand the compressed file to everyone")
			}
			if c.zipped {
				sameAsPlain(t, r)
			}
		})
	}
}

func sameAsPlain(t *testing.T, r *http.Response) {
	t.Helper()
	z, err := gzip.NewReader(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	if body(t, z) != body(t, get(http.MethodGet, assets.URL("app.css"), "").Body) {
		t.Error("the compressed file differs from the plain one")
	}
}

func TestWhatIsNotServed(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, method, url string }{
		{"a name without its hash", http.MethodGet, "/assets/app.css"},
		{"an old hash", http.MethodGet, "/assets/app.000000000000.css"},
		{"the folder", http.MethodGet, "/assets/"},
		{"a way out of the folder", http.MethodGet, "/assets/../assets.go"},
		{"a write", http.MethodPost, assets.URL("app.css")},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if r := get(c.method, c.url, ""); r.StatusCode != http.StatusNotFound {
				t.Errorf("%s %s: %d, want 404", c.method, c.url, r.StatusCode)
			}
		})
	}
}

func TestHeadSaysTheLengthAndSendsNoBody(t *testing.T) {
	t.Parallel()
	r := get(http.MethodHead, assets.URL("app.js"), "")
	if r.StatusCode != http.StatusOK || r.Header.Get("Content-Length") == "0" || body(t, r.Body) != "" {
		t.Errorf("got %d, length %s", r.StatusCode, r.Header.Get("Content-Length"))
	}
}

func TestAnUnknownNamePanicsAtTheTemplate(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("an address was made for an asset that is not there")
		}
	}()
	assets.URL("nothing.css")
}
