package console

import (
	"bytes"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/archive"
	"github.com/gatewright/gatewright/web/layout"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/packages"
	"github.com/gatewright/gatewright/web/ui"
)

// exportChoices bounds the objects of a kind on a page.
const exportChoices = 200

// packageDesk is one visit to export or import.
type packageDesk struct {
	c       *Console
	g       *gin.Context
	v       *visit.Visit
	project models.Project
}

func (c *Console) packageDesk(g *gin.Context) (*packageDesk, error) {
	ctx := g.Request.Context()
	project, err := c.project(ctx, g.Param("project"))
	return &packageDesk{c: c, g: g, v: visit.From(ctx), project: project}, err
}

func (d *packageDesk) frame(title string) (layout.Props, error) {
	crumbs := []layout.Crumb{{Label: d.project.Name, Href: link.Project(d.project.Name)}, {Label: "Export and import", Href: link.Packages(d.project.Name)}}
	if title != "Export and import" {
		crumbs = append(crumbs, layout.Crumb{Label: title})
	}
	return d.c.frame(d.g, title, d.project, crumbs...)
}

// Packages is where exports and imports begin.
func (c *Console) Packages(g *gin.Context) error {
	d, err := c.packageDesk(g)
	if err != nil {
		return err
	}
	frame, err := d.frame("Export and import")
	if err != nil {
		return err
	}
	name := d.project.Name
	h := packages.Hub{Export: link.ExportObjects(name), All: link.ExportReview(name) + "?all=true"}
	if d.v.Can(visit.Exchange) {
		h.Import = link.ImportPackage(name)
	}
	return render(g, http.StatusOK, packages.HubPage(frame, h))
}

// ChooseExport is where objects are chosen.
func (c *Console) ChooseExport(g *gin.Context) error {
	d, err := c.packageDesk(g)
	if err != nil {
		return err
	}
	return d.choose(http.StatusOK, nil)
}

func (d *packageDesk) choose(status int, l problem.List) error {
	kinds := slices.DeleteFunc(archive.Kinds(), func(k archive.Kind) bool { return !d.v.MayExport(k) })
	kind := archive.Kind(d.g.Query("kind"))
	if !slices.Contains(kinds, kind) {
		kind = kinds[0] // the route has seen that there is one
		if slices.Contains(kinds, archive.KindProxy) {
			kind = archive.KindProxy
		}
	}
	p := packages.Choose{
		Action: link.ExportObjects(d.project.Name), Review: link.ExportReview(d.project.Name), Kind: string(kind), Query: strings.TrimSpace(d.g.Query("q")),
		Label: title(plural(kind)), Problems: l,
	}
	for _, k := range kinds {
		p.Kinds = append(p.Kinds, ui.Option{Value: string(k), Label: title(plural(k))})
	}
	list, total, err := d.c.store.ExportChoices(d.g.Request.Context(), d.project.ID, kind, p.Query, exportChoices)
	if err != nil {
		return err
	}
	chosen := d.g.QueryArray("object")
	for _, o := range list {
		value := string(kind) + "/" + o.Name
		p.Rows = append(p.Rows, packages.ChooseRow{Value: value, Name: o.Name, Text: o.Description, Chosen: slices.Contains(chosen, value)})
	}
	p.Total = total
	for _, value := range chosen {
		shown := slices.ContainsFunc(p.Rows, func(r packages.ChooseRow) bool { return r.Value == value })
		if ref, ok := refOf(value); ok && !shown {
			p.Chosen = append(p.Chosen, option(ref))
		}
	}
	frame, err := d.frame("Export")
	if err != nil {
		return err
	}
	return render(d.g, status, packages.ChoosePage(frame, p))
}

// plural is what people call several objects of a kind.
func plural(k archive.Kind) string {
	label := k.Label()
	switch {
	case strings.HasSuffix(label, "policy"):
		return strings.TrimSuffix(label, "y") + "ies"
	case strings.HasSuffix(label, "proxy"):
		return label[:len(label)-1] + "ies"
	}
	return label + "s"
}

