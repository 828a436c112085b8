package console

import (
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/account"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/people"
	"github.com/gatewright/gatewright/web/ui"
)

// SaveProfile saves one's own full name and email, and nothing else.
func (c *Console) SaveProfile(g *gin.Context) error {
	if err := g.Request.ParseForm(); err != nil {
		return badForm(err)
	}
	ctx, v := g.Request.Context(), visit.From(g.Request.Context())
	if v.User.MustChangePassword {
		return models.ErrForbidden
	}
	t := typedVariable(g.Request.PostForm, []string{"fullName", "email"})
	u := v.User
	u.FullName, u.Email, u.Version = strings.TrimSpace(t["fullName"]), strings.TrimSpace(t["email"]), number(g.PostForm("version"))
	_, err := c.store.SaveUser(ctx, v.Actor(), u)
	if l := problem.Of(err); l != nil {
		return c.showAccount(g, http.StatusUnprocessableEntity, account.Page{Profile: t, ProfileProblems: l})
	}
	if err != nil {
		return err
	}
	v.Say(ctx, visit.Success, "Your profile was saved.")
	return redirect(g, link.Account)
}

// EndSession ends another session of one's own.
func (c *Console) EndSession(g *gin.Context) error {
	ctx, v := g.Request.Context(), visit.From(g.Request.Context())
	if err := c.store.EndWebSession(ctx, v.Actor(), v.User.ID, g.Param("session")); err != nil {
		return err
	}
	v.Say(ctx, visit.Success, "The session was ended.")
	return redirect(g, link.Account)
}

// ownSessions are the visitor's sessions; which of them is this one, its token
// tells.
func (c *Console) ownSessions(g *gin.Context) ([]account.Session, error) {
	ctx := g.Request.Context()
	found, err := c.store.WebSessions(ctx, visit.From(ctx).User.ID)
	if err != nil {
		return nil, err
	}
	token := c.sessions.Token(ctx)
	list := make([]account.Session, len(found))
	for i, s := range found {
		list[i] = account.Session{
			Client: orUnknown(s.Client, "Unknown address"), Agent: browser(s.UserAgent), Begun: s.BegunAt, Seen: s.SeenAt, Current: s.Opens(token), End: link.EndSession(s.ID),
		}
	}
	return list, nil
}

