package console

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/archive"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/packages"
)

// planShown bounds the lines of a plan. Those that ask for something come first.
const planShown = 200

// UploadPackage is where a package is chosen.
func (c *Console) UploadPackage(g *gin.Context) error {
	d, err := c.packageDesk(g)
	if err != nil {
		return err
	}
	return d.upload(http.StatusOK, nil)
}

func (d *packageDesk) upload(status int, l problem.List) error {
	frame, err := d.frame("Import")
	if err != nil {
		return err
	}
	return render(d.g, status, packages.UploadPage(frame, packages.Upload{
		Action: link.ImportPackage(d.project.Name), Cancel: link.Packages(d.project.Name), Most: fmt.Sprintf("%d MiB", models.MaxUpload>>20), Problems: l,
	}))
}

// KeepPackage keeps what was uploaded once it is a package, or sealed.
func (c *Console) KeepPackage(g *gin.Context) error {
	d, err := c.packageDesk(g)
	if err != nil {
		return err
	}
	raw, err := packageFile(g)
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) || len(raw) > models.MaxUpload {
		return d.upload(http.StatusUnprocessableEntity, problem.List{{Field: "file", Message: fmt.Sprintf("The file has more than %d MiB. Use the command line, \"gatewright import\", or split it.", models.MaxUpload>>20)}})
	}
	if err != nil {
		return err
	}
	if len(raw) == 0 {
		return d.upload(http.StatusUnprocessableEntity, problem.List{{Field: "file", Message: "Choose a package."}})
	}
	return d.keep(raw, secret.New(g.PostForm("passphrase")))
}

// packageFile is what was uploaded. All of it stays in memory: it must not lie on
// the disk unsealed.
func packageFile(g *gin.Context) ([]byte, error) {
	if err := g.Request.ParseMultipartForm(2 * models.MaxUpload); err != nil {
		return nil, badForm(err)
	}
	header, err := g.FormFile("file")
	if err != nil {
		return nil, nil // none was chosen
	}
	file, err := header.Open()
	if err != nil {
		return nil, badForm(err)
	}
	defer file.Close()
	raw, err := io.ReadAll(file)
	if err != nil {
		return nil, badForm(err)
	}
	return raw, nil
}

func (d *packageDesk) keep(raw []byte, passphrase secret.Text) error {
	opened, err := d.opened(raw, passphrase)
	wrong := problem.Of(err)
	if err != nil && len(wrong) == 0 {
		return err
	}
	if len(wrong) > 0 && wrong.For("passphrase") == "" {
		return d.upload(http.StatusUnprocessableEntity, asFile(wrong))
	}
	if len(wrong) > 0 {
		opened = raw // the passphrase can be given when it lies here
	}
	id, err := d.c.store.KeepPackage(d.g.Request.Context(), d.v.Actor(), d.session(), d.project.ID, opened)
	if err != nil {
		return err
	}
	if len(wrong) > 0 && !passphrase.IsZero() {
		return d.unlock(http.StatusUnprocessableEntity, id, wrong)
	}
	return redirect(d.g, link.KeptPackage(d.project.Name, id))
}

// opened is a package that can be read, without its passphrase.
func (d *packageDesk) opened(raw []byte, passphrase secret.Text) ([]byte, error) {
	var err error
	if archive.Sealed(raw) {
		if raw, err = archive.Open(d.g.Request.Context(), raw, passphrase); err != nil {
			return nil, err
		}
	}
	_, err = archive.Read(raw)
	return raw, err
}

// asFile puts what is wrong inside of a package below its one field.
func asFile(l problem.List) problem.List {
	var out problem.List
	for _, p := range l {
		if p.Field != "" {
			p.Message = p.Field + ": " + p.Message
		}
		out = append(out, problem.Problem{Field: "file", Message: p.Message})
	}
	return out
}

func (d *packageDesk) session() string { return d.c.sessions.Token(d.g.Request.Context()) }

