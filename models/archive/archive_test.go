package archive_test

import (
	"bytes"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/models/archive"
)

var update = flag.Bool("update", false, "write testdata/package anew")

// TestTheFormatStaysAsItIs compares with files that are kept: what people have in
// version control must not change by accident.
func TestTheFormatStaysAsItIs(t *testing.T) {
	t.Parallel()
	var kept []string
	for _, e := range unzipped(t, written(t, sample())) {
		path := filepath.Join("testdata", "package", filepath.FromSlash(e.name))
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(e.text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), e.text); diff != "" {
			t.Errorf("%s (-want +got):\n%s", e.name, diff)
		}
		kept = append(kept, path)
	}
	if all, _ := filepath.Glob("testdata/package/*/*.json"); len(all) != len(kept)-1 {
		t.Errorf("testdata has %d objects, the package %d", len(all), len(kept)-1)
	}
}

func TestAPackageHoldsNoTimeAndNoOrderOfItsOwn(t *testing.T) {
	t.Parallel()
	p := sample()
	first := written(t, p)
	slices.Reverse(p.Objects)
	if !bytes.Equal(first, written(t, p)) {
		t.Error("the order in which objects come changes the bytes")
	}
	if got := read(t, first); !cmp.Equal(got.Project, "default") || len(got.Objects) != len(archive.Kinds()) {
		t.Errorf("read %d objects of project %q", len(got.Objects), got.Project)
	}
}

// TestExportImportExportGivesIdenticalBytes is D21 over random packages.
func TestExportImportExportGivesIdenticalBytes(t *testing.T) {
	t.Parallel()
	for seed := range uint64(100) {
		p := dice{rand.New(rand.NewPCG(seed, 1))}.archive()
		first := written(t, p)
		got := read(t, first)
		if diff := cmp.Diff(byRef(p), byRef(got)); diff != "" || got.Project != p.Project {
			t.Fatalf("seed %d: what was read is not what was written (-want +got):\n%s", seed, diff)
		}
		if !bytes.Equal(first, written(t, got)) {
			t.Fatalf("seed %d: the second export has other bytes", seed)
		}
		plain := withoutManifest(t, first)
		if diff := cmp.Diff(withoutDependencies(p), withoutDependencies(read(t, plain))); diff != "" {
			t.Fatalf("seed %d: without the manifest something else is read (-want +got):\n%s", seed, diff)
		}
	}
}

// byRef is the objects by what names them; references are a set.
func byRef(p archive.Package) map[archive.Ref]archive.Object {
	objects := map[archive.Ref]archive.Object{}
	for _, o := range p.Objects {
		b := o.Base()
		slices.SortFunc(b.Dependencies, func(x, y archive.Ref) int {
			return strings.Compare(string(x.Kind)+x.Name, string(y.Kind)+y.Name)
		})
		b.Dependencies = slices.Compact(b.Dependencies)
		objects[b.Ref()] = o
	}
	return objects
}

func withoutDependencies(p archive.Package) map[archive.Ref]archive.Object {
	for _, o := range p.Objects {
		o.Base().Dependencies = nil
	}
	return byRef(p)
}

func withoutManifest(t testing.TB, raw []byte) []byte {
	t.Helper()
	return zipped(t, slices.DeleteFunc(unzipped(t, raw), func(e entry) bool { return e.name == archive.ManifestFile })...)
}

func TestObjectsComeAfterWhatTheyName(t *testing.T) {
	t.Parallel()
	p := sample()
	rand.Shuffle(len(p.Objects), func(i, j int) { p.Objects[i], p.Objects[j] = p.Objects[j], p.Objects[i] })
	seen := map[archive.Ref]bool{}
	for _, o := range read(t, written(t, p)).Objects {
		for _, d := range o.Base().Dependencies {
			if !seen[d] {
				t.Errorf("%s comes before %s, which it names", o.Base().Ref(), d)
			}
		}
		seen[o.Base().Ref()] = true
	}
}

func TestEveryKindHasANameForPeopleAndAType(t *testing.T) {
	t.Parallel()
	for _, k := range archive.Kinds() {
		if o := archive.New(k); o == nil || o.Base().Kind != k || k.Label() == "" {
			t.Errorf("kind %s: %v, %q", k, o, k.Label())
		}
	}
	if archive.New("CERTIFICATE") != nil || archive.Kind("CERTIFICATE").Label() != "" {
		t.Error("an unknown kind is known")
	}
}

