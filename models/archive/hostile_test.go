package archive_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/models/archive"
)

const role = `{"kind":"CREDENTIAL_ROLE","name":"admin"}`

// refused makes sure that a package is not read, for the reason that is wanted,
// in words that can be shown.
func refused(t *testing.T, raw []byte, want string) {
	t.Helper()
	p, err := archive.Read(raw)
	var list archive.Problems
	switch {
	case err == nil:
		t.Fatalf("read %d objects, want a refusal with %q", len(p.Objects), want)
	case !errors.As(err, &list):
		t.Fatalf("the error is a %T: %v", err, err)
	case !strings.Contains(err.Error(), want):
		t.Errorf("error = %.500s\nwant %q in it", err, want)
	case strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' || r == '\u202e' }):
		t.Errorf("the error has control characters: %q", err)
	case len(p.Objects) > 0:
		t.Error("a refused package has objects")
	}
}

func TestHostileNamesAreRefused(t *testing.T) {
	t.Parallel()
	const outside = "could point outside"
	for name, c := range map[string]struct{ path, want string }{
		"a parent directory":                    {"../evil.json", outside},
		"a parent directory in the middle":      {"a/../../evil.json", outside},
		"a dot segment":                         {"./evil.json", outside},
		"an absolute path":                      {"/etc/evil.json", outside},
		"two slashes":                           {"a//evil.json", outside},
		"a backslash":                           {`..\evil.json`, outside},
		"a drive letter":                        {"C:evil.json", outside},
		"a stream of Windows":                   {"a.json:evil.json", outside},
		"a NUL":                                 {"a.json\x00.png.json", outside},
		"a line break":                          {"a\nb.json", outside},
		"a bidirectional override":              {"a\u202enosj.json", outside},
		"a blank at the end":                    {"a /b.json", outside},
		"a dot at the end":                      {"a./b.json", outside},
		"broken UTF-8":                          {"a\xff.json", outside},
		"no name":                               {"", outside},
		"a very long name":                      {strings.Repeat("a", 500) + ".json", outside},
		"a directory outside":                   {"../", outside},
		"another extension":                     {"readme.md", "those end with .json"},
		"no extension":                          {"json", "those end with .json"},
		"what macOS adds":                       {"__MACOSX/._a", "those end with .json"},
		"a package in a package":                {"inner.zip", "those end with .json"},
		"a manifest in another letter case":     {"Manifest.JSON", "those end with .json"},
		"a manifest that is not in its place":   {"a/manifest.json", "kind"},
		"another name for what is there twice":  {"A.JSON", "those end with .json"},
		"the same name in another letter case":  {"ROLE.json", "twice"},
		"the same name":                         {"role.json", "twice"},
		"a directory of the name of a file":     {"role.json/", "twice"},
		"a file inside of a file":               {"role.json/b.json", `"role.json" is a file`},
		"a file inside of a file in other case": {"Role.json/b.json", "is a file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := `{"formatVersion":1}`
			if strings.HasSuffix(c.path, "/") {
				text = ""
			}
			refused(t, zipped(t, entry{name: "role.json", text: role}, entry{name: c.path, text: text}), c.want)
		})
	}
}

