package archive

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine/problem"
)

// Write writes a package as a ZIP. The same objects give the same bytes, in
// whatever order they are (D21). Objects that Read would refuse are refused, as
// Problems, before anything is written.
func Write(w io.Writer, p Package) error {
	b, err := p.bytes()
	if err != nil {
		return err
	}
	if _, err := w.Write(b); err != nil {
		return fmt.Errorf("write package: %w", err)
	}
	return nil
}

func (p Package) bytes() ([]byte, error) {
	files, err := p.files()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		if err := pack(z, f); err != nil {
			return nil, fmt.Errorf("pack %s: %w", f.name, err)
		}
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("close package: %w", err)
	}
	if b.Len() > MaxPackage {
		return nil, whole("The package would have %s, and at most %s are taken. Export fewer objects at once.", size(b.Len()), size(MaxPackage))
	}
	return b.Bytes(), nil
}

// file is one file of a package.
type file struct {
	name string
	data []byte
}

// files are the manifest and all objects, as they are to be in the package.
func (p Package) files() ([]file, error) {
	if len(p.Objects) > MaxObjects {
		return nil, tooMany()
	}
	objects := p.sorted()
	names := fileNames(objects)
	m := manifest{FormatVersion: FormatVersion, Product: product, Project: p.Project, Objects: []line{}}
	files := make([]file, 1, len(objects)+1)
	r := newReading()
	for i, o := range objects {
		data, err := encode(o)
		if err != nil {
			r.wrong.append(names[i], problem.Of(err))
			continue
		}
		// Reading it back is the check: whatever is refused on import must not be
		// exported, or a person notices when it is needed.
		if r.fits(names[i], data) {
			r.object(names[i], data)
		}
		base := o.Base()
		files = append(files, file{names[i], data})
		m.Objects = append(m.Objects, line{base.Kind, base.Name, names[i], digest(data), dependencies(base.Dependencies)})
	}
	data, err := marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode manifest: %w", err)
	}
	files[0] = file{ManifestFile, data}
	r.count(len(data))
	r.wrong.append(ManifestFile, m.problems())
	_, err = r.done()
	return files, err
}

func encode(o Object) ([]byte, error) {
	if !ofItsKind(o) {
		return nil, problem.List{{Field: "kind", Message: fmt.Sprintf("A %T is not of kind %s.", o, quoted(string(o.Base().Kind)))}}
	}
	data, err := marshal(o)
	if err != nil { // of all that is in an object, only what is kept as it is can fail
		return nil, problem.List{{Message: "A definition in the object is not valid JSON."}}
	}
	return data, nil
}

// marshal is the one JSON form of files in a package: members in the order of
// the struct, a line for each, so that version control shows what changed.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(v)
	return b.Bytes(), err
}

// epoch is the first time that a ZIP can hold.
var epoch = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// pack gives every file the same time and rights.
func pack(z *zip.Writer, f file) error {
	h := &zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: epoch}
	h.SetMode(0o644)
	if dense(f.data) {
		h.Method = zip.Store
	}
	w, err := z.CreateHeader(h)
	if err != nil {
		return err
	}
	_, err = w.Write(f.data)
	return err
}

// dense tells whether the data would look like a bomb, and is therefore not to
// be compressed.
func dense(data []byte) bool {
	if len(data) <= freeRatio {
		return false
	}
	var n counter
	w, _ := flate.NewWriter(&n, flate.DefaultCompression) // the level is a valid one
	_, _ = w.Write(data)                                  // a counter never fails
	_ = w.Close()
	return bomb(uint64(len(data)), uint64(n))
}

// bomb tells whether so many bytes may not come of so few.
func bomb(unpacked, packed uint64) bool { return unpacked > freeRatio+MaxRatio*packed }

type counter int

// Write implements io.Writer.
func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}

// fileNames are the files of objects: the folder of the kind and the name in
// letters that every file system has. Where names become alike, one that had no
// other letters keeps the name, and the others have a digest of theirs behind it.
func fileNames(objects []Object) []string {
	alike := make(map[string]int, len(objects))
	for _, o := range objects {
		alike[fileName(o.Base().Ref())]++
	}
	names := make([]string, len(objects))
	for i, o := range objects {
		ref := o.Base().Ref()
		names[i] = fileName(ref)
		if plain := sanitized(ref.Name); alike[names[i]] > 1 && plain != ref.Name {
			names[i] += "-" + suffix(ref.Name)
		}
		names[i] += ".json"
	}
	return names
}

func fileName(r Ref) string {
	folder := "unknown"
	if i := r.Kind.index(); i >= 0 {
		folder = kinds[i].folder
	}
	return folder + "/" + sanitized(r.Name)
}

// maxFileName leaves room for the suffix within what file systems take.
const maxFileName = 200

// sanitized is a name in lower case, with a hyphen for whatever is no letter or
// digit of ASCII, underscore or dot within it.
func sanitized(name string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '_', r == '.':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, name)
	clean = strings.Trim(clean[:min(len(clean), maxFileName)], "-.")
	if clean == "" || device(clean) {
		return "_" + clean
	}
	return clean
}

// device tells the names that Windows gives to devices, with any extension.
func device(name string) bool {
	base, _, _ := strings.Cut(name, ".")
	switch base {
	case "con", "prn", "aux", "nul":
		return true
	}
	return len(base) == 4 && (base[:3] == "com" || base[:3] == "lpt") && base[3] >= '0' && base[3] <= '9'
}

func suffix(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:6])
}
