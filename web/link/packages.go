package link

import (
	"net/url"
	"strings"
)

// Packages is where a project is exported and imported.
func Packages(project string) string { return path("projects", project, "packages") }

// ExportObjects is where the objects of a package are chosen; it takes kind, q
// and object, the last as often as there are any, written KIND/name.
func ExportObjects(project string) string { return Packages(project) + "/export" }

// ExportReview shows what goes along with the chosen objects; it takes object.
func ExportReview(project string) string { return ExportObjects(project) + "/review" }

// ExportObject is ExportReview for one object.
func ExportObject(project, kind, name string) string {
	return ExportReview(project) + "?" + url.Values{"object": {kind + "/" + name}}.Encode()
}

// ExportFile makes the package.
func ExportFile(project string) string { return ExportObjects(project) + "/file" }

// ImportPackage takes a package.
func ImportPackage(project string) string { return Packages(project) + "/import" }

// KeptPackage is the plan of a package that was uploaded; the others are its
// actions.
func KeptPackage(project, id string) string { return ImportPackage(project) + path("of", id) }

// UnlockPackage takes the passphrase.
func UnlockPackage(project, id string) string { return KeptPackage(project, id) + "/unlock" }

// ReviewPackage says what will be done.
func ReviewPackage(project, id string) string { return KeptPackage(project, id) + "/review" }

// ApplyPackage does it.
func ApplyPackage(project, id string) string { return KeptPackage(project, id) + "/apply" }

// TakesPackage tells whether an escaped path is that of ImportPackage.
func TakesPackage(escaped string) bool {
	parts := strings.Split(escaped, "/")
	return len(parts) == 5 && parts[1] == "projects" && parts[3] == "packages" && parts[4] == "import"
}