func (d *packageDesk) unlock(status int, id string, l problem.List) error {
	frame, err := d.frame("Unlock the package")
	if err != nil {
		return err
	}
	return render(d.g, status, packages.UnlockPage(frame, packages.Unlock{
		Action: link.UnlockPackage(d.project.Name, id), Again: link.ImportPackage(d.project.Name), Problems: l,
	}))
}

// keptDesk is packageDesk for a package that was uploaded.
type keptDesk struct {
	*packageDesk
	kept models.KeptPackage
}

func (c *Console) keptDesk(g *gin.Context) (*keptDesk, error) {
	d, err := c.packageDesk(g)
	if err != nil {
		return nil, err
	}
	kept, err := c.store.KeptPackage(g.Request.Context(), d.v.Actor(), d.session(), d.project.ID, g.Param("package"))
	return &keptDesk{d, kept}, err
}

// gone asks for the file again; what else is wrong stays what it is.
func (c *Console) gone(g *gin.Context, err error) error {
	if !errors.Is(err, models.ErrNotFound) {
		return err
	}
	d, err := c.packageDesk(g)
	if err != nil {
		return err
	}
	return d.upload(http.StatusNotFound, problem.List{{Field: "file", Message: "Choose the file again: it was imported, half an hour has passed, or you have chosen another one since."}})
}

// UnlockPackage opens a package by its passphrase. A wrong one leaves it where it
// is.
func (c *Console) UnlockPackage(g *gin.Context) error {
	d, err := c.keptDesk(g)
	if err != nil {
		return c.gone(g, err)
	}
	opened, err := d.opened(d.kept.Content, secret.New(g.PostForm("passphrase")))
	if l := problem.Of(err); len(l) > 0 {
		if l.For("passphrase") == "" { // what is inside is no package
			return d.upload(http.StatusUnprocessableEntity, asFile(l))
		}
		return d.unlock(http.StatusUnprocessableEntity, d.kept.ID, l)
	}
	if err != nil {
		return err
	}
	if err := c.store.UnlockPackage(g.Request.Context(), d.v.Actor(), d.kept, opened); err != nil {
		return c.gone(g, err)
	}
	return redirect(g, link.KeptPackage(d.project.Name, d.kept.ID))
}

// PlanImportedPackage shows what the import would do, with a choice for each object.
func (c *Console) PlanImportedPackage(g *gin.Context) error {
	d, err := c.keptDesk(g)
	if err != nil {
		return c.gone(g, err)
	}
	if archive.Sealed(d.kept.Content) {
		return d.unlock(http.StatusOK, d.kept.ID, nil)
	}
	return d.showPlan(http.StatusOK, false)
}

func (d *keptDesk) showPlan(status int, changed bool) error {
	page, _, err := d.plan(true)
	if err != nil {
		return err
	}
	page.Changed = changed
	frame, err := d.frame("Plan of the import")
	if err != nil {
		return err
	}
	return render(d.g, status, packages.PlanPage(frame, page))
}

// plan is the page of what the import would do now.
func (d *keptDesk) plan(first bool) (packages.Plan, models.PackagePlan, error) {
	name := d.project.Name
	page := packages.Plan{
		Action: link.KeptPackage(name, d.kept.ID), Again: link.ImportPackage(name), Apply: link.ApplyPackage(name, d.kept.ID), Project: name,
	}
	p, err := archive.Read(d.kept.Content)
	if err != nil {
		return page, models.PackagePlan{}, err
	}
	plan, err := d.c.store.PlanPackage(d.g.Request.Context(), d.project.ID, p, d.kept.Choices)
	if err != nil {
		return page, plan, err
	}
	d.refuse(&plan)
	page.From, page.Digest = plan.From, plan.Digest
	page.Creates, page.Updates, page.Skips, page.Wanted = plan.Count(models.PackageCreate), plan.Count(models.PackageUpdate), plan.Count(models.PackageSkip), plan.Refused()
	page.Lines = d.lines(plan)
	if first { // what asks for something
		slices.SortStableFunc(page.Lines, func(a, b packages.Line) int { return order(a) - order(b) })
	}
	if page.More = max(0, len(page.Lines)-planShown); page.More > 0 {
		page.Lines = page.Lines[:planShown]
	}
	return page, plan, nil
}