func TestHostileEntriesAreRefused(t *testing.T) {
	t.Parallel()
	with := func(change func(*zip.FileHeader)) []byte {
		return zipped(t, entry{name: "role.json", text: role, change: change})
	}
	mode := func(m fs.FileMode) []byte { return with(func(h *zip.FileHeader) { h.SetMode(m) }) }
	for name, c := range map[string]struct {
		raw  []byte
		want string
	}{
		"a symbolic link":                {mode(0o777 | fs.ModeSymlink), "no links"},
		"a device":                       {mode(0o666 | fs.ModeDevice), "no devices"},
		"a named pipe":                   {mode(0o666 | fs.ModeNamedPipe), "no devices"},
		"a directory that is a file":     {mode(0o755 | fs.ModeDir), "Only plain files"},
		"a directory with content":       {directoryWithContent(t), "A directory has no content."},
		"a file encrypted by a program":  {patched(with(nil), func(local, central []byte) { local[6] |= 1; central[8] |= 1 }), "encrypted by a ZIP program"},
		"strong encryption":              {patched(with(nil), func(local, central []byte) { local[6] |= 64; central[8] |= 64 }), "encrypted by a ZIP program"},
		"an unknown method":              {patched(with(nil), func(local, central []byte) { local[8], central[10] = 12, 12 }), "method 12"},
		"a wrong checksum":               {declared(t, role, func(h *zip.FileHeader) { h.CRC32++ }), "checksum is wrong"},
		"a declared size that is small":  {declared(t, role, func(h *zip.FileHeader) { h.UncompressedSize64 = 5 }), "damaged"},
		"a declared size that is large":  {declared(t, role, func(h *zip.FileHeader) { h.UncompressedSize64 = 200 }), "damaged"},
		"packed data that are none":      {declared(t, role, func(h *zip.FileHeader) { h.CompressedSize64 -= 9 }), ""},
		"an end that is missing":         {with(nil)[:100], "neither a ZIP nor a JSON"},
		"nothing":                        {nil, "neither a ZIP nor a JSON"},
		"text":                           {[]byte("hello"), "neither a ZIP nor a JSON"},
		"a ZIP without files":            {zipped(t), "holds no objects"},
		"a ZIP with only a directory":    {zipped(t, entry{name: "a/"}), "holds no objects"},
		"a package that needs an opener": {[]byte("GWSEAL\r\n\x01"), "passphrase"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused(t, c.raw, c.want)
		})
	}
}

// patched changes the headers of the first entry, in place, where a writer would
// not let us.
func patched(raw []byte, change func(local, central []byte)) []byte {
	raw = bytes.Clone(raw)
	change(raw, raw[bytes.Index(raw, []byte("PK\x01\x02")):])
	return raw
}

// directoryWithContent gets its slash afterwards, as a writer would not write
// what is in a directory.
func directoryWithContent(t *testing.T) []byte {
	t.Helper()
	dir := func(h *zip.FileHeader) { h.SetMode(0o755 | fs.ModeDir) }
	return bytes.ReplaceAll(zipped(t, entry{name: "dirX", text: role, change: dir}), []byte("dirX"), []byte("dir/"))
}

// declared is a ZIP whose headers agree with each other and not with the file.
func declared(t *testing.T, text string, change func(*zip.FileHeader)) []byte {
	t.Helper()
	var packed, b bytes.Buffer
	f, _ := flate.NewWriter(&packed, flate.BestCompression)
	_, _ = io.WriteString(f, text)
	_ = f.Close()
	z := zip.NewWriter(&b)
	h := &zip.FileHeader{
		Name: "a.json", Method: zip.Deflate, CRC32: crc32.ChecksumIEEE([]byte(text)),
		CompressedSize64: uint64(packed.Len()), UncompressedSize64: uint64(len(text)),
	}
	h.SetMode(0o644)
	change(h)
	w, err := z.CreateRaw(h)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write(packed.Bytes())
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestZIPsThatTwoProgramsReadInTwoWaysAreRefused: who looks at a package must see
// what is imported.
func TestZIPsThatTwoProgramsReadInTwoWaysAreRefused(t *testing.T) {
	t.Parallel()
	good := zipped(t, entry{name: "role.json", text: role})
	two := zipped(t, entry{name: "role.json", text: role}, entry{name: "rolf.json", text: strings.Replace(role, "admin", "user1", 1)})
	at := bytes.Index(good, []byte("PK\x01\x02"))
	end := bytes.LastIndex(good, []byte("PK\x05\x06"))
	for name, raw := range map[string][]byte{
		"another name in the local header":   patched(good, func(local, _ []byte) { copy(local[30:], "evil.json") }),
		"another method in the local header": patched(good, func(local, _ []byte) { local[8] = 0 }),
		"other flags in the local header":    patched(good, func(local, _ []byte) { local[6] = 0 }),
		"another checksum in the directory":  patched(good, func(_, central []byte) { central[16]++ }),
		"another size in the directory":      patched(good, func(_, central []byte) { central[24]++ }),
		"another size in the local header":   patched(declared(t, role, func(*zip.FileHeader) {}), func(local, _ []byte) { local[22]++ }),
		"something before the first file":    append([]byte("#!/bin/sh\n"), good...),
		"something after the end":            append(bytes.Clone(good), "more"...),
		"a file that the directory leaves out": func() []byte {
			return glued(two[:bytes.Index(two, []byte("PK\x01\x02"))], directoryOf(t, two, 0), 1)
		}(),
		"two entries of one content":          glued(good[:at], append(bytes.Clone(good[at:end]), bytes.ReplaceAll(good[at:end], []byte("role"), []byte("rolf"))...), 2),
		"a gap between files and directory":   glued(append(bytes.Clone(good[:at]), "gap!"...), good[at:end], 1),
		"a directory that counts other files": glued(good[:at], good[at:end], 2),
		"a second directory":                  glued(append(bytes.Clone(good[:at]), good[at:end]...), good[at:end], 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if bytes.HasPrefix(raw, []byte("#!")) || name == "a directory that counts other files" {
				refused(t, raw, "")
				return
			}
			refused(t, raw, "contradicts itself")
		})
	}
	read(t, glued(good[:at], good[at:end], 1)) // so that glued is not what is refused
}

