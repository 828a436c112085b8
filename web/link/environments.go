package link

// The list of environments, the form of a new one, and whether a name is free;
// that takes name.
const (
	Environments         = "/environments"
	NewEnvironment       = "/new/environments"
	CheckEnvironmentName = "/check/environment-name"
)

// EnvironmentPage is the page of an environment; the others are its actions.
func EnvironmentPage(environment string) string { return path("environments", environment) }

// EnvironmentEdit is its form.
func EnvironmentEdit(environment string) string { return EnvironmentPage(environment) + "/edit" }

// EnvironmentAddress asks, and then changes where it is reached.
func EnvironmentAddress(environment string) string { return EnvironmentPage(environment) + "/address" }

// EnvironmentDelete asks, and then deletes.
func EnvironmentDelete(environment string) string { return EnvironmentPage(environment) + "/delete" }

// EnvironmentNodes is the part of its page that says who serves it; it takes
// seen, the state that is shown already.
func EnvironmentNodes(environment string) string { return EnvironmentPage(environment) + "/nodes" }