// refuse keeps out what the visitor may not write, and shows nothing of what is
// there already.
func (d *keptDesk) refuse(plan *models.PackagePlan) {
	for i, l := range plan.Lines {
		writes := l.Action == models.PackageCreate || l.Action == models.PackageUpdate
		if writes && !d.v.MayImport(l.Ref.Kind) || !d.v.MayExport(l.Ref.Kind) {
			plan.Lines[i].Changes = nil
			plan.Lines[i].Problems = problem.List{{Message: "You may not import " + plural(l.Ref.Kind) + " into this project."}}
		}
	}
}

func order(l packages.Line) int {
	if l.Open() {
		return 0
	}
	return 1
}

func (d *keptDesk) lines(plan models.PackagePlan) []packages.Line {
	list := make([]packages.Line, len(plan.Lines))
	for n, l := range plan.Lines {
		c := d.kept.Choices[l.Ref.Key()]
		list[n] = packages.Line{
			Index: n, Kind: title(l.Ref.Kind.Label()), Name: l.Ref.Name, Target: l.Name, Action: string(l.Action), Exists: l.Exists, Changes: inWords(l.Changes),
			Wish: string(c.Wish), NewName: c.Name, BasePath: l.BasePath, OtherPath: c.BasePath, Problems: l.Problems,
		}
		if len(l.Problems) > 0 {
			list[n].Action = "refused"
		}
		for _, s := range l.Secrets {
			list[n].Secrets = append(list[n].Secrets, packages.Secret{Field: s.Field, Label: s.Label, Multiline: s.Multiline, Given: s.Given})
		}
	}
	return list
}

// inWords begins as sentences do.
func inWords(changes []string) string {
	if len(changes) == 0 {
		return ""
	}
	return title(strings.Join(changes, ", "))
}

// ChooseForPackage keeps the choices and shows what they come to.
func (c *Console) ChooseForPackage(g *gin.Context) error {
	d, err := c.keptDesk(g)
	if err != nil {
		return c.gone(g, err)
	}
	if err := g.Request.ParseForm(); err != nil {
		return badForm(err)
	}
	_, plan, err := d.plan(true)
	if err != nil {
		return err
	}
	d.kept.Choices = d.chosen(plan)
	if err := c.store.ChooseForPackage(g.Request.Context(), d.v.Actor(), d.kept, d.kept.Choices); err != nil {
		return c.gone(g, err)
	}
	if g.PostForm("next") != "review" {
		return redirect(g, link.KeptPackage(d.project.Name, d.kept.ID))
	}
	return redirect(g, link.ReviewPackage(d.project.Name, d.kept.ID))
}

// chosen are the choices as they were and as the form changes them: lines that
// were not shown, and secrets that were left empty, stay as they are.
func (d *keptDesk) chosen(plan models.PackagePlan) models.PackageChoices {
	choices := models.PackageChoices{}
	for n, l := range plan.Lines {
		c := d.kept.Choices[l.Ref.Key()]
		if wish, shown := d.g.GetPostForm(packages.FieldName(n, "wish")); shown {
			c.Wish = models.PackageWish(wish)
			c.Name = strings.TrimSpace(d.g.PostForm(packages.FieldName(n, "name")))
			c.BasePath = strings.TrimSpace(d.g.PostForm(packages.FieldName(n, "path")))
		}
		for _, s := range l.Secrets {
			if typed := d.g.PostForm(packages.FieldName(n, "secret."+s.Field)); typed != "" {
				c.Secrets = with(c.Secrets, s, typed)
			}
		}
		if c.Wish != "" || c.Name != "" || c.BasePath != "" || len(c.Secrets) > 0 {
			choices[l.Ref.Key()] = c
		}
	}
	return choices
}

