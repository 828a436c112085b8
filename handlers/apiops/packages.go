package apiops

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/archive"
)

// Packages (D21, reference 7). Whoever exports or imports needs the right of
// each kind that goes along.

const (
	exchangePath = Prefix + "projects/{projectName}/export-import/"
	packagePath  = exchangePath + "{packageType}/"
)

// passphraseHeader carries the passphrase of a package in base64; the other one
// is the reference's.
const (
	passphraseHeader     = "X-Package-Passphrase"
	passphraseHeaderToo  = "X-Apinizer-Package-Passphrase"
	passphraseHeaderText = "The passphrase of the package in base64, at least 12 characters. X-Apinizer-Package-Passphrase is taken too."
)

var packageHeaders = [][2]string{{passphraseHeader, passphraseHeaderText}}

var packageTypes = func() []string {
	var list []string
	for _, k := range archive.Kinds() {
		list = append(list, string(k))
	}
	return list
}()

func (a *API) packageOperations() []operation {
	const tag = "Export and import"
	const sealed = " With the header " + passphraseHeader + " the whole package is encrypted; then it is no ZIP to other programs."
	withDependencies := parameter{name: "withDependencies", text: "Whether what the objects name goes along, and what that names in turn.", kind: true}
	return []operation{
		{
			method: http.MethodGet, path: exchangePath + "types/", id: "listPackageTypes", tag: tag, summary: "List the types of objects that packages hold",
			right: visit.Exchange, result: listOf[packageType]{}, do: a.listPackageTypes,
		},
		{
			method: http.MethodGet, path: packagePath + "objects/", id: "listPackageObjects", tag: tag, summary: "List the objects of a type that can be exported",
			right: visit.Exchange, result: listOf[packageObject]{}, do: a.listPackageObjects,
			query: []parameter{{name: "filter", text: "A part of the name.", kind: ""}, {name: "pageSize", text: "How many at most, 100 unless told, at most 500.", kind: 0}},
		},
		{
			method: http.MethodPost, path: packagePath + "export/", id: "exportPackage", tag: tag, summary: "Export objects as a package",
			text:  "No secret, key or key pair is in it." + sealed,
			right: visit.Exchange, body: exportBody{}, query: []parameter{withDependencies}, header: packageHeaders, produces: "application/zip,application/octet-stream", do: a.exportPackage,
		},
		{
			method: http.MethodGet, path: Prefix + "projects/{projectName}/apiProxies/{apiProxyName}/export/", id: "exportProxy", tag: tag, summary: "Export an API proxy as a package", text: "No secret, key or key pair is in it." + sealed,
			right: models.ExportAPIs, query: []parameter{withDependencies}, header: packageHeaders, produces: "application/zip,application/octet-stream", do: a.exportProxy,
		},
		{
			method: http.MethodPost, path: packagePath + "import/", id: "importPackage", tag: tag, summary: "Import a package, or plan it",
			text: "All of it in one transaction or nothing. Nothing is deployed. Objects of the type that the project has already are refused with 409, unless override or a choice says what to do; of other types the project's own stay and are named instead. " +
				"With override everything becomes as the package has it. Needs MANAGE beside EXPORT_IMPORT of each type that is written.",
			right: visit.Exchange, body: importForm, header: packageHeaders, result: importAnswer{}, do: a.importPackage,
		},
	}
}

type packageType struct {
	Type  string `json:"type"`
	Label string `json:"label"`
}

type packageObject struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

type exportBody struct {
	Names        []string     `json:"names" required:"true" doc:"Of objects of the type."`
	Dependencies *[]objectRef `json:"dependencies" doc:"Of what the objects name, only this goes along; instead of withDependencies."`
	FileName     string       `json:"fileName"`
}

type objectRef struct {
	Type string `json:"type" required:"true"`
	Name string `json:"name" required:"true"`
}

// exchangeRights are what a kind needs.
func exchangeRights(k archive.Kind) (export, manage models.Permission) {
	switch k {
	case archive.KindPolicy, archive.KindVariable:
		return models.ExportSettings, models.ManageSettings
	case archive.KindIdentitySource:
		return models.ExportConnections, models.ManageConnections
	case archive.KindRole:
		return models.ExportIdentity, models.ManageIdentity
	}
	return models.ExportAPIs, models.ManageAPIs
}

// exchanges refuses kinds that the caller may not export, or not write where
// they are written.
func (c *call) exchanges(k archive.Kind, write bool) error {
	export, manage := exchangeRights(k)
	needs := []models.Permission{export}
	if write {
		needs = append(needs, manage)
	}
	for _, need := range needs {
		if !c.visit().Can(need) {
			return &refusal{status: http.StatusForbidden, code: "forbidden", text: fmt.Sprintf("For objects of the type %s your role, or the scope of the token, has to allow %s, %s.", k, need.Category(), need.Action())}
		}
	}
	return nil
}

// kind is the type that the address names.
func (c *call) kind() (archive.Kind, error) {
	k := archive.Kind(c.name("packageType"))
	if k.Label() == "" {
		return k, models.ErrNotFound
	}
	return k, c.exchanges(k, false)
}

