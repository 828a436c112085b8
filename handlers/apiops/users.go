package apiops

import (
	"net/http"
	"time"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
)

// The people who use console and management API (reference 1.1).

const (
	usersPath = Prefix + "users/"
	userPath  = usersPath + "{userName}/"
	peopleTag = "People"
)

func (a *API) userOperations() []operation {
	return []operation{
		{
			method: http.MethodGet, path: usersPath, id: "listUsers", tag: peopleTag, summary: "List users", right: visit.ViewSystem,
			query: append([]parameter{
				{name: "q", text: "Only those with this in name, full name or e-mail address.", kind: ""},
				{name: "role", text: "Only those with this role.", kind: "", enum: models.UserRoles()},
				{name: "loginType", text: "Only those who sign in so.", kind: "", enum: loginTypes},
				{name: "locked", text: "Only those who are locked, or who are not.", kind: true},
			}, pagingParameters...),
			result: listOf[user]{}, do: a.listUsers,
		},
		{
			method: http.MethodPost, path: usersPath, id: "createUser", tag: peopleTag, summary: "Create a user", text: "One who signs in by the directory (LDAP) has no password here.",
			right: visit.ManageSystem, body: newUserRequest{}, result: one[user]{}, versioned: true, do: a.createUser,
		},
		{
			method: http.MethodGet, path: userPath, id: "getUser", tag: peopleTag, summary: "Read a user", right: visit.ViewSystem, result: one[user]{}, versioned: true, do: a.getUser,
		},
		{
			method: http.MethodPut, path: userPath, id: "replaceUser", tag: peopleTag, summary: "Replace a user",
			text:  "The name stays. Who is locked, or signs in in another way from now on, is signed out everywhere. The last administrator who can sign in with a password stays one.",
			right: visit.ManageSystem, body: userRequest{}, result: one[user]{}, versioned: true, do: a.replaceUser,
		},
		{
			method: http.MethodDelete, path: userPath, id: "deleteUser", tag: peopleTag, summary: "Delete a user", text: "With memberships, tokens and sessions. What the user did stays in the audit.",
			right: visit.ManageSystem, result: done{}, versioned: true, do: a.deleteUser,
		},
		{
			method: http.MethodPost, path: userPath + "password/", id: "resetUserPassword", tag: peopleTag, summary: "Give a user a new password",
			text:  "It is generated, answered this once, and has to be changed at the next sign-in. The user is signed out everywhere.",
			right: visit.ManageSystem, result: passwordAnswer{}, do: a.resetUserPassword,
		},
		{
			method: http.MethodGet, path: userPath + "sessions/", id: "listUserSessions", tag: peopleTag, summary: "List the console sessions of a user", right: visit.ManageSystem,
			result: listOf[session]{}, do: a.listUserSessions,
		},
		{
			method: http.MethodDelete, path: userPath + "sessions/{sessionId}/", id: "endUserSession", tag: peopleTag, summary: "End a console session of a user", right: visit.ManageSystem,
			result: done{}, do: a.endUserSession,
		},
		{
			method: http.MethodGet, path: userPath + "tokens/", id: "listUserTokens", tag: peopleTag, summary: "List the personal tokens of a user", right: visit.ManageSystem,
			result: listOf[personalToken]{}, do: a.listUserTokens,
		},
		{
			method: http.MethodDelete, path: userPath + "tokens/{tokenName}/", id: "revokeUserToken", tag: peopleTag, summary: "Revoke a personal token of a user", right: visit.ManageSystem,
			result: done{}, do: a.revokeUserToken,
		},
	}
}

var loginTypes = []string{models.LoginLocal, models.LoginLDAP}

type user struct {
	Name               string     `json:"username"`
	FullName           string     `json:"fullName"`
	Email              string     `json:"email"`
	Role               string     `json:"role" enum:"ADMINISTRATOR,PROJECT_MANAGER,AUDITOR,MEMBER" doc:"What it is in the whole installation. A MEMBER may do what the roles in projects say."`
	LoginType          string     `json:"loginType" enum:"LOCAL,LDAP"`
	Locked             bool       `json:"locked"`
	MustChangePassword bool       `json:"mustChangePassword"`
	LastSignInAt       *time.Time `json:"lastSignInAt,omitempty"`
	written
}

type userRequest struct {
	FullName  string `json:"fullName"`
	Email     string `json:"email"`
	Role      string `json:"role" required:"true" enum:"ADMINISTRATOR,PROJECT_MANAGER,AUDITOR,MEMBER"`
	LoginType string `json:"loginType" enum:"LOCAL,LDAP" doc:"LOCAL unless told."`
	Locked    bool   `json:"locked"`
}

type newUserRequest struct {
	Name               string `json:"username" required:"true"`
	Password           string `json:"password" format:"password" doc:"Required for LOCAL."`
	MustChangePassword bool   `json:"mustChangePassword" doc:"Has to choose another password at the first sign-in."`
	userRequest
}

type passwordAnswer struct {
	done
	Password string `json:"password" doc:"It is never shown again."`
}

