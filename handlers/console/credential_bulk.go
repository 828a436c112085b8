package console

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/credentials"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/ui"
)

// credentialBulk is one thing that is done with many credentials.
type credentialBulk struct {
	c       *Console
	g       *gin.Context
	v       *visit.Visit
	project models.Project
	rows    []ticked
	do      string
	back    string
}

// BulkCredentials switches or deletes all credentials that are ticked. Each is
// decided by itself, and the counts are what really happened.
func (c *Console) BulkCredentials(g *gin.Context) error {
	if err := g.Request.ParseForm(); err != nil {
		return badForm(err)
	}
	ctx := g.Request.Context()
	project, err := c.project(ctx, g.Param("project"))
	if err != nil {
		return err
	}
	b := credentialBulk{
		c: c, g: g, v: visit.From(ctx), project: project, rows: tickedAs(g, "credential"), do: g.PostForm("do"),
		back: localPath(g.PostForm("return"), link.Credentials(project.Name)),
	}
	switch {
	case len(b.rows) > credentialsPerPage:
		return problem.List{{Field: "credential", Message: fmt.Sprintf("Tick at most %d credentials at once.", credentialsPerPage)}}
	case len(b.rows) == 0:
		b.v.Say(ctx, visit.Warning, "No credential is ticked. Nothing was changed.")
		return redirect(g, b.back)
	}
	switch b.do {
	case "enable", "disable":
	case "delete":
		if refused, ok := b.mayDelete(); !ok {
			return b.ask(refused)
		}
	default:
		return problem.List{{Field: "do", Message: "Choose enable, disable or delete."}}
	}
	return b.run()
}

// tickedAs reads the boxes under a name, each "id:version".
func tickedAs(g *gin.Context, name string) []ticked {
	g.Request.PostForm["policy"] = g.Request.PostForm[name]
	return tickedRows(g)
}

func (b credentialBulk) run() error {
	ctx := b.g.Request.Context()
	var o outcome
	for _, row := range b.rows {
		x, err := b.c.store.CredentialByID(ctx, b.project.ID, row.id)
		if err == nil {
			err = b.one(x, row, &o)
		}
		if err := tallyCredential(&o, x, err); err != nil {
			return err
		}
	}
	word := map[string]string{"enable": "enabled", "disable": "disabled", "delete": "deleted"}[b.do]
	kind, text := credentialReport(o, word)
	b.v.Say(ctx, kind, text)
	return redirect(b.g, b.back)
}

// errAlready means that nothing was to be done.
var errAlready = errors.New("already so")

func (b credentialBulk) one(x models.Credential, row ticked, o *outcome) error {
	ctx := b.g.Request.Context()
	if b.do == "delete" {
		return b.c.store.DeleteCredential(ctx, b.v.Actor(), b.project.ID, row.id, row.version)
	}
	on := b.do == "enable"
	if x.Version == row.version && x.Enabled == on {
		return errAlready
	}
	_, err := b.c.store.SetCredentialEnabled(ctx, b.v.Actor(), b.project.ID, row.id, row.version, on)
	return err
}

// tallyCredential counts what became of x; an error that says nothing about the
// credential itself ends the whole.
func tallyCredential(o *outcome, x models.Credential, err error) error {
	stale := new(models.StaleError)
	switch {
	case err == nil:
		o.done++
	case errors.Is(err, errAlready):
		o.already++
	case errors.As(err, &stale) && !stale.Deleted:
		o.stale = append(o.stale, x.Name)
	case errors.Is(err, models.ErrNotFound), errors.As(err, &stale):
		o.gone++
	default:
		return err
	}
	return nil
}

// credentialReport says exactly what happened.
func credentialReport(o outcome, word string) (visit.Kind, string) {
	kind := visit.Success
	text := fmt.Sprintf("%s %s.", countOf(o.done, "credential was", "credentials were"), word)
	if o.already > 0 {
		text += fmt.Sprintf(" %s so already.", countOf(o.already, "credential was", "credentials were"))
	}
	if len(o.stale) > 0 {
		kind = visit.Warning
		text += fmt.Sprintf(" %s changed by somebody else in the meantime and left alone: %s.",
			countOf(len(o.stale), "credential was", "credentials were"), someOf(o.stale))
	}
	if o.gone > 0 {
		kind = visit.Warning
		text += fmt.Sprintf(" %s deleted before.", countOf(o.gone, "credential had been", "credentials had been"))
	}
	return kind, text
}

// phraseOf is what has to be typed before many credentials are deleted.
func phraseOf(n int) string { return "delete " + countOf(n, "credential", "credentials") }

func (b credentialBulk) mayDelete() (refused string, ok bool) {
	switch {
	case b.g.PostForm("asked") != "true":
		return "", false
	case b.g.PostForm("confirm") != phraseOf(len(b.rows)):
		return "Type exactly: " + phraseOf(len(b.rows)), false
	}
	return "", true
}

// ask says in numbers what the deletion does.
func (b credentialBulk) ask(refused string) error {
	ctx := b.g.Request.Context()
	var names []string
	grants := 0
	for _, row := range b.rows {
		x, err := b.c.store.CredentialByID(ctx, b.project.ID, row.id)
		if errors.Is(err, models.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		names, grants = append(names, x.Name), grants+x.Grants
	}
	what := countOf(len(b.rows), "credential", "credentials")
	frame, err := b.c.frame(b.g, "Delete "+what, b.project, append(credentialCrumbs(b.project), layout.Crumb{Label: "Delete"})...)
	if err != nil {
		return err
	}
	question := ui.Confirm{
		Title: "Delete " + what + "?", Text: "It cannot be taken back.",
		Effects: []string{"Deleted: " + someOf(names), countOf(grants, "access to an API is", "accesses to APIs are") + " revoked", "Tokens that they have are worthless from then on"},
		Name:    phraseOf(len(b.rows)), Typed: b.g.PostForm("confirm"), Error: refused,
		Action: link.BulkCredentials(b.project.Name), Label: "Delete " + what, Cancel: b.back,
		Hidden: []ui.Hidden{{Name: "do", Value: "delete"}, {Name: "asked", Value: "true"}, {Name: "return", Value: b.back}},
	}
	for _, row := range b.rows {
		question.Hidden = append(question.Hidden, ui.Hidden{Name: "credential", Value: fmt.Sprintf("%s:%d", row.id, row.version)})
	}
	status := http.StatusOK
	if refused != "" {
		status = http.StatusUnprocessableEntity
	}
	return render(b.g, status, credentials.AskPage(frame, question))
}