func title(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// refOf reads KIND/name.
func refOf(value string) (archive.Ref, bool) {
	kind, name, ok := strings.Cut(value, "/")
	return archive.Ref{Kind: archive.Kind(kind), Name: name}, ok && archive.Kind(kind).Label() != "" && name != ""
}

func valueOf(ref archive.Ref) string { return string(ref.Kind) + "/" + ref.Name }

func option(ref archive.Ref) ui.Option {
	return ui.Option{Value: valueOf(ref), Label: ref.Name, Text: title(ref.Kind.Label())}
}

// exportOrder is what was chosen.
type exportOrder struct {
	all  bool
	refs []archive.Ref
}

// exportOrder reads it from an address or a form; what cannot be read is named
// nowhere, as no page of ours sends it.
func orderOf(values url.Values) exportOrder {
	o := exportOrder{all: values.Get("all") == "true"}
	for _, value := range values["object"] {
		if ref, ok := refOf(value); ok && !slices.Contains(o.refs, ref) {
			o.refs = append(o.refs, ref)
		}
	}
	return o
}

func (o exportOrder) hidden() []ui.Hidden {
	if o.all {
		return []ui.Hidden{{Name: "all", Value: "true"}}
	}
	var list []ui.Hidden
	for _, ref := range o.refs {
		list = append(list, ui.Hidden{Name: "object", Value: valueOf(ref)})
	}
	return list
}

// ReviewExport shows what goes along with the chosen objects.
func (c *Console) ReviewExport(g *gin.Context) error {
	d, err := c.packageDesk(g)
	if err != nil {
		return err
	}
	return d.reviewExport(http.StatusOK, orderOf(g.Request.URL.Query()), nil, "", nil)
}

// reviewExport asks again where something was wrong; taken is nil for all
// dependencies.
func (d *packageDesk) reviewExport(status int, o exportOrder, taken []string, file string, l problem.List) error {
	p, err := d.c.store.Export(d.g.Request.Context(), d.project.ID, models.ExportSelection{All: o.all, Refs: o.refs, Dependencies: true})
	if wrong := problem.Of(err); len(wrong) > 0 {
		return d.choose(http.StatusUnprocessableEntity, wrong)
	}
	if err != nil {
		return err
	}
	chosen := map[archive.Ref]bool{}
	for _, ref := range o.refs {
		chosen[ref.Key()] = true
	}
	// What may not be taken along is left out where nobody chose it.
	p.Objects = slices.DeleteFunc(p.Objects, func(x archive.Object) bool {
		return !o.all && !chosen[x.Base().Ref().Key()] && !d.v.MayExport(x.Base().Kind)
	})
	if refused := d.notExported(p.Objects); refused != nil {
		return d.choose(http.StatusForbidden, refused)
	}
	page := packages.ExportReview{
		Action: link.ExportFile(d.project.Name), Back: link.ExportObjects(d.project.Name) + "?" + url.Values{"object": valuesOf(o.refs)}.Encode(),
		Hidden: o.hidden(), FileName: file, Notes: d.c.store.PackageNotes(p), Taken: taken, Problems: l,
	}
	for _, x := range p.Objects {
		ref := x.Base().Ref()
		if o.all || chosen[ref.Key()] {
			page.Objects = append(page.Objects, packages.Item{Kind: title(ref.Kind.Label()), Name: ref.Name})
			continue
		}
		page.Dependencies = append(page.Dependencies, option(ref))
		if taken == nil {
			page.Taken = append(page.Taken, valueOf(ref))
		}
	}
	if file == "" {
		page.FileName = d.fileName(page.Objects)
	}
	frame, err := d.frame("Review the export")
	if err != nil {
		return err
	}
	return render(d.g, status, packages.ExportReviewPage(frame, page))
}

// notExported names the kinds that the visitor may not take along.
func (d *packageDesk) notExported(objects []archive.Object) problem.List {
	var l problem.List
	for _, kind := range d.v.NotExported(objects) {
		l.Add("objects", "You may not export %s from this project.", plural(kind))
	}
	return l
}

func valuesOf(refs []archive.Ref) []string {
	list := make([]string, len(refs))
	for i, ref := range refs {
		list[i] = valueOf(ref)
	}
	return list
}

func (d *packageDesk) fileName(objects []packages.Item) string {
	name := d.project.Name
	if len(objects) == 1 {
		name = objects[0].Name
	}
	return name + "-exported.zip"
}

// ExportFile makes the package and sends it. It is a POST for the passphrase,
// which must not be in an address; it changes nothing.
func (c *Console) ExportFile(g *gin.Context) error {
	d, err := c.packageDesk(g)
	if err != nil {
		return err
	}
	if err := g.Request.ParseForm(); err != nil {
		return badForm(err)
	}
	o, taken, file := orderOf(g.Request.PostForm), g.PostFormArray("dependency"), strings.TrimSpace(g.PostForm("file"))
	passphrase := secret.New(g.PostForm("passphrase"))
	if l := exportProblems(file, passphrase, g.PostForm("confirmation")); len(l) > 0 {
		return d.reviewExport(http.StatusUnprocessableEntity, o, append([]string{}, taken...), file, l)
	}
	raw, err := d.pack(o, taken, passphrase)
	if l := problem.Of(err); len(l) > 0 {
		return d.reviewExport(http.StatusUnprocessableEntity, o, append([]string{}, taken...), file, problem.List{{Field: "objects", Message: l.Error()}})
	}
	if err != nil {
		return err
	}
	g.Header("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": file}))
	g.Data(http.StatusOK, "application/zip", raw)
	return nil
}

func exportProblems(file string, passphrase secret.Text, confirmation string) problem.List {
	var l problem.List
	switch {
	case file == "":
		l.Add("file", "Enter a file name.")
	case len(file) > 200 || strings.ContainsFunc(file, problem.Invisible) || strings.ContainsAny(file, `/\:*?"<>|`):
		l.Add("file", `Use a plain name without / \ : * ? " < > and |, of at most 200 bytes.`)
	}
	if passphrase.IsZero() && confirmation == "" {
		return l
	}
	if msg := archive.PassphraseProblem(passphrase); msg != "" {
		l.Add("passphrase", "%s", msg)
	} else if !passphrase.Equal(secret.New(confirmation)) {
		l.Add("confirmation", "This is not the same passphrase. Enter both again.")
	}
	return l
}

// pack takes exactly the dependencies that were ticked.
func (d *packageDesk) pack(o exportOrder, taken []string, passphrase secret.Text) ([]byte, error) {
	ctx := d.g.Request.Context()
	for _, value := range taken {
		if ref, ok := refOf(value); ok && !o.all {
			o.refs = append(o.refs, ref)
		}
	}
	p, err := d.c.store.Export(ctx, d.project.ID, models.ExportSelection{All: o.all, Refs: o.refs})
	if err != nil {
		return nil, err
	}
	if refused := d.notExported(p.Objects); refused != nil {
		return nil, refused
	}
	var b bytes.Buffer
	if err := archive.Write(&b, p); err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	if passphrase.IsZero() {
		return b.Bytes(), nil
	}
	return archive.Seal(ctx, b.Bytes(), passphrase)
}
