package link

// The pages about people. Those of one's own stand below Account.
const (
	Users          = "/users"
	NewUser        = "/new/users"
	ProjectRoles   = "/roles"
	NewProjectRole = "/new/roles"
	ProjectList    = "/projects"
	NewProject     = "/new/projects"
	SignInSettings = "/sign-in-settings"
	TestDirectory  = "/sign-in-settings/test"

	Profile        = Account + "/profile"
	PersonalTokens = Account + "/tokens"
)

// user is the first part of what can be done with a user.
func user(name string) string { return path("users", name) }

// UserEdit is a user's form.
func UserEdit(name string) string { return user(name) + "/edit" }

// UserLock locks and unlocks.
func UserLock(name string) string { return user(name) + "/lock" }

// UserPassword asks, and then makes a new password.
func UserPassword(name string) string { return user(name) + "/password" }

// UserDelete asks, and then deletes.
func UserDelete(name string) string { return user(name) + "/delete" }

// ProjectRoleEdit is the form of a role of projects.
func ProjectRoleEdit(name string) string { return path("roles", name) + "/edit" }

// ProjectRoleDelete asks, and then deletes.
func ProjectRoleDelete(name string) string { return path("roles", name) + "/delete" }

// ProjectEdit is the form of a project.
func ProjectEdit(project string) string { return Project(project) + "/edit" }

// ProjectDelete asks, and then deletes.
func ProjectDelete(project string) string { return Project(project) + "/delete" }

// Members is the list of a project's members, and where one is added.
func Members(project string) string { return Project(project) + "/members" }

// MemberEdit is the form of a member's roles.
func MemberEdit(project, user string) string { return Members(project) + path("of", user, "edit") }

// MemberRemove asks, and then ends a membership.
func MemberRemove(project, user string) string { return Members(project) + path("of", user, "remove") }

// EndSession ends a session of one's own.
func EndSession(id string) string { return Account + path("sessions", id, "end") }

// RevokePersonalToken asks, and then revokes a token of one's own.
func RevokePersonalToken(id string) string { return PersonalTokens + path(id, "revoke") }
