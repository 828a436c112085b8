package console

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/revoke"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/tokens"
	"github.com/gatewright/gatewright/web/ui"
)

// ListLogins is the list of logins that can be refreshed.
func (c *Console) ListLogins(g *gin.Context) error {
	ctx := g.Request.Context()
	q := tokens.LoginsQuery(g.Request.URL.Query())
	number := max(number(q.Get("page")), 1)
	list, total, err := c.store.Logins(ctx, seenLogs(g), models.LoginFilter{
		Query: q.Get("q"), Environment: q.Get("environment"), Project: q.Get("project"), Owner: q.Get("owner"), Policy: q.Get("policy"),
		Address: q.Get("address"), Page: number, PerPage: logPerPage,
	})
	if err != nil {
		return err
	}
	page := tokens.LoginsPage{Query: q, Total: total, Capped: total >= models.CountCap, Now: c.now(), CanEnd: visit.From(ctx).Can(visit.ManageSystem)}
	for _, l := range list {
		page.Rows = append(page.Rows, tokens.Login{
			Session: l.Session, Subject: l.Subject, ClientID: l.ClientID, User: l.User, Environment: l.Environment, Project: l.Project,
			Owner: l.Owner, Policy: l.Policy, Address: l.Client, Source: l.Source, StartedAt: l.StartedAt, RefreshedAt: l.RefreshedAt,
			ExpiresAt: l.ExpiresAt, Refreshes: l.Refreshes, Allowed: l.Allowed,
		})
	}
	page.Page = ui.PageOf(number, logPerPage, len(list), total, "login", "logins", func(n int) string { return q.With("page", strconv.Itoa(n)).URL() })
	if page.Environments, err = c.environmentNames(ctx); err != nil {
		return err
	}
	if page.Frame, err = c.frame(g, "Logins", models.Project{}, monitoring, layout.Crumb{Label: "Logins"}); err != nil {
		return err
	}
	return render(g, http.StatusOK, tokens.LoginList(page))
}

// ConfirmEndLogin asks before a login ends.
func (c *Console) ConfirmEndLogin(g *gin.Context) error {
	l, err := c.store.Login(g.Request.Context(), g.Param("session"))
	if err != nil {
		return err
	}
	live, err := c.store.CountLiveTokens(g.Request.Context(), models.LiveTokenFilter{Environment: l.Environment, Family: l.Session})
	if err != nil {
		return err
	}
	frame, err := c.frame(g, "End login", models.Project{}, monitoring, layout.Crumb{Label: "Logins", Href: link.Logins}, layout.Crumb{Label: "End"})
	if err != nil {
		return err
	}
	return render(g, http.StatusOK, tokens.Ask(frame, ui.Confirm{
		Title: "End this login of " + l.Subject + "?",
		Text:  "The login at " + l.Owner + " in " + l.Environment + " ends on every node within a second; " + l.Subject + " has to log in again.",
		Effects: []string{
			"Its refresh token is worth nothing",
			knownTokens(live),
			"Other logins of " + l.Subject + " go on",
		},
		Action: link.EndLogin(l.Session), Label: "End this login", Cancel: link.Logins,
	}))
}

func knownTokens(live int) string {
	return cappedCountOf(live, "live access token that the log knows of is worth nothing", "live access tokens that the log knows of are worth nothing")
}

// EndLogin ends a login with its access tokens.
func (c *Console) EndLogin(g *gin.Context) error {
	ctx, v := g.Request.Context(), visit.From(g.Request.Context())
	l, err := c.store.Login(ctx, g.Param("session"))
	if err != nil {
		return err
	}
	if _, err := c.store.EndLogin(ctx, v.Actor(), l.Session, "ended in the console"); err != nil {
		return err
	}
	v.Say(ctx, visit.Success, "The login of "+l.Subject+" was ended.")
	return redirect(g, link.Logins)
}

// RevokeForm is the form that says which tokens to revoke.
func (c *Console) RevokeForm(g *gin.Context) error {
	f := revokeFormOf(g.Request.URL.Query())
	if f.Kind == "" {
		f.Kind = string(revoke.User)
	}
	if f.Environment == "" && !g.Request.URL.Query().Has("environment") {
		f.Environment = visit.From(g.Request.Context()).Environment(g.Request.Context())
	}
	return c.showRevoke(g, http.StatusOK, f, nil)
}