func TestFileNames(t *testing.T) {
	t.Parallel()
	role := func(names ...string) (p archive.Package) {
		for _, n := range names {
			p.Objects = append(p.Objects, &archive.Role{Common: common(archive.KindRole, n)})
		}
		return p
	}
	for _, c := range []struct {
		name  string
		names []string
		want  string // of the last one
	}{
		{"are the name in lower case", []string{"Admin"}, "admin"},
		{"have hyphens for blanks and signs", []string{"orders: read/write"}, "orders--read-write"},
		{"keep a name that is plain, whoever is alike", []string{"Admin", "admin"}, "admin"},
		{"have a digest where they would be alike", []string{"admin", "Admin"}, "admin-c1c224b03cd9"},
		{"have the same digest in whatever company", []string{"ADMIN", "aDMIN", "Admin"}, "admin-c1c224b03cd9"},
		{"never begin with a dot", []string{"..hidden"}, "hidden"},
		{"are not empty for names in other scripts", []string{"日本"}, "_"},
		{"differ for names in other scripts", []string{"中国", "日本"}, "_-cf2abf0c5be3"},
		{"are no devices of Windows", []string{"COM1.old"}, "_com1.old"},
		{"end before file systems do", []string{strings.Repeat("x", 255)}, strings.Repeat("x", 200)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			last := c.names[len(c.names)-1]
			for _, e := range unzipped(t, written(t, role(c.names...))) {
				if strings.Contains(e.text, `"name": "`+last+`"`) && e.name != archive.ManifestFile {
					if want := "credential-roles/" + c.want + ".json"; e.name != want {
						t.Errorf("%q is in %s, want %s", last, e.name, want)
					}
					return
				}
			}
			t.Error("the object is not in the package")
		})
	}
}

func TestReadTakesWhatPeopleMake(t *testing.T) {
	t.Parallel()
	const role = `{"kind":"CREDENTIAL_ROLE","name":"admin"}`
	dir := func(name string) entry { return entry{name: name} }
	for _, c := range []struct {
		name string
		raw  []byte
	}{
		{"one object without a ZIP", []byte(role)},
		{"one object with blanks and a byte order mark before it", []byte("\uFEFF \r\n" + role + "\r\n")},
		{"a ZIP without manifest and folders", zipped(t, entry{name: "admin.json", text: role})},
		{"other folders and names than ours", zipped(t, entry{name: "gateway/roles/The admin.json", text: role})},
		{"entries of directories, as zip -r and git archive write them", zipped(t, dir("roles/"), entry{name: "roles/admin.json", text: role})},
		{"a comment, as git archive writes it", append(zipped(t, entry{name: "a.json", text: role})[:len(zipped(t, entry{name: "a.json", text: role}))-2], "\x04\x00abcd"...)},
	} {
		t.Run("reads "+c.name, func(t *testing.T) {
			t.Parallel()
			want := []archive.Object{&archive.Role{Common: common(archive.KindRole, "admin")}}
			if diff := cmp.Diff(want, read(t, c.raw).Objects); diff != "" {
				t.Errorf("objects (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWriteRefusesWhatReadWouldRefuse(t *testing.T) {
	t.Parallel()
	role := func(name string) archive.Object { return &archive.Role{Common: common(archive.KindRole, name)} }
	huge := &archive.Role{Common: common(archive.KindRole, "huge"), Description: strings.Repeat("x", archive.MaxObject)}
	for _, c := range []struct {
		name, want string
		objects    []archive.Object
	}{
		{"nothing", "The package holds no objects.", nil},
		{"an object without a name", "Enter a name.", []archive.Object{role("")}},
		{"a type that is not of its kind", "not of kind", []archive.Object{&archive.Role{Common: common(archive.KindProxy, "a")}}},
		{"no kind", "not of kind", []archive.Object{&archive.Role{}}},
		{"two of one name", "already has", []archive.Object{role("a"), role("a")}},
		{"two variables that differ in letter case", "already has", []archive.Object{
			&archive.Variable{Common: common(archive.KindVariable, "a"), Variable: condition.Variable{Name: "a"}},
			&archive.Variable{Common: common(archive.KindVariable, "A"), Variable: condition.Variable{Name: "A"}},
		}},
		{"a definition that is no JSON", "not valid JSON", []archive.Object{&archive.Policy{Common: common(archive.KindPolicy, "a"), Policy: []byte(`{"name":`)}}},
		{"a definition that is missing", "The policy is missing.", []archive.Object{&archive.Policy{Common: common(archive.KindPolicy, "a")}}},
		{"an object that is too large", "at most 16.0 MiB", []archive.Object{huge}},
		{"too many objects", "more than 50000 files", slices.Repeat([]archive.Object{role("a")}, archive.MaxObjects+1)},
	} {
		t.Run("refuses "+c.name, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			err := archive.Write(&b, archive.Package{Objects: c.objects})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("err = %v, want %q in it", err, c.want)
			}
			if b.Len() > 0 {
				t.Error("something was written")
			}
		})
	}
}

// TestWhatCompressesTooWellIsStored: a template of one repeated character is no
// bomb and must come back.
func TestWhatCompressesTooWellIsStored(t *testing.T) {
	t.Parallel()
	p := archive.Package{Objects: []archive.Object{&archive.Role{Common: common(archive.KindRole, "a"), Description: strings.Repeat("x", 1<<20)}}}
	if diff := cmp.Diff(p, read(t, written(t, p))); diff != "" {
		t.Errorf("package (-want +got):\n%.200s", diff)
	}
}

func TestProblemsNameFileAndMember(t *testing.T) {
	t.Parallel()
	_, err := archive.Read(zipped(t, entry{name: "a/proxy.json", text: `{"kind":"API_PROXY","name":"p","route":{"basePath":"/p","host":[]},"upstream":{}}`}))
	if want, got := "a/proxy.json#route.host: Unknown member; remove it.", err.Error(); got != want {
		t.Errorf("error = %q, want %q", got, want)
	}
	if l := problem.Of(err); len(l) != 1 || l[0].Field != "a/proxy.json#route.host" {
		t.Errorf("list = %v", l)
	}
}
