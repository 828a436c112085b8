package console

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/account"
	webidentity "github.com/gatewright/gatewright/web/identity"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/people"
	"github.com/gatewright/gatewright/web/ui"
)

// maxCredential bounds what is taken for a name or a password.
const maxCredential = 1024

// SignIn shows the form.
func (c *Console) SignIn(g *gin.Context) error {
	if visit.From(g.Request.Context()).SignedIn() {
		return redirect(g, localPath(g.Query("return"), "/"))
	}
	return render(g, http.StatusOK, account.SignIn(account.SignInForm{Return: localPath(g.Query("return"), "/")}))
}

// SignInFirst answers a request that needs a user and has none. A form that
// was being sent is carried through the sign-in, so that nothing typed is
// lost when a session ended while somebody was writing.
func (c *Console) SignInFirst(g *gin.Context) error {
	form := account.SignInForm{Return: "/"}
	if g.Request.Method == http.MethodGet {
		form.Return = g.Request.URL.RequestURI()
		if !isHTMX(g) {
			return redirect(g, "/sign-in?"+url.Values{"return": {form.Return}}.Encode())
		}
	} else {
		form.Expired = true
		form.Pending, form.Return = pendingForm(g), g.Request.URL.RequestURI()
	}
	return render(g, http.StatusUnauthorized, account.SignIn(form))
}

// pendingForm is what was posted, as JSON, without anything secret.
func pendingForm(g *gin.Context) string {
	if g.Request.ParseForm() != nil {
		return ""
	}
	kept, form := url.Values{}, g.Request.PostForm
	for name, values := range form {
		field, ofSource := strings.CutPrefix(name, webidentity.SecretName(""))
		switch {
		case ofSource && form.Get(name) != "":
			// It opens nowhere, so that the form asks for the secret again and is not
			// saved without it.
			kept.Set(webidentity.HeldName(field), "lost")
		case !ofSource && !secretInput(form, name):
			kept[name] = values
		}
	}
	b, err := json.Marshal(kept)
	if err != nil { // a map of strings always marshals
		return ""
	}
	return string(b)
}

// secretInput tells the fields that no page may carry: passwords, private keys,
// lists of credentials, requests that were pasted to try a condition on, and entries
// that are marked as secret.
func secretInput(form url.Values, name string) bool {
	entry, isValue := strings.CutSuffix(name, ".value")
	return strings.Contains(strings.ToLower(name), "password") || name == "key" || name == "content" ||
		strings.HasPrefix(name, "sample.") || isValue && form.Get(entry+".secret") == "true"
}

// Authenticate checks name and password and begins a session under a new id.
func (c *Console) Authenticate(g *gin.Context) error {
	ctx, v := g.Request.Context(), visit.From(g.Request.Context())
	form := account.SignInForm{
		Name:    strings.TrimSpace(g.PostForm("name")),
		Return:  localPath(g.PostForm("return"), "/"),
		Pending: g.PostForm("pending"),
	}
	password := secret.New(g.PostForm("password"))
	if form.Name == "" || password.IsZero() || len(form.Name) > maxCredential || len(password.Reveal()) > maxCredential {
		form.Problem = "Enter your name and your password."
		return render(g, http.StatusUnprocessableEntity, account.SignIn(form))
	}
	if wait := c.throttle.Wait(form.Name, v.Client.String()); wait > 0 {
		g.Header("Retry-After", fmt.Sprint(seconds(wait)))
		form.Problem = tooMany(wait)
		return render(g, http.StatusTooManyRequests, account.SignIn(form))
	}
	user, ok, err := c.store.Authenticate(ctx, form.Name, password, v.Client, v.CorrelationID)
	if errors.Is(err, models.ErrDirectory) {
		c.throttle.Failed(form.Name, v.Client.String()) // it may have been a wrong password
		form.Problem = "You cannot be signed in: the name or the password is wrong, or the directory that knows it does not answer."
		return render(g, http.StatusServiceUnavailable, account.SignIn(form))
	}
	if err != nil {
		return err
	}
	if !ok {
		c.throttle.Failed(form.Name, v.Client.String())
		form.Problem = "The name or the password is wrong."
		return render(g, http.StatusUnprocessableEntity, account.SignIn(form))
	}
	c.throttle.Succeeded(form.Name, v.Client.String())
	if err := c.sessions.RenewToken(ctx); err != nil { // a token known before the sign-in must not become a signed-in one
		return fmt.Errorf("renew session: %w", err)
	}
	c.sessions.Put(ctx, models.SessionUserKey, user.ID)
	c.sessions.Put(ctx, models.SessionClientKey, v.Client.String())
	c.sessions.Put(ctx, models.SessionAgentKey, g.Request.UserAgent())
	return c.resume(g, form)
}

