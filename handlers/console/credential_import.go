package console

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/credentials"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/ui"
)

// previewShown bounds the lines of a preview. Those in error come first.
const previewShown = 200

// importDesk is one visit to the import.
type importDesk struct {
	c       *Console
	g       *gin.Context
	v       *visit.Visit
	project models.Project
}

func (c *Console) importDesk(g *gin.Context) (*importDesk, error) {
	ctx := g.Request.Context()
	project, err := c.project(ctx, g.Param("project"))
	return &importDesk{c: c, g: g, v: visit.From(ctx), project: project}, err
}

// NewImport is where a file of credentials is chosen.
func (c *Console) NewImport(g *gin.Context) error {
	d, err := c.importDesk(g)
	if err != nil {
		return err
	}
	return d.ask(http.StatusOK, false, nil)
}

func (d *importDesk) ask(status int, update bool, l problem.List) error {
	frame, err := d.frame("Import credentials")
	if err != nil {
		return err
	}
	last, err := d.last()
	if err != nil {
		return err
	}
	return render(d.g, status, credentials.ImportPage(frame, credentials.Import{
		Action: link.ImportCredentials(d.project.Name), Cancel: link.Credentials(d.project.Name), Update: update,
		Columns: models.ImportColumns(), MaxLines: models.MaxImportLines, Problems: l, Last: last,
	}))
}

