package archive

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/strict"
)

// FormatVersion is that of the packages that this version writes and reads.
const FormatVersion = 1

// product stands in every manifest.
const product = "gatewright"

// ManifestFile is the name of the manifest in a package.
const ManifestFile = "manifest.json"

// manifest says what is in a package. It holds no time, no user and no version
// of the product: exports of the same state have the same bytes (D21), so that
// version control shows a change only where something changed.
type manifest struct {
	FormatVersion int    `json:"formatVersion"`
	Product       string `json:"product"`
	Project       string `json:"project"`
	Objects       []line `json:"objects"`
}

// line is one object in the manifest.
type line struct {
	Kind Kind   `json:"kind"`
	Name string `json:"name"`
	File string `json:"file"`
	// SHA256 is of the file as it is in the package, in hex. It finds accidents,
	// not attackers, who would change it too; against them helps a passphrase.
	SHA256       string `json:"sha256"`
	Dependencies []Ref  `json:"dependencies,omitempty"`
}

func (l line) ref() Ref { return Ref{Kind: l.Kind, Name: l.Name} }

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// readManifest looks at the version first: a later format may have members that
// are unknown here.
func readManifest(data []byte) (manifest, error) {
	var m manifest
	var version struct{ FormatVersion int }
	if err := json.Unmarshal(data, &version); err == nil && version.FormatVersion != FormatVersion {
		return m, problem.List{{Field: "formatVersion", Message: wrongVersion("package", version.FormatVersion, FormatVersion)}}
	}
	if err := strict.Decode(data, &m, "manifest"); err != nil {
		return m, err
	}
	return m, m.problems().Err()
}

func (m manifest) problems() problem.List {
	var l problem.List
	if m.Product != product {
		l.Add("product", "The package is of %s, and this is Gatewright.", quoted(m.Product))
	}
	if msg := nameProblem(m.Project); m.Project != "" && msg != "" {
		l.Add("project", "%s", msg)
	}
	files := map[string]bool{}
	for i, o := range m.Objects {
		l.Append(at("objects", i), o.ref().problems())
		for j, d := range o.Dependencies {
			l.Append(at(at("objects", i)+".dependencies", j), d.problems())
		}
		if files[o.File] {
			l.Add(at("objects", i)+".file", "The file %s is named twice.", quoted(o.File))
		}
		files[o.File] = true
	}
	return l
}

// dependencies are references in the one order that manifests have.
func dependencies(refs []Ref) []Ref {
	return slices.Compact(slices.SortedFunc(slices.Values(refs), Ref.compare))
}