// tooMany says how long to wait.
func tooMany(wait time.Duration) string {
	if n := seconds(wait); n != 1 {
		return fmt.Sprintf("Too many failed attempts. Wait %d seconds before the next one.", n)
	}
	return "Too many failed attempts. Wait a second before the next one."
}

func seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }

// resume leads to where the visitor wanted to go, or offers to send again the
// form that the sign-in interrupted.
func (c *Console) resume(g *gin.Context, form account.SignInForm) error {
	fields := url.Values{}
	if form.Pending == "" || json.Unmarshal([]byte(form.Pending), &fields) != nil {
		return redirect(g, form.Return)
	}
	var hidden []ui.Hidden
	for name, values := range fields {
		for _, value := range values {
			hidden = append(hidden, ui.Hidden{Name: name, Value: value})
		}
	}
	return render(g, http.StatusOK, account.Resume(form.Return, hidden))
}

// SignOut ends the session.
func (c *Console) SignOut(g *gin.Context) error {
	ctx, v := g.Request.Context(), visit.From(g.Request.Context())
	if v.SignedIn() {
		if err := c.store.RecordSignOut(ctx, v.Actor()); err != nil {
			return err
		}
	}
	if err := c.sessions.Destroy(ctx); err != nil {
		return fmt.Errorf("end session: %w", err)
	}
	return redirect(g, "/sign-in")
}

// Home leads into the project that was looked at last, or else into the first
// that has something in it.
func (c *Console) Home(g *gin.Context) error {
	ctx := g.Request.Context()
	projects, err := c.projectsOf(ctx, visit.From(ctx))
	if err != nil {
		return err
	}
	if len(projects) == 0 {
		return c.nowhere(g)
	}
	if last := visit.From(ctx).Project(ctx); last != "" {
		return c.enterProject(g, currentProject(ctx, visit.From(ctx), projects, ""))
	}
	first := projects[0]
	for _, p := range projects[:min(len(projects), 10)] {
		if _, n, err := c.store.Owners(ctx, p.ID, models.OwnerFilter{PerPage: 1}); err != nil {
			return err
		} else if n > 0 {
			first = p
			break
		}
	}
	return c.enterProject(g, first.Name)
}

// ProjectHome leads to the first page of the project's menu that opens.
func (c *Console) ProjectHome(g *gin.Context) error {
	project, err := c.project(g.Request.Context(), g.Param("project"))
	if err != nil {
		return err
	}
	return c.enterProject(g, project.Name)
}

func (c *Console) enterProject(g *gin.Context, project string) error {
	ctx := g.Request.Context()
	there, err := c.visitIn(ctx, visit.From(ctx), project)
	if err != nil {
		return err
	}
	for _, section := range c.menu(there, project, nil, "", "") {
		for _, item := range section.Items {
			if href := firstOf(item); href != "" {
				return redirect(g, href)
			}
		}
	}
	return c.nowhere(g)
}

// firstOf is where an entry of the menu leads, or its first child.
func firstOf(item layout.NavItem) string {
	if item.Href != "" || len(item.Children) == 0 {
		return item.Href
	}
	return firstOf(item.Children[0])
}

// nowhere greets somebody for whom nothing opens: an administrator makes a project,
// others wait to be added to one.
func (c *Console) nowhere(g *gin.Context) error {
	v := visit.From(g.Request.Context())
	if v.Can(visit.ManageSystem) {
		return redirect(g, link.ProjectList)
	}
	frame, err := c.frame(g, "Welcome", models.Project{})
	if err != nil {
		return err
	}
	return render(g, http.StatusOK, people.NowherePage(frame, cmp.Or(v.User.FullName, v.User.Name)))
}
