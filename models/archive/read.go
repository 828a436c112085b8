package archive

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/strict"
)

// Read reads a package, or one object in a file of its own. It works by the
// manifest, and without one by what the files say themselves. A package is
// whole or refused, with Problems. One that a passphrase protects is to be
// opened first.
func Read(raw []byte) (Package, error) {
	switch {
	case len(raw) > MaxPackage:
		return Package{}, whole("The package has %s, and at most %s are taken.", size(len(raw)), size(MaxPackage))
	case Sealed(raw):
		return Package{}, passphraseProblem("The package is protected by a passphrase. Enter it.")
	case looksLikeJSON(raw):
		return readOne(raw)
	}
	files, err := openZip(raw)
	if err != nil {
		return Package{}, err
	}
	r := newReading()
	r.files(files)
	return r.done()
}

// looksLikeJSON takes lists too, so that they are refused in fitting words.
func looksLikeJSON(raw []byte) bool {
	text := bytes.TrimLeft(withoutMark(raw), " \t\r\n")
	return len(text) > 0 && (text[0] == '{' || text[0] == '[')
}

func readOne(raw []byte) (Package, error) {
	r := newReading()
	if r.fits("", raw) {
		r.object("", raw)
	}
	return r.done()
}

// reading is a package on its way in.
type reading struct {
	Package
	wrong           Problems
	content, values int
	seen            map[Ref]string
}

func newReading() *reading { return &reading{seen: map[Ref]string{}} }

// done is the package, or what is wrong with it.
func (r *reading) done() (Package, error) {
	if len(r.Objects) == 0 && len(r.wrong) == 0 {
		r.wrong.add("", "The package holds no objects.")
	}
	if err := r.wrong.err(); err != nil {
		return Package{}, err
	}
	return Package{Project: r.Project, Objects: r.sorted()}, nil
}

func (r *reading) files(files []*zip.File) {
	i := slices.IndexFunc(files, func(f *zip.File) bool { return f.Name == ManifestFile })
	if i < 0 {
		for _, f := range files {
			r.file(f)
		}
		return
	}
	data, ok := r.unpack(files[i], maxManifest)
	if !ok {
		return
	}
	m, err := readManifest(withoutMark(data))
	if err != nil {
		r.wrong.append(ManifestFile, problem.Of(err))
		return
	}
	r.Project = m.Project
	r.byManifest(m, slices.Delete(files, i, i+1))
}

// byManifest takes the files only when they are those that the manifest names.
func (r *reading) byManifest(m manifest, files []*zip.File) {
	byName := make(map[string]*zip.File, len(files))
	for _, f := range files {
		byName[f.Name] = f
	}
	for _, o := range m.Objects {
		if byName[o.File] == nil {
			r.wrong.add(o.File, "The manifest names this file, and it is not in the package.")
		}
		delete(byName, o.File)
	}
	for _, f := range files {
		if byName[f.Name] != nil {
			r.wrong.add(f.Name, "The manifest does not name this file. Leave out %s when you change a package by hand.", ManifestFile)
		}
	}
	if len(r.wrong) > 0 {
		return
	}
	for _, f := range files {
		byName[f.Name] = f
	}
	for _, o := range m.Objects {
		r.line(o, byName[o.File])
	}
}

func (r *reading) line(l line, f *zip.File) {
	data, ok := r.unpack(f, MaxObject)
	if !ok {
		return
	}
	if !strings.EqualFold(digest(data), l.SHA256) {
		r.wrong.add(l.File, "The file is not the one that the manifest has the digest of. Leave out %s when you change a package by hand.", ManifestFile)
		return
	}
	o := r.object(l.File, data)
	switch {
	case o == nil:
	case o.Base().Ref() != l.ref():
		r.wrong.add(l.File, "The manifest says that this is %s, and it is %s.", l.ref(), o.Base().Ref())
	default:
		o.Base().Dependencies = dependencies(l.Dependencies)
	}
}

func (r *reading) file(f *zip.File) {
	if data, ok := r.unpack(f, MaxObject); ok {
		r.object(f.Name, data)
	}
}

// unpack is the data of a file within all limits. Nothing more is unpacked once
// there are enough problems.
func (r *reading) unpack(f *zip.File, limit int) ([]byte, bool) {
	if r.wrong.full() || r.content > MaxContent {
		return nil, false
	}
	data, msg := unpacked(f, min(limit, MaxContent))
	if msg != "" {
		r.wrong.add(f.Name, "%s", msg)
		return nil, false
	}
	return data, r.count(len(data))
}

// count adds to what all files have together.
func (r *reading) count(n int) bool {
	within := r.content <= MaxContent
	r.content += n
	if within && r.content > MaxContent {
		r.wrong.add("", "All files together have more than %s when they are unpacked. Split the package.", size(MaxContent))
	}
	return r.content <= MaxContent
}

// fits counts an object that did not come out of a ZIP.
func (r *reading) fits(name string, data []byte) bool {
	if len(data) > MaxObject {
		r.wrong.add(name, "The object has %s, and at most %s are taken.", size(len(data)), size(MaxObject))
		return false
	}
	return r.count(len(data))
}

// object takes one object over; nil when it is refused.
func (r *reading) object(name string, data []byte) Object {
	if !r.fewValues(name, data) {
		return nil
	}
	o, err := decode(data)
	if err != nil {
		r.wrong.append(name, problem.Of(err))
		return nil
	}
	key := o.Base().Ref().Key()
	if other, ok := r.seen[key]; ok {
		r.wrong.add(name, "The file %s already has %s. Names are compared without letter case, except those of roles.", quoted(other), o.Base().Ref())
		return nil
	}
	r.seen[key] = name
	r.Objects = append(r.Objects, o)
	return o
}

// fewValues is asked before anything is decoded: a list of empty texts takes
// three bytes for each in the file, and many times that in memory.
func (r *reading) fewValues(name string, data []byte) bool {
	within := r.values <= MaxValues
	for _, mark := range []string{"{", "[", ","} {
		r.values += bytes.Count(data, []byte(mark))
	}
	if within && r.values > MaxValues {
		r.wrong.add(name, "From this file on, the objects have more than %d values. Split the package.", MaxValues)
	}
	return r.values <= MaxValues
}

// decode reads one object: its kind first, then strictly the type of that.
func decode(data []byte) (Object, error) {
	data = compact(withoutMark(data))
	name, err := strict.Name(data, "kind", "object", string(KindPolicy))
	if err != nil {
		return nil, err
	}
	o := New(Kind(name))
	if o == nil {
		return nil, problem.List{{Field: "kind", Message: quoted(name) + " is not a kind that this version of Gatewright knows."}}
	}
	if err := strict.Decode(data, o, o.Base().Kind.Label()); err != nil {
		return nil, err
	}
	l := append(o.Base().Ref().problems(), o.problems()...)
	return o, l.Err()
}

// compact takes out blanks, so that definitions which are kept as they are do
// not depend on how a file was laid out. What is no JSON stays as it is, and is
// refused by who reads it.
func compact(data []byte) []byte {
	var b bytes.Buffer
	b.Grow(len(data))
	if json.Compact(&b, data) != nil {
		return data
	}
	return b.Bytes()
}

// withoutMark takes away the byte order mark that some editors put before UTF-8.
func withoutMark(data []byte) []byte { return bytes.TrimPrefix(data, []byte("\uFEFF")) }