func with(secrets map[string]secret.Text, s models.PackageSecret, typed string) map[string]secret.Text {
	if secrets == nil {
		secrets = map[string]secret.Text{}
	}
	if s.Multiline {
		typed = strings.TrimSpace(strings.ReplaceAll(typed, "\r\n", "\n"))
	}
	secrets[s.Field] = secret.New(typed)
	return secrets
}

// ReviewPackage is the last look before the import.
func (c *Console) ReviewPackage(g *gin.Context) error {
	d, err := c.keptDesk(g)
	if err != nil {
		return c.gone(g, err)
	}
	if archive.Sealed(d.kept.Content) {
		return d.unlock(http.StatusOK, d.kept.ID, nil)
	}
	page, plan, err := d.plan(false)
	if err != nil {
		return err
	}
	if plan.Refused() > 0 {
		return redirect(g, link.KeptPackage(d.project.Name, d.kept.ID))
	}
	frame, err := d.frame("Review the import")
	if err != nil {
		return err
	}
	return render(g, http.StatusOK, packages.ReviewPage(frame, page))
}

// ApplyPackage does what was reviewed, and answers with what it did: the secrets
// of new key pairs are seen this once.
func (c *Console) ApplyPackage(g *gin.Context) error {
	d, err := c.keptDesk(g)
	if err != nil {
		return c.gone(g, err)
	}
	p, err := archive.Read(d.kept.Content)
	if err != nil {
		return err
	}
	ctx := g.Request.Context()
	if _, plan, err := d.plan(false); err != nil {
		return err
	} else if plan.Refused() > 0 || plan.Digest != g.PostForm("digest") {
		return d.showPlan(http.StatusConflict, true)
	}
	r, err := c.store.ApplyPackage(ctx, d.v.Actor(), d.project.ID, p, d.kept.Choices, g.PostForm("digest"))
	if errors.Is(err, models.ErrPackagePlanChanged) || len(problem.Of(err)) > 0 {
		return d.showPlan(http.StatusConflict, true)
	}
	if err != nil {
		return err
	}
	if err := c.store.ForgetPackage(ctx, d.v.Actor(), d.kept.ID); err != nil {
		return err
	}
	frame, err := d.frame("Imported")
	if err != nil {
		return err
	}
	return render(g, http.StatusOK, packages.ResultPage(frame, d.result(r)))
}

func (d *keptDesk) result(r models.PackageResult) packages.Result {
	name := d.project.Name
	page := packages.Result{
		Creates: r.Plan.Count(models.PackageCreate), Updates: r.Plan.Count(models.PackageUpdate), Skips: r.Plan.Count(models.PackageSkip),
		Unresolved: r.Unresolved, Lines: d.lines(r.Plan), Proxies: link.Proxies(name), Again: link.ImportPackage(name),
	}
	for _, k := range r.KeyPairs {
		page.KeyPairs = append(page.KeyPairs, packages.KeyPair{Kind: title(k.Ref.Kind.Label()), Name: k.Ref.Name, ClientID: k.ClientID, Secret: k.Secret.Reveal()})
	}
	for _, o := range r.Redeploy {
		line := packages.Redeploy{Kind: title(o.Ref.Kind.Label()), Name: o.Ref.Name, Environments: strings.Join(o.Environments, ", ")}
		if i := slices.IndexFunc(ownerKinds, func(k ownerKind) bool { return k.packed == o.Ref.Kind }); i >= 0 {
			line.Href = link.Owner{Project: name, Kind: ownerKinds[i].at, Name: o.Ref.Name}.Page()
		}
		page.Redeploy = append(page.Redeploy, line)
	}
	return page
}
