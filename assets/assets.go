// Package assets owns what the console sends to the browser besides HTML: one style sheet, two scripts, htmx, the
// fonts and the favicon. They are built by build.mjs into dist, embedded here and addressed by the hash of their
// content, so that a browser may keep them for ever and still gets a new version at once.
package assets

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
)

// Prefix is the path under which Handler expects to be mounted.
const Prefix = "/assets/"

//go:embed dist
var dist embed.FS

// file is one asset, ready to be written.
type file struct {
	body, zipped []byte // zipped is nil where compression gains nothing
	contentType  string
}

// set is every asset: its address by name, and its content by address.
type set struct {
	urls  map[string]string
	files map[string]file
}

// loaded reads the embedded files on first use; they cannot change while the process lives.
var loaded = sync.OnceValue(func() set { return load(dist, "dist") })

// contentTypes is written down because the machine's MIME tables differ from one system to the next.
var contentTypes = map[string]string{
	".css":   "text/css; charset=utf-8",
	".js":    "text/javascript; charset=utf-8",
	".svg":   "image/svg+xml",
	".txt":   "text/plain; charset=utf-8",
	".woff2": "font/woff2",
}

// URL is the address of the asset with the given name in dist, for example "/assets/app.4f1c2a90d3b7.css" for
// "app.css". It panics for a name that is not there, which is a mistake in a template.
func URL(name string) string {
	url, ok := loaded().urls[name]
	if !ok {
		panic("assets: no asset named " + strconv.Quote(name))
	}
	return url
}

// Handler serves every asset at its URL, for GET and HEAD, and answers 404 for anything else.
func Handler() http.Handler {
	return http.HandlerFunc(serve)
}

func serve(w http.ResponseWriter, r *http.Request) {
	f, ok := loaded().files[r.URL.Path]
	if !ok || (r.Method != http.MethodGet && r.Method != http.MethodHead) {
		http.NotFound(w, r)
		return
	}
	body, h := f.body, w.Header()
	h.Set("Content-Type", f.contentType)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Vary", "Accept-Encoding")
	if f.zipped != nil && acceptsGzip(r.Header.Get("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		body = f.zipped
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(body) // a browser that went away is no fault of ours
	}
}

// acceptsGzip says whether an Accept-Encoding header allows gzip: named, and not with the weight zero.
func acceptsGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
		if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
			continue
		}
		value, found := strings.CutPrefix(strings.ReplaceAll(weight, " ", ""), "q=")
		q, err := strconv.ParseFloat(value, 64)
		return !found || (err == nil && q > 0)
	}
	return false
}

func load(files fs.FS, root string) set {
	s := set{urls: map[string]string{}, files: map[string]file{}}
	err := fs.WalkDir(files, root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := fs.ReadFile(files, name)
		if err == nil {
			s.add(strings.TrimPrefix(name, root+"/"), body)
		}
		return err
	})
	if err != nil {
		panic("assets: " + err.Error()) // the files are inside the binary: only a broken build can get here
	}
	return s
}

func (s set) add(name string, body []byte) {
	url := Prefix + address(name, body)
	s.urls[name] = url
	s.files[url] = file{body: body, zipped: zip(name, body), contentType: contentTypes[path.Ext(name)]}
}

// address puts the content's hash before the extension. Fonts are left alone: the style sheet names them by the
// hash that the bundler gave them.
func address(name string, body []byte) string {
	if strings.HasPrefix(name, "fonts/") {
		return name
	}
	sum := sha256.Sum256(body)
	ext := path.Ext(name)
	return strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:6]) + ext
}

// zip compresses text; woff2 is compressed already.
func zip(name string, body []byte) []byte {
	if path.Ext(name) == ".woff2" {
		return nil
	}
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is a valid constant
	_, _ = w.Write(body)                                  // a bytes.Buffer does not fail
	_ = w.Close()
	if b.Len() >= len(body) {
		return nil
	}
	return b.Bytes()
}
