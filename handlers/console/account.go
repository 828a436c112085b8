package console

import (
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/account"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
)

// Account is the visitor's own page.
func (c *Console) Account(g *gin.Context) error {
	return c.showAccount(g, http.StatusOK, account.Page{})
}

// showAccount draws the page around what was typed and refused.
func (c *Console) showAccount(g *gin.Context, status int, page account.Page) error {
	u := visit.From(g.Request.Context()).User
	frame, err := c.frame(g, "Account", models.Project{}, layout.Crumb{Label: "Account"})
	if err != nil {
		return err
	}
	page.Frame, page.Name, page.FullName, page.Email, page.Version = frame, u.Name, u.FullName, u.Email, u.Version
	page.Role, page.May, page.Since, page.Directory = roleLabel(u.Role), roleMay(u.Role), u.CreatedAt, u.LoginType == models.LoginLDAP
	page.MustChange, page.MinLength, page.Theme, page.Now = u.MustChangePassword, models.MinPassword, layout.ParseTheme(u.Theme), c.now()
	if page.Sessions, err = c.ownSessions(g); err != nil {
		return err
	}
	if page.Tokens, err = c.ownTokens(g); err != nil {
		return err
	}
	if page.NewToken, err = c.tokenForm(g, page.NewToken); err != nil {
		return err
	}
	if u.LastSignInAt != nil {
		page.LastSignIn = *u.LastSignInAt
	}
	return render(g, status, account.Account(page))
}

// roleMay is the permission rule in words.
func roleMay(role string) string {
	switch role {
	case models.RoleAdministrator:
		return "See, change and deploy everything."
	case models.RoleProjectManager:
		return "See, change and deploy everything in every project; look at the settings of the installation."
	case models.RoleAuditor:
		return "See everything and read the audit; change nothing."
	}
	return "What the roles in your projects allow."
}

// ChangePassword takes a new password. Every session of the user ends, and
// this one goes on under a new id.
func (c *Console) ChangePassword(g *gin.Context) error {
	ctx, v := g.Request.Context(), visit.From(g.Request.Context())
	if err := g.Request.ParseForm(); err != nil {
		return badForm(err)
	}
	current, next := secret.New(g.PostForm(account.CurrentField)), secret.New(g.PostForm(account.NewField))
	if wait := c.throttle.Wait(v.User.Name, v.Client.String()); wait > 0 {
		return c.showAccount(g, http.StatusTooManyRequests, account.Page{Problems: problem.List{{Field: account.CurrentField, Message: tooMany(wait)}}})
	}
	var l problem.List
	if len(current.Reveal()) > maxCredential || current.IsZero() {
		l.Add(account.CurrentField, "Enter your current password.")
	}
	if again := g.PostForm(account.AgainField); again != next.Reveal() {
		l.Add(account.AgainField, "Enter the new password twice, the same both times.")
	}
	if len(l) > 0 {
		return c.showAccount(g, http.StatusUnprocessableEntity, account.Page{Problems: l})
	}
	err := c.store.ChangePassword(ctx, v.Actor(), v.User.ID, current, next)
	if l := problem.Of(err); l != nil {
		if l.For(account.CurrentField) != "" { // somebody at an open screen guesses, too
			c.throttle.Failed(v.User.Name, v.Client.String())
		}
		return c.showAccount(g, http.StatusUnprocessableEntity, account.Page{Problems: l})
	}
	if err != nil {
		return err
	}
	if err := c.sessions.RenewToken(ctx); err != nil {
		return fmt.Errorf("renew session: %w", err)
	}
	v.Say(ctx, visit.Success, "Your password was changed. All your other sessions have ended.")
	return redirect(g, link.Account)
}

// ChangePasswordFirst leads everybody whose password was made by somebody else
// to where a new one is chosen; until then nothing else opens.
func (c *Console) ChangePasswordFirst(g *gin.Context) error {
	if g.Request.Method != http.MethodGet {
		return models.ErrForbidden
	}
	return redirect(g, link.Account)
}

// SetTheme remembers the visitor's theme.
func (c *Console) SetTheme(g *gin.Context) error {
	ctx := g.Request.Context()
	theme := g.PostForm("theme")
	if err := c.store.SetTheme(ctx, visit.From(ctx).User.ID, theme); err != nil {
		return err
	}
	return redirect(g, localPath(g.PostForm("return"), "/"))
}

// ChooseEnvironment remembers for the session which environment pages show
// first.
func (c *Console) ChooseEnvironment(g *gin.Context) error {
	ctx := g.Request.Context()
	e, err := c.store.Environment(ctx, g.PostForm("environment"))
	if err != nil {
		return err
	}
	visit.From(ctx).ChooseEnvironment(ctx, e.Name)
	return redirect(g, localPath(g.PostForm("return"), "/"))
}
