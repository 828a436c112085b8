package link

// Credentials is the list of a project's credentials.
func Credentials(project string) string { return path("projects", project, "credentials") }

// NewCredential is the empty form.
func NewCredential(project string) string { return path("projects", project, "new", "credentials") }

// Credential is the page of a credential; the others are its actions.
func Credential(project, name string) string { return path("projects", project, "credentials", name) }

// CredentialEdit is the credential's form.
func CredentialEdit(project, name string) string { return Credential(project, name) + "/edit" }

// CredentialStatus switches the credential on or off.
func CredentialStatus(project, name string) string { return Credential(project, name) + "/status" }

// CredentialSecret asks, and then makes a new secret.
func CredentialSecret(project, name string) string { return Credential(project, name) + "/secret" }

// CredentialDelete asks, and then deletes.
func CredentialDelete(project, name string) string { return Credential(project, name) + "/delete" }

// BulkCredentials does one thing with many credentials.
func BulkCredentials(project string) string { return path("projects", project, "bulk", "credentials") }

// CheckCredentialName says whether a name is free; it takes username and except.
func CheckCredentialName(project string) string {
	return path("projects", project, "check", "credential-name")
}

// ExportCredentials is the list as CSV, without secrets.
func ExportCredentials(project string) string {
	return path("projects", project, "export", "credentials.csv")
}

// ImportCredentials takes a file and shows what it would do.
func ImportCredentials(project string) string {
	return path("projects", project, "import", "credentials")
}

// ApplyCredentials does what the preview of an import said.
func ApplyCredentials(project string) string { return ImportCredentials(project) + "/apply" }

// CredentialImport is where an import that was confirmed is watched.
func CredentialImport(project, id string) string {
	return ImportCredentials(project) + path("of", id)
}

// Roles is the list of a project's roles; it takes new ones.
func Roles(project string) string { return path("projects", project, "roles") }

// RoleEdit describes a role.
func RoleEdit(project, name string) string { return Roles(project) + path(name) + "/edit" }

// RoleDelete asks, and then deletes.
func RoleDelete(project, name string) string { return Roles(project) + path(name) + "/delete" }

// Access says who may call what; it takes proxy and credential.
func Access(project string) string { return path("projects", project, "access") }

// AccessByProxy counts who may call each API.
func AccessByProxy(project string) string { return Access(project) + "/by/proxy" }

// AccessByCredential counts what each credential may call.
func AccessByCredential(project string) string { return Access(project) + "/by/credential" }

// NewAccess grants access; it takes proxy and credential.
func NewAccess(project string) string { return path("projects", project, "new", "access") }

// FindForAccess finds names for the form of access, of kind proxies or
// credentials; it takes q and with.
func FindForAccess(project, kind string) string {
	return path("projects", project, "check", "access", kind)
}

// AccessEdit changes the conditions of a grant.
func AccessEdit(project, id string) string { return Access(project) + path("of", id) + "/edit" }

// AccessRevoke asks, and then revokes.
func AccessRevoke(project, id string) string { return Access(project) + path("of", id) + "/revoke" }

// ExportAccess is the report as CSV; it takes what Access takes.
func ExportAccess(project string) string { return path("projects", project, "export", "access.csv") }