func (c *Console) showRevoke(g *gin.Context, status int, f tokens.RevokeForm, problems problem.List) error {
	ctx := g.Request.Context()
	page := tokens.RevokePage{Form: f, Problems: problems}
	var err error
	if page.Environments, err = c.environmentNames(ctx); err != nil {
		return err
	}
	projects, err := c.store.Projects(ctx)
	if err != nil {
		return err
	}
	for _, p := range projects {
		page.Projects = append(page.Projects, p.Name)
	}
	page.Frame, err = c.frame(g, "Revoke tokens", models.Project{}, monitoring, layout.Crumb{Label: "Logins", Href: link.Logins}, layout.Crumb{Label: "Revoke tokens"})
	if err != nil {
		return err
	}
	auditedKind(g, &page.Frame, "", models.KindTokens)
	return render(g, status, tokens.Revoke(page))
}

func revokeFormOf(v url.Values) tokens.RevokeForm {
	return tokens.RevokeForm{
		Environment: v.Get("environment"), Kind: v.Get("kind"), Key: strings.TrimSpace(v.Get("key")), Project: v.Get("project"),
		Before: strings.TrimSpace(v.Get("before")), Reason: strings.TrimSpace(v.Get("reason")),
	}
}

// momentForms are what browsers send for a datetime-local field.
var momentForms = []string{"2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02 15:04", time.RFC3339}

// revocation is the form as an entry; what the form hides does not count.
func (c *Console) revocation(ctx context.Context, f tokens.RevokeForm) (revoke.Entry, problem.List, error) {
	var l problem.List
	e := revoke.Entry{Kind: revoke.Kind(f.Kind), Key: f.Key, Project: f.Project}
	switch e.Kind {
	case revoke.All:
		e.Key, e.Project = "", ""
	case revoke.Client:
		e.Project = ""
	case revoke.User, revoke.Policy:
	default:
		l.Add("kind", "Choose whose tokens to revoke.")
	}
	if e.Kind != revoke.All && e.Key == "" {
		l.Add("key", "Enter the name, exactly as tokens have it.")
	}
	if f.Reason == "" {
		l.Add("reason", "Say why in a few words.")
	}
	e.Before = momentOf(&l, f.Before, c.now())
	names, err := c.environmentNames(ctx)
	if f.Environment != "" && !slices.Contains(names, f.Environment) {
		l.Add("environment", "Choose an environment that there is.")
	}
	return e, l, err
}

func momentOf(l *problem.List, typed string, now time.Time) time.Time {
	if typed == "" {
		return time.Time{}
	}
	for _, form := range momentForms {
		if t, err := time.Parse(form, typed); err == nil {
			if t.After(now.Add(time.Minute)) {
				l.Add("before", "Choose a moment that is not in the future: tokens that are yet to be issued cannot be revoked.")
			}
			return t.UTC()
		}
	}
	l.Add("before", "Enter a day and a time in UTC, such as 2026-05-12 14:30.")
	return time.Time{}
}

// CheckRevoke reads the form and leads to the question, which names the effect.
func (c *Console) CheckRevoke(g *gin.Context) error {
	if err := g.Request.ParseForm(); err != nil {
		return badForm(err)
	}
	f := revokeFormOf(g.Request.PostForm)
	e, problems, err := c.revocation(g.Request.Context(), f)
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		return c.showRevoke(g, http.StatusUnprocessableEntity, f, problems)
	}
	f.Key, f.Project = e.Key, e.Project
	if e.Before.IsZero() {
		// What is asked is what is done. The times of tokens are whole seconds:
		// those of this very second are to go too.
		f.Before = c.now().UTC().Truncate(time.Second).Add(time.Second).Format("2006-01-02T15:04:05")
	}
	return redirect(g, link.ConfirmRevoke+"?"+revokeValues(f).Encode())
}

func revokeValues(f tokens.RevokeForm) url.Values {
	return url.Values{
		"environment": {f.Environment}, "kind": {f.Kind}, "key": {f.Key}, "project": {f.Project}, "before": {f.Before}, "reason": {f.Reason},
	}
}

