package link

// IdentitySources is the list of a project's identity sources.
func IdentitySources(project string) string { return path("projects", project, "identity-sources") }

// NewIdentitySource is where the kind of a new source is chosen.
func NewIdentitySource(project string) string {
	return path("projects", project, "new", "identity-sources")
}

// NewIdentitySourceOf is the empty form of a kind.
func NewIdentitySourceOf(project, kind string) string {
	return path("projects", project, "new", "identity-sources", kind)
}

// IdentitySource is the page of a source; the others are its actions.
func IdentitySource(project, name string) string {
	return path("projects", project, "identity-sources", name)
}

// IdentitySourceEdit is the source's form, in which it is tested too.
func IdentitySourceEdit(project, name string) string { return IdentitySource(project, name) + "/edit" }

// IdentitySourceDelete asks, and then deletes.
func IdentitySourceDelete(project, name string) string {
	return IdentitySource(project, name) + "/delete"
}

// CheckIdentitySourceName says whether a name is free; it takes name and except.
func CheckIdentitySourceName(project string) string {
	return path("projects", project, "check", "identity-source-name")
}

// IdentitySourceAdvice says what to consider about a form of a kind as it is
// typed.
func IdentitySourceAdvice(project, kind string) string {
	return path("projects", project, "check", "identity-source-advice", kind)
}

// IdentitySourceTest tries a form of a kind as it is typed.
func IdentitySourceTest(project, kind string) string {
	return path("projects", project, "check", "identity-source", kind)
}