type session struct {
	ID        string    `json:"id"`
	Client    string    `json:"clientAddress"`
	UserAgent string    `json:"userAgent"`
	BegunAt   time.Time `json:"begunAt"`
	SeenAt    time.Time `json:"seenAt"`
	ExpiresAt time.Time `json:"expiresAt"`
}

func userOf(u models.User) user {
	return user{u.Name, u.FullName, u.Email, u.Role, u.LoginType, u.Locked, u.MustChangePassword, u.LastSignInAt, writtenOf(u.Stamp)}
}

func (r userRequest) user() models.User {
	if r.LoginType == "" {
		r.LoginType = models.LoginLocal
	}
	return models.User{FullName: r.FullName, Email: r.Email, Role: r.Role, LoginType: r.LoginType, Locked: r.Locked}
}

func (a *API) listUsers(c *call) (any, error) {
	var l problem.List
	f := models.UserFilter{Query: c.g.Query("q"), Role: c.choice(&l, "role", models.UserRoles()...), LoginType: c.choice(&l, "loginType", loginTypes...)}
	if locked := c.flag(&l, "locked"); c.g.Query("locked") != "" {
		f.Locked = &locked
	}
	f.Page, f.PerPage = c.pages(&l)
	if err := l.Err(); err != nil {
		return nil, err
	}
	rows, total, err := a.Store.FindUsers(c.ctx(), f)
	if err != nil {
		return nil, err
	}
	list := make([]user, len(rows))
	for i, u := range rows {
		list[i] = userOf(u)
	}
	return listing(list, total), nil
}

func (c *call) user() (models.User, error) { return c.Store.UserByName(c.ctx(), c.name("userName")) }

func (c *call) currentUser() (models.User, error) {
	now, err := c.user()
	if err != nil {
		return now, err
	}
	return now, c.matches(now.Version)
}

func (c *call) answerUser(u models.User, err error) (any, error) {
	if err != nil {
		return nil, fields(err, map[string]string{"name": "username"})
	}
	c.tag(u.Version)
	return single(userOf(u)), nil
}

// fields gives the fields of a problem the names under which they were sent.
func fields(err error, sent map[string]string) error {
	list := problem.Of(err)
	if list == nil {
		return err
	}
	l := make(problem.List, len(list))
	for i, p := range list {
		if to, ok := sent[p.Field]; ok {
			p.Field = to
		}
		l[i] = p
	}
	return l
}

func (a *API) getUser(c *call) (any, error) { return c.answerUser(c.user()) }

func (a *API) createUser(c *call) (any, error) {
	var r newUserRequest
	if err := c.read(&r); err != nil {
		return nil, err
	}
	if err := c.isNew(); err != nil {
		return nil, err
	}
	u := r.user()
	u.Name, u.MustChangePassword = r.Name, r.MustChangePassword
	return c.answerUser(a.Store.CreateUser(c.ctx(), c.by(), u, secret.New(r.Password)))
}

func (a *API) replaceUser(c *call) (any, error) {
	var r userRequest
	if err := c.read(&r); err != nil {
		return nil, err
	}
	now, err := c.currentUser()
	if err != nil {
		return nil, err
	}
	u := r.user()
	u.ID, u.Version = now.ID, now.Version
	return c.answerUser(a.Store.SaveUser(c.ctx(), c.by(), u))
}

func (a *API) deleteUser(c *call) (any, error) {
	now, err := c.currentUser()
	if err != nil {
		return nil, err
	}
	return c.deleted(a.Store.DeleteUser(c.ctx(), c.by(), now.ID, now.Version))
}

func (a *API) resetUserPassword(c *call) (any, error) {
	u, err := c.user()
	if err != nil {
		return nil, err
	}
	password, err := a.Store.ResetPassword(c.ctx(), c.by(), u.Name)
	if list := problem.Of(err); list != nil {
		return nil, conflict("%s", list[0].Message)
	}
	if err != nil {
		return nil, err
	}
	return c.secretAnswer(passwordAnswer{success(), password.Reveal()}), nil
}

func (a *API) listUserSessions(c *call) (any, error) {
	u, err := c.user()
	if err != nil {
		return nil, err
	}
	return c.sessions(u.ID)
}

func (c *call) sessions(userID string) (any, error) {
	rows, err := c.Store.WebSessions(c.ctx(), userID)
	if err != nil {
		return nil, err
	}
	list := make([]session, len(rows))
	for i, s := range rows {
		list[i] = session{s.ID, s.Client, s.UserAgent, s.BegunAt, s.SeenAt, s.ExpiresAt}
	}
	return listing(list, len(list)), nil
}

func (a *API) endUserSession(c *call) (any, error) {
	u, err := c.user()
	if err != nil {
		return nil, err
	}
	return c.deleted(a.Store.EndWebSession(c.ctx(), c.by(), u.ID, c.name("sessionId")))
}

func (a *API) listUserTokens(c *call) (any, error) {
	u, err := c.user()
	if err != nil {
		return nil, err
	}
	return c.tokens(u.ID)
}

func (a *API) revokeUserToken(c *call) (any, error) {
	u, err := c.user()
	if err != nil {
		return nil, err
	}
	return c.revokeToken(u.ID)
}