// last leads back to the import that the visitor began last, nil when there is
// none.
func (d *importDesk) last() (*credentials.ImportRun, error) {
	i, err := d.c.store.LastImport(d.g.Request.Context(), d.v.Actor())
	if errors.Is(err, models.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	run := importRunOf(i)
	return &run, nil
}

func (d *importDesk) frame(title string) (layout.Props, error) {
	return d.c.frame(d.g, title, d.project, append(credentialCrumbs(d.project), layout.Crumb{Label: "Import"})...)
}

// PreviewImport keeps the file and shows what it would do.
func (c *Console) PreviewImport(g *gin.Context) error {
	d, err := c.importDesk(g)
	if err != nil {
		return err
	}
	file, err := uploaded(g)
	if err != nil {
		return err
	}
	o := models.ImportOptions{UpdateExisting: g.PostForm("update") == "true"}
	ctx := g.Request.Context()
	plan, err := c.store.PlanImport(ctx, d.project.ID, file, o)
	if l := problem.Of(err); len(l) > 0 {
		return d.ask(http.StatusUnprocessableEntity, o.UpdateExisting, l)
	}
	if err != nil {
		return err
	}
	id, err := c.store.KeepImport(ctx, d.v.Actor(), d.project.ID, file, o)
	if err != nil {
		return err
	}
	return d.preview(http.StatusOK, id, plan, credentials.Preview{})
}

// uploaded is the file that was chosen, or else the lines that were pasted. The
// size of the whole is bounded before it comes here.
func uploaded(g *gin.Context) ([]byte, error) {
	// More than the whole body may hold: what does not fit would be written to a
	// file on the disk, with its secrets.
	err := g.Request.ParseMultipartForm(4 * models.MaxImportBytes)
	if err != nil && !errors.Is(err, http.ErrNotMultipart) {
		return nil, badForm(err)
	}
	header, err := g.FormFile("file")
	if err != nil || header.Size == 0 {
		return []byte(g.PostForm("content")), nil
	}
	file, err := header.Open()
	if err != nil {
		return nil, badForm(err)
	}
	defer file.Close()
	content, err := io.ReadAll(file)
	if err != nil {
		return nil, badForm(err)
	}
	return content, nil
}

// preview shows a plan; p says what else there is to know.
func (d *importDesk) preview(status int, id string, plan models.ImportPlan, p credentials.Preview) error {
	frame, err := d.frame("Preview of the import")
	if err != nil {
		return err
	}
	p.Creates, p.Updates = plan.Count(models.ImportCreate), plan.Count(models.ImportUpdate)
	p.Skips, p.Errors = plan.Count(models.ImportSkip), plan.Count(models.ImportError)
	p.Action, p.Again = link.ApplyCredentials(d.project.Name), link.ImportCredentials(d.project.Name)
	p.Hidden = importHidden(id, plan.Digest)
	for _, wrong := range []bool{true, false} {
		for _, l := range plan.Lines {
			if (l.Action == models.ImportError) != wrong {
				continue
			}
			if len(p.Lines) == previewShown {
				p.More++
				continue
			}
			p.Lines = append(p.Lines, credentials.PreviewLine{
				Number: l.Number, Name: l.Name, Action: string(l.Action), Text: strings.Join(l.Changes, ", "), Problems: l.Problems,
			})
		}
	}
	return render(d.g, status, credentials.PreviewPage(frame, p))
}

func importHidden(id, digest string) []ui.Hidden {
	return []ui.Hidden{{Name: "import", Value: id}, {Name: "digest", Value: digest}}
}

// ApplyImport begins what the preview said and leads to where it is watched.
// What is begun already is only watched; what would be done otherwise by now is
// shown anew.
func (c *Console) ApplyImport(g *gin.Context) error {
	d, err := c.importDesk(g)
	if err != nil {
		return err
	}
	if err := g.Request.ParseForm(); err != nil {
		return badForm(err)
	}
	id := g.PostForm("import")
	err = c.store.StartImport(g.Request.Context(), d.v.Actor(), d.project.ID, id, g.PostForm("digest"))
	switch {
	case err == nil:
		return redirect(g, link.CredentialImport(d.project.Name, id))
	case errors.Is(err, models.ErrNotFound):
		return d.ask(http.StatusUnprocessableEntity, false, problem.List{{Field: "file", Message: "Choose the file again: more than half an hour has passed since the preview, or you have chosen another one since."}})
	case errors.Is(err, models.ErrPlanChanged), len(problem.Of(err)) > 0:
		return d.showPlan(http.StatusConflict, id, credentials.Preview{Changed: true})
	case errors.Is(err, models.ErrImportRunning):
		last, err := d.last()
		if err != nil {
			return err
		}
		return d.showPlan(http.StatusConflict, id, credentials.Preview{Other: last})
	}
	return err
}

// showPlan shows what a kept import would do now.
func (d *importDesk) showPlan(status int, id string, p credentials.Preview) error {
	_, plan, err := d.c.store.KeptPlan(d.g.Request.Context(), d.v.Actor(), d.project.ID, id)
	if err != nil {
		return err
	}
	return d.preview(status, id, plan, p)
}

// ShowImport is where an import is watched, and what became of it. The page
// asks again while it runs, from whichever node; htmx is told to load it whole
// when there is something else to show.
func (c *Console) ShowImport(g *gin.Context) error {
	d, err := c.importDesk(g)
	if err != nil {
		return err
	}
	i, err := c.store.Import(g.Request.Context(), d.v.Actor(), d.project.ID, g.Param("import"))
	if isHTMX(g) && (errors.Is(err, models.ErrNotFound) || err == nil && i.State != models.ImportRunning) {
		g.Header("HX-Refresh", "true")
		g.Status(http.StatusNoContent)
		return nil
	}
	if err != nil {
		return err
	}
	if i.State == models.ImportKept || i.State == models.ImportChanged {
		return d.showPlan(http.StatusOK, i.ID, credentials.Preview{Changed: i.State == models.ImportChanged})
	}
	run := importRunOf(i)
	frame, err := d.frame(run.Title())
	if err != nil {
		return err
	}
	if run.Running() {
		frame.Refresh = importRefresh
	}
	return render(g, http.StatusOK, credentials.ImportRunPage(frame, run))
}

// importRefresh is how many seconds a browser without JavaScript waits.
const importRefresh = 2

func importRunOf(i models.Import) credentials.ImportRun {
	newest := url.Values{"sort": {"updated"}, "order": {"desc"}}
	return credentials.ImportRun{
		State: string(i.State), Writing: i.Writing(), Hashed: i.Hashed, ToHash: i.ToHash, Creates: i.Creates, Updates: i.Updates, Skips: i.Skips, Reason: i.Reason,
		Here: link.CredentialImport(i.Project, i.ID), Written: withQuery(link.Credentials(i.Project), newest), Again: link.ImportCredentials(i.Project), Audit: link.Audit,
		Restart: link.ApplyCredentials(i.Project), Hidden: importHidden(i.ID, i.Digest),
	}
}
