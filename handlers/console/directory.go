package console

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	webidentity "github.com/gatewright/gatewright/web/identity"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/people"
	"github.com/gatewright/gatewright/web/ui"
)

// SignInSettings is the form of the directory that people sign in with.
func (c *Console) SignInSettings(g *gin.Context) error {
	now, err := c.store.Directory(g.Request.Context())
	if err != nil {
		return err
	}
	return c.showDirectory(g, http.StatusOK, now, people.DirectoryPage{Form: people.Form{Values: directoryValues(now.Value)}})
}

func (c *Console) showDirectory(g *gin.Context, status int, now models.DirectoryState, p people.DirectoryPage) error {
	frame, err := c.frame(g, "Sign-in settings", models.Project{}, administration("Sign-in settings", link.SignInSettings)...)
	if err != nil {
		return err
	}
	auditedKind(g, &frame, "", models.KindSettings)
	p.CanSave, p.HasPassword, p.Cancel = visit.From(g.Request.Context()).Can(visit.ManageSystem), now.HasPassword, link.SignInSettings
	if p.Hidden == nil {
		p.Hidden = []ui.Hidden{{Name: "version", Value: strconv.Itoa(now.Version)}}
	}
	return render(g, status, people.SignInPage(frame, p))
}

func directoryValues(d models.Directory) map[string]string {
	return map[string]string{
		"enabled": strconv.FormatBool(d.Enabled), "url": d.URL, "startTls": strconv.FormatBool(d.StartTLS), "allowPlaintext": strconv.FormatBool(d.AllowPlaintext),
		"caCertificates": d.CACertificates, "bindDn": d.BindDN, "baseDn": d.BaseDN, "filter": d.Filter, "nameAttribute": d.NameAttribute,
		"fullNameAttribute": d.FullNameAttribute, "emailAttribute": d.EmailAttribute, "createUsers": strconv.FormatBool(d.CreateUsers), "memberFilter": d.MemberFilter,
		"recheckMinutes": strconv.Itoa(d.RecheckMinutes),
	}
}

// typedDirectory is the form with the bind password apart: nil for the stored one.
func typedDirectory(g *gin.Context) (models.Directory, map[string]string, *secret.Text) {
	t := typedVariable(g.Request.PostForm, people.DirectoryFields)
	text := func(name string) string { return strings.TrimSpace(t[name]) }
	on := func(name string) bool { return t[name] == "true" }
	d := models.Directory{
		Enabled: on("enabled"), URL: text("url"), StartTLS: on("startTls"), AllowPlaintext: on("allowPlaintext"), CACertificates: text("caCertificates"),
		BindDN: text("bindDn"), BaseDN: text("baseDn"), Filter: text("filter"), NameAttribute: text("nameAttribute"),
		FullNameAttribute: text("fullNameAttribute"), EmailAttribute: text("emailAttribute"), CreateUsers: on("createUsers"), MemberFilter: text("memberFilter"),
		RecheckMinutes: recheckMinutes(text("recheckMinutes")),
	}
	if typed := g.PostForm(models.DirectoryPassword); typed != "" {
		password := secret.New(typed)
		return d, t, &password
	}
	return d, t, nil
}

// recheckMinutes is the default where nothing was typed, and no number of minutes
// where something else was.
func recheckMinutes(typed string) int {
	if typed == "" {
		return models.DefaultDirectory().RecheckMinutes
	}
	n, err := strconv.Atoi(typed)
	if err != nil {
		return -1
	}
	return n
}

// SaveSignInSettings saves them as they were read.
func (c *Console) SaveSignInSettings(g *gin.Context) error {
	if err := g.Request.ParseForm(); err != nil {
		return badForm(err)
	}
	ctx, v := g.Request.Context(), visit.From(g.Request.Context())
	d, t, password := typedDirectory(g)
	_, err := c.store.SaveDirectory(ctx, v.Actor(), number(g.PostForm("version")), d, password)
	l, stale := problem.Of(err), new(models.StaleError)
	if err != nil && l == nil && !errors.As(err, &stale) {
		return err
	}
	if err != nil {
		now, failed := c.store.Directory(ctx)
		if failed != nil {
			return failed
		}
		page := people.DirectoryPage{Form: people.Form{Values: t, Problems: l, Unsaved: true}}
		if l != nil {
			page.Hidden = []ui.Hidden{{Name: "version", Value: g.PostForm("version")}}
			return c.showDirectory(g, http.StatusUnprocessableEntity, now, page)
		}
		page.Changed = stale.By + " changed these settings while you were editing them."
		return c.showDirectory(g, http.StatusConflict, now, page)
	}
	said := "Saved. Nobody signs in by the directory."
	if d.Enabled {
		said = "Saved. People of the directory can sign in."
	}
	v.Say(ctx, visit.Success, said)
	return redirect(g, link.SignInSettings)
}

// TestSignInSettings tries the form as it is typed, whether or not it is saved.
func (c *Console) TestSignInSettings(g *gin.Context) error {
	if err := g.Request.ParseForm(); err != nil {
		return badForm(err)
	}
	ctx := g.Request.Context()
	d, t, bind := typedDirectory(g)
	name, password := strings.TrimSpace(g.PostForm("test:name")), secret.New(g.PostForm("test:password"))
	began := time.Now()
	report, err := c.store.TestDirectory(ctx, d, bind, name, password)
	outcome := webidentity.Outcome{Report: report, Name: name, Login: !password.IsZero() && name != "", Took: time.Since(began)}
	if l := problem.Of(err); l != nil {
		outcome = webidentity.Outcome{Problems: l, Labels: people.DirectoryLabels()}
	} else if err != nil {
		outcome = webidentity.Outcome{Failure: "These settings cannot be used."}
	}
	tested := webidentity.Tested(outcome)
	if isHTMX(g) {
		return render(g, http.StatusOK, tested)
	}
	now, err := c.store.Directory(ctx)
	if err != nil {
		return err
	}
	return c.showDirectory(g, http.StatusOK, now, people.DirectoryPage{
		Form: people.Form{Values: t, Unsaved: true, Hidden: []ui.Hidden{{Name: "version", Value: g.PostForm("version")}}}, Tested: tested, TestName: name,
	})
}