func (a *API) listPackageTypes(c *call) (any, error) {
	var list []packageType
	for _, k := range archive.Kinds() {
		if c.exchanges(k, false) == nil {
			list = append(list, packageType{string(k), k.Label()})
		}
	}
	return listing(list, len(list)), nil
}

func (a *API) listPackageObjects(c *call) (any, error) {
	kind, err := c.kind()
	if err != nil {
		return nil, err
	}
	var l problem.List
	most := c.number(&l, "pageSize", 100, 1, 500)
	if err := l.Err(); err != nil {
		return nil, err
	}
	all, total, err := a.Store.ExportChoices(c.ctx(), c.project.ID, kind, c.g.Query("filter"), most)
	if err != nil {
		return nil, err
	}
	list := make([]packageObject, len(all))
	for i, o := range all {
		list[i] = packageObject{o.Name, o.Description}
	}
	return listing(list, total), nil
}

func (a *API) exportPackage(c *call) (any, error) {
	kind, err := c.kind()
	if err != nil {
		return nil, err
	}
	var body exportBody
	if err := c.read(&body); err != nil {
		return nil, err
	}
	var l problem.List
	selection := models.ExportSelection{Dependencies: c.flag(&l, "withDependencies")}
	if len(body.Names) == 0 {
		l.Add("names", "Name what to export.")
	}
	for _, name := range body.Names {
		selection.Refs = append(selection.Refs, archive.Ref{Kind: kind, Name: name})
	}
	if body.Dependencies != nil {
		selection.Dependencies = false
		for i, d := range *body.Dependencies {
			if archive.Kind(d.Type).Label() == "" {
				l.Add(fmt.Sprintf("dependencies[%d].type", i), "Choose one of %s.", strings.Join(packageTypes, ", "))
			}
			selection.Refs = append(selection.Refs, archive.Ref{Kind: archive.Kind(d.Type), Name: d.Name})
		}
	}
	name := cmp.Or(strings.TrimSpace(body.FileName), firstOf(body.Names)+"-exported.zip")
	if len(name) > 200 || strings.ContainsFunc(name, problem.Invisible) || strings.ContainsAny(name, `/\:*?"<>|`) {
		if body.FileName != "" {
			l.Add("fileName", `Use a plain name without / \ : * ? " < > and |, of at most 200 bytes.`)
		}
		name = strings.ToLower(string(kind)) + "-exported.zip"
	}
	if err := l.Err(); err != nil {
		return nil, err
	}
	return c.pack(selection, name)
}

func firstOf(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return names[0]
}

func (a *API) exportProxy(c *call) (any, error) {
	o, err := c.proxy()
	if err != nil {
		return nil, err
	}
	var l problem.List
	selection := models.ExportSelection{Refs: []archive.Ref{{Kind: archive.KindProxy, Name: o.Name}}, Dependencies: c.flag(&l, "withDependencies")}
	if err := l.Err(); err != nil {
		return nil, err
	}
	return c.pack(selection, "api_proxy-exported.zip")
}

// pack makes the file, provided that the caller may export each kind in it.
func (c *call) pack(selection models.ExportSelection, name string) (any, error) {
	passphrase, err := c.passphrase()
	if err != nil {
		return nil, err
	}
	for _, ref := range selection.Refs {
		if err := c.exchanges(ref.Kind, false); err != nil {
			return nil, err
		}
	}
	p, err := c.Store.Export(c.ctx(), c.project.ID, selection)
	if err != nil {
		return nil, refielded(err, map[string]string{"objects": "names"})
	}
	for _, o := range p.Objects {
		if err := c.exchanges(o.Base().Kind, false); err != nil {
			return nil, err
		}
	}
	var b bytes.Buffer
	if err := archive.Write(&b, p); err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	if passphrase.IsZero() {
		return packed(name, "application/zip", b.Bytes()), nil
	}
	if msg := archive.PassphraseProblem(passphrase); msg != "" {
		return nil, invalid(passphraseHeader, "%s", msg)
	}
	sealed, err := archive.Seal(c.ctx(), b.Bytes(), passphrase)
	return packed(name, "application/octet-stream", sealed), err
}

func packed(name, kind string, content []byte) file {
	return file{disposition: mime.FormatMediaType("attachment", map[string]string{"filename": name}), kind: kind, content: content}
}

// passphrase is that of the header, zero for none.
func (c *call) passphrase() (secret.Text, error) {
	text := cmp.Or(c.g.GetHeader(passphraseHeader), c.g.GetHeader(passphraseHeaderToo))
	plain, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return secret.Text{}, invalid(passphraseHeader, "Send the passphrase in base64.")
	}
	return secret.New(string(plain)), nil
}

// TakesPackage tells whether an escaped path is that of an import, whose body
// may be as large as a package.
func TakesPackage(escaped string) bool {
	parts := strings.Split(strings.TrimSuffix(escaped, "/"), "/")
	return len(parts) == 7 && parts[1] == "apiops" && parts[2] == "projects" && parts[4] == "export-import" && parts[6] == "import"
}

// inPackage tells whether a package has objects of a kind.
func inPackage(p archive.Package, kind archive.Kind) bool {
	return slices.ContainsFunc(p.Objects, func(o archive.Object) bool { return o.Base().Kind == kind })
}