// ConfirmRevoke asks before tokens are revoked.
func (c *Console) ConfirmRevoke(g *gin.Context) error {
	f := revokeFormOf(g.Request.URL.Query())
	e, problems, err := c.revocation(g.Request.Context(), f)
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		return c.showRevoke(g, http.StatusUnprocessableEntity, f, problems)
	}
	return c.askRevoke(g, http.StatusOK, f, e, "", "")
}

func (c *Console) askRevoke(g *gin.Context, status int, f tokens.RevokeForm, e revoke.Entry, typed, refusal string) error {
	effect, err := c.store.PreviewRevoke(g.Request.Context(), f.Environment, e)
	if err != nil {
		return err
	}
	where := "in every environment"
	if f.Environment != "" {
		where = "in " + f.Environment
	}
	frame, err := c.frame(g, "Revoke tokens", models.Project{}, monitoring, layout.Crumb{Label: "Logins", Href: link.Logins},
		layout.Crumb{Label: "Revoke tokens", Href: link.RevokeTokens}, layout.Crumb{Label: "Confirm"})
	if err != nil {
		return err
	}
	var hidden []ui.Hidden
	for name, v := range revokeValues(f) {
		hidden = append(hidden, ui.Hidden{Name: name, Value: v[0]})
	}
	slices.SortFunc(hidden, func(a, b ui.Hidden) int { return strings.Compare(a.Name, b.Name) })
	return render(g, status, tokens.Ask(frame, ui.Confirm{
		Title: "Revoke " + whose(e) + " " + where + "?",
		Text:  "Tokens issued before " + ui.Absolute(e.Before) + " become worthless on every node within a second. It cannot be taken back.",
		Effects: []string{
			countOf(effect.Families, "login ends", "logins end") + " and cannot be refreshed any more",
			knownTokens(effect.LiveTokens),
			"Tokens that are older than the log reaches are worth nothing either",
			"New logins work at once",
		},
		Name: revokeName(f, e), Typed: typed, Error: refusal, Action: link.ConfirmRevoke, Label: "Revoke tokens",
		Cancel: link.RevokeTokens + "?" + revokeValues(f).Encode(), Hidden: hidden,
	}))
}

// revokeName is what has to be typed: whose tokens, or where.
func revokeName(f tokens.RevokeForm, e revoke.Entry) string {
	switch {
	case e.Kind != revoke.All:
		return e.Key
	case f.Environment != "":
		return f.Environment
	}
	return "every environment"
}

func whose(e revoke.Entry) string {
	project := ""
	if e.Project != "" {
		project = " of project " + e.Project
	}
	switch e.Kind {
	case revoke.User:
		return "the tokens of user " + e.Key + project
	case revoke.Client:
		return "the tokens of client " + e.Key
	case revoke.Policy:
		return "the tokens of policy " + e.Key + project
	}
	return "all tokens"
}

// Revoke revokes tokens, with the name typed.
func (c *Console) Revoke(g *gin.Context) error {
	if err := g.Request.ParseForm(); err != nil {
		return badForm(err)
	}
	ctx, v := g.Request.Context(), visit.From(g.Request.Context())
	f := revokeFormOf(g.Request.PostForm)
	e, problems, err := c.revocation(ctx, f)
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		return c.showRevoke(g, http.StatusUnprocessableEntity, f, problems)
	}
	if name := revokeName(f, e); g.PostForm("confirm") != name {
		return c.askRevoke(g, http.StatusUnprocessableEntity, f, e, g.PostForm("confirm"), "Type the name exactly as it is: "+name+".")
	}
	r, err := c.store.Revoke(ctx, v.Actor(), f.Environment, e, f.Reason)
	if err != nil {
		return err
	}
	v.Say(ctx, visit.Success, fmt.Sprintf("Revoked %s: %s ended, %s worthless.", whose(e),
		cappedCountOf(r.Families, "login", "logins"), cappedCountOf(r.LiveTokens, "known token is", "known tokens are")))
	return redirect(g, link.Logins)
}

// cappedCountOf is countOf for what is counted up to models.CountCap.
func cappedCountOf(n int, one, many string) string {
	if n < models.CountCap {
		return countOf(n, one, many)
	}
	return strconv.Itoa(n) + " or more " + many
}
