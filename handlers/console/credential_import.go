package console

import (
	"errors"
	"io"
	"net/http"
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
	return render(d.g, status, credentials.ImportPage(frame, credentials.Import{
		Action: link.ImportCredentials(d.project.Name), Cancel: link.Credentials(d.project.Name), Update: update,
		Columns: models.ImportColumns(), MaxLines: models.MaxImportLines, Problems: l,
	}))
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
	id, err := c.store.KeepImport(ctx, d.v.Actor(), d.project.ID, file)
	if err != nil {
		return err
	}
	return d.preview(http.StatusOK, id, o, plan, false)
}

// uploaded is the file that was chosen, or else the lines that were pasted. The
// size of the whole is bounded before it comes here.
func uploaded(g *gin.Context) ([]byte, error) {
	err := g.Request.ParseMultipartForm(models.MaxImportBytes)
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

func (d *importDesk) preview(status int, id string, o models.ImportOptions, plan models.ImportPlan, changed bool) error {
	frame, err := d.frame("Preview of the import")
	if err != nil {
		return err
	}
	p := credentials.Preview{
		Creates: plan.Count(models.ImportCreate), Updates: plan.Count(models.ImportUpdate), Skips: plan.Count(models.ImportSkip),
		Errors: plan.Count(models.ImportError), Changed: changed,
		Action: link.ApplyCredentials(d.project.Name), Again: link.ImportCredentials(d.project.Name),
		Hidden: []ui.Hidden{{Name: "import", Value: id}, {Name: "digest", Value: plan.Digest}},
	}
	if o.UpdateExisting {
		p.Hidden = append(p.Hidden, ui.Hidden{Name: "update", Value: "true"})
	}
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
	d.g.Header("Cache-Control", "no-store")
	return render(d.g, status, credentials.PreviewPage(frame, p))
}

// ApplyImport does what the preview said, or shows what it would do now.
func (c *Console) ApplyImport(g *gin.Context) error {
	d, err := c.importDesk(g)
	if err != nil {
		return err
	}
	if err := g.Request.ParseForm(); err != nil {
		return badForm(err)
	}
	ctx, id := g.Request.Context(), g.PostForm("import")
	file, err := c.store.KeptImport(ctx, d.v.Actor(), d.project.ID, id)
	if errors.Is(err, models.ErrNotFound) {
		return d.ask(http.StatusUnprocessableEntity, false, problem.List{{Field: "file", Message: "Choose the file again: it was imported already, or more than half an hour has passed since the preview."}})
	}
	if err != nil {
		return err
	}
	o := models.ImportOptions{UpdateExisting: g.PostForm("update") == "true"}
	plan, err := c.store.ApplyImport(ctx, d.v.Actor(), d.project.ID, file, o, g.PostForm("digest"))
	if errors.Is(err, models.ErrPlanChanged) {
		return d.previewChanged(id, file, o)
	}
	if l := problem.Of(err); len(l) > 0 {
		return d.ask(http.StatusUnprocessableEntity, o.UpdateExisting, l)
	}
	if err != nil {
		return err
	}
	if err := c.store.DropImport(ctx, d.v.Actor(), id); err != nil {
		return err
	}
	d.v.Say(ctx, visit.Success, countOf(plan.Count(models.ImportCreate), "credential was", "credentials were")+" created and "+
		countOf(plan.Count(models.ImportUpdate), "was changed.", "were changed."))
	return redirect(g, link.Credentials(d.project.Name))
}

func (d *importDesk) previewChanged(id string, file []byte, o models.ImportOptions) error {
	plan, err := d.c.store.PlanImport(d.g.Request.Context(), d.project.ID, file, o)
	if err != nil {
		return err
	}
	return d.preview(http.StatusConflict, id, o, plan, true)
}