func orUnknown(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// browser is what a browser calls itself, in words that people know. Those that
// claim to be others are asked for first.
func browser(agent string) string {
	name, system := "", ""
	for _, known := range []struct{ mark, name string }{
		{"Edg/", "Edge"}, {"OPR/", "Opera"}, {"Firefox/", "Firefox"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}, {"curl/", "curl"},
	} {
		if name == "" && strings.Contains(agent, known.mark) {
			name = known.name
		}
	}
	for _, known := range []struct{ mark, name string }{
		{"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Windows", "Windows"}, {"Mac OS X", "macOS"}, {"Linux", "Linux"},
	} {
		if system == "" && strings.Contains(agent, known.mark) {
			system = known.name
		}
	}
	switch {
	case name == "":
		return orUnknown(agent, "Unknown browser")
	case system == "":
		return name
	}
	return name + " on " + system
}

func (c *Console) ownTokens(g *gin.Context) ([]account.Token, error) {
	ctx := g.Request.Context()
	found, err := c.store.PersonalTokens(ctx, visit.From(ctx).User.ID)
	if err != nil {
		return nil, err
	}
	list := make([]account.Token, len(found))
	for i, t := range found {
		list[i] = account.Token{
			Name: t.Name, Allows: tokenAllows(t.Scope.Permissions), Project: orUnknown(t.ProjectName, "All of yours"), Created: t.CreatedAt, Revoke: link.RevokePersonalToken(t.ID),
		}
		if t.ExpiresAt != nil {
			list[i].Expires, list[i].Expired = *t.ExpiresAt, !t.ExpiresAt.After(c.now())
		}
		if t.LastUsedAt != nil {
			list[i].Used = *t.LastUsedAt
		}
	}
	return list, nil
}

func tokenAllows(scope models.Permissions) string {
	if scope == nil {
		return "All that you may do"
	}
	text := allows(scope)
	switch {
	case scope.Has(models.ManageSystem):
		text += "; Installation: view, change"
	case scope.Has(models.ViewSystem):
		text += "; Installation: view"
	}
	return strings.TrimPrefix(text, "; ")
}

// installation is the row of the rights that no project gives.
func installation(has models.Permissions) people.MatrixRow {
	return people.MatrixRow{Label: "Installation", Text: "Environments, keys, settings, users, roles and projects", Cells: []people.MatrixCell{
		{Value: string(models.ViewSystem), On: has.Has(models.ViewSystem)}, {Value: string(models.ManageSystem), On: has.Has(models.ManageSystem)}, {}, {},
	}}
}

// tokenForm is the form of a new token, with what was typed.
func (c *Console) tokenForm(g *gin.Context, f account.TokenForm) (account.TokenForm, error) {
	ctx := g.Request.Context()
	projects, err := c.projectsOf(ctx, visit.From(ctx))
	if err != nil {
		return f, err
	}
	options := []ui.Option{{Value: "", Label: "All of mine"}}
	for _, p := range projects {
		options = append(options, ui.Option{Value: p.ID, Label: p.Name})
	}
	f.Projects = []ui.OptionGroup{{Options: options}}
	has := postedPermissions(g)
	if f.Values == nil {
		f.Values = map[string]string{account.TokenScope: "all", account.TokenExpires: c.now().UTC().AddDate(0, 0, 90).Format(time.DateOnly)}
	}
	f.Matrix = matrixOf(has, false)
	f.Matrix.Rows = append(f.Matrix.Rows, installation(has))
	return f, nil
}

// CreatePersonalToken makes a token and shows its value, once.
func (c *Console) CreatePersonalToken(g *gin.Context) error {
	if err := g.Request.ParseForm(); err != nil {
		return badForm(err)
	}
	ctx, v := g.Request.Context(), visit.From(g.Request.Context())
	if v.User.MustChangePassword {
		return models.ErrForbidden
	}
	t := typedVariable(g.Request.PostForm, []string{account.TokenName, account.TokenExpires, account.TokenProject, account.TokenScope})
	token := models.PersonalToken{Name: strings.TrimSpace(t[account.TokenName]), Scope: models.TokenScope{ProjectID: t[account.TokenProject]}}
	if t[account.TokenScope] != "all" {
		token.Scope.Permissions = append(models.Permissions{}, postedPermissions(g)...)
	}
	var l problem.List
	if day := strings.TrimSpace(t[account.TokenExpires]); day != "" {
		at, err := time.Parse(time.DateOnly, day)
		if err != nil {
			l.Add(account.TokenExpires, "Enter a day such as 2030-12-31, or nothing.")
		}
		end := at.AddDate(0, 0, 1) // the whole day
		token.ExpiresAt = &end
	}
	var err error
	if len(l) == 0 {
		made, value, refused := c.store.CreatePersonalToken(ctx, v.Actor(), token)
		if refused == nil {
			return c.showToken(g, made.Name, value.Reveal())
		}
		err, l = refused, problem.Of(refused)
	}
	if l == nil {
		return err
	}
	return c.showAccount(g, http.StatusUnprocessableEntity, account.Page{NewToken: account.TokenForm{Values: t, Problems: l}})
}

func (c *Console) showToken(g *gin.Context, name, value string) error {
	frame, err := c.frame(g, "Personal token", models.Project{}, layout.Crumb{Label: "Account", Href: link.Account}, layout.Crumb{Label: name})
	if err != nil {
		return err
	}
	takeOverPage(g, link.Account)
	return render(g, http.StatusOK, account.TokenPage(frame, name, value))
}

// ownToken is the token of one's own that the address names.
func (c *Console) ownToken(g *gin.Context) (models.PersonalToken, error) {
	ctx := g.Request.Context()
	list, err := c.store.PersonalTokens(ctx, visit.From(ctx).User.ID)
	if err != nil {
		return models.PersonalToken{}, err
	}
	for _, t := range list {
		if t.ID == g.Param("token") {
			return t, nil
		}
	}
	return models.PersonalToken{}, models.ErrNotFound
}

// ConfirmRevokePersonalToken asks.
func (c *Console) ConfirmRevokePersonalToken(g *gin.Context) error {
	t, err := c.ownToken(g)
	if err != nil {
		return err
	}
	used := "It was never used"
	if t.LastUsedAt != nil {
		used = "It was last used " + ui.Relative(*t.LastUsedAt, c.now())
	}
	return c.ask(g, http.StatusOK, "Revoke "+t.Name, []layout.Crumb{{Label: "Account", Href: link.Account}, {Label: t.Name}}, ui.Confirm{
		Title: "Revoke " + t.Name + "?", Text: "Whatever uses it is refused from then on. It cannot be taken back.", Effects: []string{used},
		Action: link.RevokePersonalToken(t.ID), Label: "Revoke token", Cancel: link.Account,
	})
}

// RevokePersonalToken ends a token of one's own.
func (c *Console) RevokePersonalToken(g *gin.Context) error {
	t, err := c.ownToken(g)
	if err != nil {
		return err
	}
	ctx, v := g.Request.Context(), visit.From(g.Request.Context())
	if err := c.store.RevokePersonalToken(ctx, v.Actor(), v.User.ID, t.ID); err != nil {
		return err
	}
	v.Say(ctx, visit.Success, t.Name+" was revoked.")
	return redirect(g, link.Account)
}