// glued puts a ZIP together from its files and its directory.
func glued(files, directory []byte, count int) []byte {
	raw := append(bytes.Clone(files), directory...)
	raw = append(raw, "PK\x05\x06\x00\x00\x00\x00"...)
	raw = binary.LittleEndian.AppendUint16(raw, uint16(count))
	raw = binary.LittleEndian.AppendUint16(raw, uint16(count))
	raw = binary.LittleEndian.AppendUint32(raw, uint32(len(directory)))
	raw = binary.LittleEndian.AppendUint32(raw, uint32(len(files)))
	return append(raw, 0, 0)
}

// directoryOf is the record of one file in the directory of a ZIP.
func directoryOf(t *testing.T, raw []byte, i int) []byte {
	t.Helper()
	records := bytes.Split(raw[bytes.Index(raw, []byte("PK\x01\x02")):bytes.LastIndex(raw, []byte("PK\x05\x06"))], []byte("PK\x01\x02"))
	return append([]byte("PK\x01\x02"), records[i+1]...)
}

func TestBombsAreRefused(t *testing.T) {
	t.Parallel()
	zeros := strings.Repeat("\x00", 4<<20)
	object := func(text string) string { return `{"kind":"CREDENTIAL_ROLE","name":"a","description":"` + text + `"}` }
	stored := func(h *zip.FileHeader) { h.Method = zip.Store }
	for name, c := range map[string]struct {
		raw  func() []byte
		want string
	}{
		"a file that becomes a thousand times larger": {func() []byte { return zipped(t, entry{name: "a.json", text: zeros}) }, "more than 200 times larger"},
		"one that lies about its size": {func() []byte {
			return declared(t, zeros, func(h *zip.FileHeader) { h.UncompressedSize64 = 100 })
		}, "a.json: The file is damaged."},
		"a manifest that is a bomb": {func() []byte { return zipped(t, entry{name: "manifest.json", text: zeros}) }, "manifest.json: The file becomes more than"},
		"an object over size": {func() []byte {
			return zipped(t, entry{name: "a.json", text: object(strings.Repeat("x", archive.MaxObject)), change: stored})
		}, "a.json: The file has more than 16.0 MiB"},
		"one object over size, without a ZIP": {func() []byte { return []byte(object(strings.Repeat("x", archive.MaxObject))) }, "at most 16.0 MiB"},
		"a package over size":                 {func() []byte { return make([]byte, archive.MaxPackage+1) }, "at most 64.0 MiB"},
		"files that are too much together": {func() []byte {
			random := make([]byte, 1<<20)
			_, _ = rand.NewChaCha8([32]byte{}).Read(random)
			text := strings.ReplaceAll(hex.EncodeToString(random), "0", "some words that are packed well")
			return repeated(t, text, archive.MaxContent/len(text)+1)
		}, "All files together have more than 128.0 MiB"},
		"too many files": {func() []byte {
			list := make([]entry, archive.MaxObjects+2)
			for i := range list {
				list[i] = entry{name: fmt.Sprintf("%d.json", i), text: "x", change: stored}
			}
			return zipped(t, list...)
		}, "more than 50000 files"},
		"a directory of a million records": {func() []byte {
			return bytes.Repeat([]byte("PK\x01\x02"+strings.Repeat("\x00", 42)), 1_000_000)
		}, "more than 50000 files"},
		"too many values": {func() []byte {
			return []byte(`{"kind":"PROXY_GROUP","name":"a","members":[` + strings.Repeat(`,`, archive.MaxValues) + `]}`)
		}, "more than 8000000 values"},
		"a million levels": {func() []byte { return []byte(`{"kind":"GLOBAL_POLICY","policy":` + strings.Repeat("[", 1_000_000)) }, "depth"},
		"a thousand levels": {func() []byte {
			return []byte(`{"kind":"GLOBAL_POLICY","name":"a","policy":` + strings.Repeat(`{"a":`, 1000) + "1" + strings.Repeat("}", 1001))
		}, "nested"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused(t, c.raw(), c.want)
		})
	}
}

