package apiops

import (
	"net/http"
	"strings"
	"time"

	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
)

// Whoever asks, with their own tokens and sessions. A token never opens more than
// its owner may do when it is used, and never makes another one: else one that
// leaked would live on in those that it made.

const mePath = Prefix + "me/"

func (a *API) meOperations() []operation {
	return []operation{
		{
			method: http.MethodGet, path: mePath, id: "getMe", tag: peopleTag, summary: "Tell who I am", text: "With the projects that I am a member of.", right: visit.SignedIn,
			result: one[me]{}, do: a.getMe,
		},
		{
			method: http.MethodGet, path: mePath + "tokens/", id: "listMyTokens", tag: peopleTag, summary: "List my personal tokens", right: visit.SignedIn,
			result: listOf[personalToken]{}, do: func(c *call) (any, error) { return c.tokens(c.visit().User.ID) },
		},
		{
			method: http.MethodPost, path: mePath + "tokens/", id: "createMyToken", tag: peopleTag, summary: "Make a personal token",
			text:  "Its value is answered this once. It needs a token of POST /apiops/auth/token: a personal token makes no other one.",
			right: visit.SignedIn, body: personalTokenRequest{}, result: personalTokenMade{}, also: []int{http.StatusForbidden}, do: a.createMyToken,
		},
		{
			method: http.MethodDelete, path: mePath + "tokens/{tokenName}/", id: "revokeMyToken", tag: peopleTag, summary: "Revoke a personal token of mine",
			text: "Not with a token that was made for less than all that its owner may do.", right: visit.SignedIn, result: done{}, also: []int{http.StatusForbidden, http.StatusNotFound},
			do: ownBusiness(func(c *call) (any, error) { return c.revokeToken(c.visit().User.ID) }),
		},
		{
			method: http.MethodGet, path: mePath + "sessions/", id: "listMySessions", tag: peopleTag, summary: "List my console sessions", right: visit.SignedIn,
			result: listOf[session]{}, do: func(c *call) (any, error) { return c.sessions(c.visit().User.ID) },
		},
		{
			method: http.MethodDelete, path: mePath + "sessions/{sessionId}/", id: "endMySession", tag: peopleTag, summary: "End a console session of mine",
			text: "Not with a token that was made for less than all that its owner may do.", right: visit.SignedIn, result: done{}, also: []int{http.StatusForbidden, http.StatusNotFound},
			do: ownBusiness(func(c *call) (any, error) {
				return c.deleted(c.Store.EndWebSession(c.ctx(), c.by(), c.visit().User.ID, c.name("sessionId")))
			}),
		},
	}
}

// ownBusiness keeps limited tokens out of what is their owner's own business.
func ownBusiness(do func(*call) (any, error)) func(*call) (any, error) {
	return func(c *call) (any, error) {
		if c.visit().Limited() {
			return nil, errForbidden
		}
		return do(c)
	}
}

type me struct {
	Name     string   `json:"username"`
	FullName string   `json:"fullName"`
	Email    string   `json:"email"`
	Role     string   `json:"role" enum:"ADMINISTRATOR,PROJECT_MANAGER,AUDITOR,MEMBER"`
	Login    string   `json:"loginType" enum:"LOCAL,LDAP"`
	Projects []string `json:"projectNames" doc:"The projects that I am a member of."`
}

type personalToken struct {
	Name        string     `json:"name"`
	Permissions []string   `json:"permissions,omitempty" doc:"The most that it allows; left out: all that its owner may do."`
	Project     string     `json:"projectName,omitempty" doc:"The only project that it opens; left out: each of its owner's."`
	CreatedAt   time.Time  `json:"createdAt"`
	ExpiresAt   *time.Time `json:"expiresAt,omitempty" doc:"Left out: never."`
	LastUsedAt  *time.Time `json:"lastUsedAt,omitempty"`
}

type personalTokenRequest struct {
	Name        string             `json:"name" required:"true"`
	Permissions models.Permissions `json:"permissions" doc:"The most that it allows, such as API_MANAGEMENT:VIEW; left out: all that you may do."`
	Project     string             `json:"projectName" doc:"The only project that it opens; left out: each of yours."`
	ExpiresAt   *time.Time         `json:"expiresAt" doc:"Left out: never."`
}

type personalTokenMade struct {
	done
	Result personalToken `json:"result"`
	Token  string        `json:"token" doc:"The value; it is never shown again."`
}

func personalTokenOf(t models.PersonalToken) personalToken {
	out := personalToken{Name: t.Name, Project: t.ProjectName, CreatedAt: t.CreatedAt, ExpiresAt: t.ExpiresAt, LastUsedAt: t.LastUsedAt}
	for _, p := range t.Scope.Permissions {
		out.Permissions = append(out.Permissions, string(p))
	}
	return out
}

func (a *API) getMe(c *call) (any, error) {
	u := c.visit().User
	projects, err := a.Store.ProjectsWith(c.ctx(), u.ID, "")
	if err != nil {
		return nil, err
	}
	names := []string{}
	for _, p := range projects {
		names = append(names, p.Name)
	}
	return single(me{u.Name, u.FullName, u.Email, u.Role, u.LoginType, names}), nil
}

func (c *call) tokens(userID string) (any, error) {
	rows, err := c.Store.PersonalTokens(c.ctx(), userID)
	if err != nil {
		return nil, err
	}
	list := make([]personalToken, len(rows))
	for i, t := range rows {
		list[i] = personalTokenOf(t)
	}
	return listing(list, len(list)), nil
}

func (a *API) createMyToken(c *call) (any, error) {
	var r personalTokenRequest
	if err := c.read(&r); err != nil {
		return nil, err
	}
	value, err := bearer(c.g.Request)
	if err != nil {
		return nil, err
	}
	if !models.GivenForPassword(value) {
		return nil, errMint
	}
	t := models.PersonalToken{Name: r.Name, Scope: models.TokenScope{Permissions: r.Permissions}, ExpiresAt: r.ExpiresAt}
	if r.Project != "" {
		p, err := a.Store.Project(c.ctx(), r.Project)
		if isNotFound(err) {
			return nil, invalid("projectName", "Choose one of your projects.")
		}
		if err != nil {
			return nil, err
		}
		t.Scope.ProjectID = p.ID
	}
	made, text, err := a.Store.CreatePersonalToken(c.ctx(), c.by(), t)
	if err != nil {
		return nil, fields(err, map[string]string{"project": "projectName"})
	}
	return c.secretAnswer(personalTokenMade{success(), personalTokenOf(made), text.Reveal()}), nil
}

var errMint = &refusal{status: http.StatusForbidden, code: "forbidden", text: "A personal token makes no other one. Get a token for your name and password from POST /apiops/auth/token."}

// revokeToken revokes the token of the address.
func (c *call) revokeToken(userID string) (any, error) {
	rows, err := c.Store.PersonalTokens(c.ctx(), userID)
	if err != nil {
		return nil, err
	}
	for _, t := range rows {
		if strings.EqualFold(t.Name, c.name("tokenName")) {
			return c.deleted(c.Store.RevokePersonalToken(c.ctx(), c.by(), userID, t.ID))
		}
	}
	return nil, models.ErrNotFound
}
