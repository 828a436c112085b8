package link

// Variables is the list of a project's variables.
func Variables(project string) string { return path("projects", project, "variables") }

// NewVariable is the form of a new variable; it takes the names of its fields.
func NewVariable(project string) string { return path("projects", project, "new", "variables") }

// ChooseVariable lists variables to choose one for a rule, inside the page of the rule; it takes q.
func ChooseVariable(project string) string { return path("projects", project, "choose", "variables") }

// NewChosenVariable is the form of a new variable inside the page of a rule.
func NewChosenVariable(project string) string { return ChooseVariable(project) + "/new" }

// VariableEdit is the form of a variable.
func VariableEdit(project, name string) string { return Variables(project) + path(name) + "/edit" }

// VariableDelete asks, and then deletes.
func VariableDelete(project, name string) string { return Variables(project) + path(name) + "/delete" }

// CheckVariableName says whether a name is free; it takes name and except.
func CheckVariableName(project string) string {
	return path("projects", project, "check", "variable-name")
}

// EnvironmentVariables is the list of an environment's values.
func EnvironmentVariables(environment string) string {
	return path("environments", environment, "variables")
}

// NewEnvironmentVariable is the form of a new value.
func NewEnvironmentVariable(environment string) string {
	return path("environments", environment, "new", "variables")
}

// EnvironmentVariableEdit is the form of a value.
func EnvironmentVariableEdit(environment, id string) string {
	return EnvironmentVariables(environment) + path(id) + "/edit"
}

// EnvironmentVariableDelete asks, and then deletes.
func EnvironmentVariableDelete(environment, id string) string {
	return EnvironmentVariables(environment) + path(id) + "/delete"
}

// CheckEnvironmentVariableName says whether a name is free; it takes name and
// except.
func CheckEnvironmentVariableName(environment string) string {
	return path("environments", environment, "check", "variable-name")
}