// repeated is a ZIP of many files with one content, which is packed once.
func repeated(t *testing.T, text string, times int) []byte {
	t.Helper()
	raw := declared(t, text, func(*zip.FileHeader) {})
	one, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := range times {
		one.File[0].Name = fmt.Sprintf("%d.json", i)
		if err := z.Copy(one.File[0]); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestManifestsThatDoNotFitAreRefused(t *testing.T) {
	t.Parallel()
	const file = "credential-roles/admin.json"
	manifest := func(old, new string) []byte {
		entries := unzipped(t, written(t, archive.Package{Project: "default", Objects: []archive.Object{&archive.Role{Common: common(archive.KindRole, "admin")}}}))
		if !strings.Contains(entries[0].text, old) {
			t.Fatalf("the manifest has no %s", old)
		}
		entries[0].text = strings.Replace(entries[0].text, old, new, 1)
		return zipped(t, entries...)
	}
	for name, c := range map[string]struct {
		raw  []byte
		want string
	}{
		"a later format":               {manifest(`"formatVersion": 1`, `"formatVersion": 2, "signature": ""`), "has format 2, and this version of Gatewright understands format 1"},
		"no format":                    {manifest(`"formatVersion": 1,`, ``), "has format 0"},
		"a format that is no number":   {manifest(`"formatVersion": 1`, `"formatVersion": "1"`), "formatVersion"},
		"another product":              {manifest(`"gatewright"`, `"apinizer"`), `of "apinizer"`},
		"a member that is unknown":     {manifest(`"product"`, `"exportedAt": "now", "product"`), "exportedAt"},
		"a member that is twice":       {manifest(`"product"`, `"product": "x", "product"`), "twice"},
		"no JSON":                      {manifest(`{`, ``), "manifest"},
		"a project of control signs":   {manifest(`"default"`, `"a\u0000b"`), "control characters"},
		"an unknown kind":              {manifest(`"CREDENTIAL_ROLE"`, `"CERTIFICATE"`), `"CERTIFICATE" is not a kind`},
		"another kind than the file":   {manifest(`"CREDENTIAL_ROLE"`, `"API_PROXY"`), `says that this is the API proxy "admin", and it is the role "admin"`},
		"another name than the file":   {manifest(`"name": "admin"`, `"name": "root"`), `the role "root"`},
		"a file that is not there":     {manifest(file, "credential-roles/root.json"), "credential-roles/root.json: The manifest names this file"},
		"a file that it does not name": {manifest(file, "credential-roles/root.json"), file + ": The manifest does not name this file"},
		"a file outside":               {manifest(file, "../../etc/passwd"), "it is not in the package"},
		"itself":                       {manifest(file, "manifest.json"), "it is not in the package"},
		"a file twice":                 {manifest(`"objects": [`, `"objects": [{"kind":"CREDENTIAL_ROLE","name":"x","file":"`+file+`","sha256":""},`), "named twice"},
		"a wrong digest":               {manifest(`"sha256": "`, `"sha256": "0`), "not the one that the manifest has the digest of"},
		"no digest":                    {manifest(`"sha256"`, `"sha256": "", "dependencies": [], "sha512"`), "sha512"},
		"a dependency of no kind":      {manifest(`"file"`, `"dependencies": [{"kind":"X","name":"y"}], "file"`), "objects[0].dependencies[0].kind"},
		"a dependency without a name":  {manifest(`"file"`, `"dependencies": [{"kind":"API_PROXY","name":" "}], "file"`), "objects[0].dependencies[0].name"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused(t, c.raw, c.want)
		})
	}
}

func TestObjectsThatCanBeReadInTwoWaysAreRefused(t *testing.T) {
	t.Parallel()
	proxy := func(members string) string {
		return `{"kind":"API_PROXY","name":"p","route":{"basePath":"/p"},"upstream":{"url":"http://u"},` + members + `}`
	}
	const binding = `{"scope":"ALL","pipeline":"REQUEST",`
	for name, c := range map[string]struct{ text, want string }{
		"no object":                      {`[]`, "JSON object"},
		"no kind":                        {`{"name":"a"}`, "kind: Name the kind"},
		"a kind that is no text":         {`{"kind":1,"name":"a"}`, "kind: Name the kind"},
		"an unknown kind":                {`{"kind":"CERTIFICATE","name":"a"}`, `"CERTIFICATE" is not a kind`},
		"a kind with control characters": {`{"kind":"A\u001b[2J","name":"a"}`, "not a kind"},
		"no name":                        {`{"kind":"CREDENTIAL_ROLE"}`, "name: Enter a name."},
		"a blank name":                   {`{"kind":"CREDENTIAL_ROLE","name":" "}`, "name: Enter a name."},
		"a name with a line break":       {`{"kind":"CREDENTIAL_ROLE","name":"a\nb"}`, "control characters"},
		"a name that is too long":        {`{"kind":"CREDENTIAL_ROLE","name":"` + strings.Repeat("x", 300) + `"}`, "Shorten the name"},
		"a name that is a number":        {`{"kind":"CREDENTIAL_ROLE","name":5}`, "name: A JSON number does not fit"},
		"an unknown member":              {`{"kind":"CREDENTIAL_ROLE","name":"a","id":"1"}`, "id: Unknown member"},
		"a member in other letters":      {`{"kind":"CREDENTIAL_ROLE","name":"a","Description":"1"}`, "Spell this member description"},
		"a member twice":                 {`{"kind":"CREDENTIAL_ROLE","name":"a","name":"b"}`, "name: The member is here twice"},
		"two kinds":                      {`{"kind":"CREDENTIAL_ROLE","kind":"API_PROXY","name":"a"}`, "twice"},
		"a member twice in a policy":     {`{"kind":"GLOBAL_POLICY","name":"a","policy":{"type":"t","name":"a","x":{"y":1,"y":2}}}`, "policy.x.y: The member is here twice"},
		"something behind it":            {role + role, "invalid character"},
		"broken UTF-8":                   {"{\"kind\":\"CREDENTIAL_ROLE\",\"name\":\"a\xff\"}", "UTF-8"},
		"no policy":                      {`{"kind":"GLOBAL_POLICY","name":"a"}`, "policy: The policy is missing."},
		"a policy that is a list":        {`{"kind":"GLOBAL_POLICY","name":"a","policy":[]}`, "policy: The policy is a JSON object"},
		"a policy of another name":       {`{"kind":"GLOBAL_POLICY","name":"a","policy":{"name":"b"}}`, `policy.name: The name here is "b"`},
		"a variable of another name":     {`{"kind":"GLOBAL_VARIABLE","name":"a","variable":{"name":"b"}}`, `variable.name: The name here is "b"`},
		"a source of another name":       {`{"kind":"IDENTITY_SERVICE","name":"a","definition":{"name":"b"}}`, `definition.name: The name here is "b"`},
		"a secret field twice":           {`{"kind":"IDENTITY_SERVICE","name":"a","definition":{"name":"a"},"secrets":["p","p"]}`, "secrets[1]"},
		"a secret itself":                {`{"kind":"IDENTITY_SERVICE","name":"a","definition":{"name":"a"},"secrets":{"bindPassword":"x"}}`, "secrets"},
		"a binding of nothing":           {proxy(`"bindings":[` + binding + `"global":""}]`), "bindings[0]: Give exactly one of"},
		"a binding of two things":        {proxy(`"bindings":[` + binding + `"global":"a","group":"b"}]`), "bindings[0]: Give exactly one of"},
		"a binding of a policy and one":  {proxy(`"bindings":[` + binding + `"global":"a","policy":{"type":"t"}}]`), "bindings[0]: Give exactly one of"},
		"a local policy without a type":  {proxy(`"bindings":[` + binding + `"policy":{"name":"a"}}]`), "bindings[0].policy.type"},
		"a local policy that is null":    {proxy(`"bindings":[` + binding + `"policy":null}]`), "bindings[0].policy.type"},
		"an endpoint that is not there":  {proxy(`"bindings":[{"scope":"ENDPOINT","endpoint":"GET /a","pipeline":"REQUEST","global":"a"}]`), "bindings[0].endpoint: Name an endpoint"},
		"an endpoint with scope ALL":     {proxy(`"endpoints":[{"method":"GET","path":"/a"}],"bindings":[{"scope":"ALL","endpoint":"GET /a","pipeline":"REQUEST","global":"a"}]`), "bindings[0].endpoint: Leave out"},
		"an endpoint twice":              {proxy(`"endpoints":[{"method":"GET","path":"/a"},{"method":"GET","path":"/a"}]`), "endpoints[1]: Give each endpoint"},
		"an endpoint without a path":     {proxy(`"endpoints":[{"method":"GET"}]`), "endpoints[0]: Give each endpoint"},
		"an empty host":                  {strings.Replace(proxy(`"description":""`), `"/p"`, `"/p","hosts":[""]`, 1), "route.hosts[0]"},
		"a proxy with a client id":       {proxy(`"clientId":"x"`), "clientId: Unknown member"},
		"an empty member":                {`{"kind":"PROXY_GROUP","name":"a","route":{},"members":[""]}`, "members[0]"},
		"a group that names an endpoint": {`{"kind":"PROXY_GROUP","name":"a","route":{},"bindings":[{"scope":"ENDPOINT","endpoint":"GET /","pipeline":"REQUEST","global":"a"}]}`, "bindings[0].endpoint"},
		"a slot of nothing":              {`{"kind":"POLICY_GROUP","name":"a","policies":[{}]}`, "policies[0]: Give exactly one of"},
		"a slot of two things":           {`{"kind":"POLICY_GROUP","name":"a","policies":[{"global":"x","policy":{"type":"t"}}]}`, "policies[0]: Give exactly one of"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused(t, []byte(c.text), c.want)
			refused(t, zipped(t, entry{name: "x/a.json", text: c.text}), "x/a.json")
		})
	}
}

func TestTwoObjectsOfOneNameAreRefused(t *testing.T) {
	t.Parallel()
	variable := func(name string) string {
		return fmt.Sprintf(`{"kind":"GLOBAL_VARIABLE","name":%[1]q,"variable":{"name":%[1]q}}`, name)
	}
	refused(t, zipped(t, entry{name: "a.json", text: variable("Env")}, entry{name: "b.json", text: variable("env")}), `b.json: The file "a.json" already has the variable "env".`)
	read(t, zipped(t, entry{name: "a.json", text: role}, entry{name: "b.json", text: strings.Replace(role, "admin", "Admin", 1)})) // roles are compared exactly
}

func TestManyProblemsAreNotAllListed(t *testing.T) {
	t.Parallel()
	list := make([]entry, 1000)
	for i := range list {
		list[i] = entry{name: fmt.Sprintf("%d.json", i), text: "{"}
	}
	members := make([]string, 1000)
	for i := range members {
		members[i] = fmt.Sprintf(`"unknown%d":1`, i)
	}
	for name, raw := range map[string][]byte{"of many files": zipped(t, list...), "of one object": []byte(`{"kind":"CREDENTIAL_ROLE",` + strings.Join(members, ",") + `}`)} {
		_, err := archive.Read(raw)
		var p archive.Problems
		if !errors.As(err, &p) || len(p) != 50 {
			t.Errorf("%d problems %s", len(p), name)
		}
	}
}
