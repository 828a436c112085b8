package apiops

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/engine/strict"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/archive"
)

var yesOrNo = []string{"true", "false"}

var importForm = form{multipart: true, fields: []formField{
	{name: "exportFile", file: true, required: true, text: "The package, or one object as JSON; at most 16 MiB."},
	{name: "override", enum: yesOrNo, text: "Whether what the project has becomes as the package has it; false unless told."},
	{name: "plan", enum: yesOrNo, text: "Whether only to tell what the import would do."},
	{name: "choices", text: `What to do with single objects, as JSON: {"choices":[{"type":"GLOBAL_POLICY","name":"mobile","action":"rename","newName":"mobile-2"}]}. The action is create, update, skip or rename; relativePath moves an API proxy or group, and secrets, by field, are given with an identity source.`},
}}

// importChoices is the member choices of an import.
type importChoices struct {
	Choices []importChoice `json:"choices"`
}

type importChoice struct {
	Type     string            `json:"type"`
	Name     string            `json:"name"`
	Action   string            `json:"action"`
	NewName  string            `json:"newName"`
	BasePath string            `json:"relativePath"`
	Secrets  map[string]string `json:"secrets"`
}

type importAnswer struct {
	done
	Applied    bool            `json:"applied" doc:"False for a plan."`
	From       string          `json:"exportedFrom" doc:"The project that the package is from, where it says."`
	Created    int             `json:"created"`
	Updated    int             `json:"updated"`
	Skipped    int             `json:"skipped"`
	Refused    int             `json:"refused" doc:"Of a plan: how many objects keep the package from being imported."`
	Objects    []importLine    `json:"objects"`
	KeyPairs   []importKeyPair `json:"keyPairs" doc:"Of new API proxies and groups; the secret keys are answered this once."`
	Redeploy   []ownerIn       `json:"redeployRequired" doc:"What ran as it was edited before the import, and does not any more."`
	Unresolved []string        `json:"unresolvedReferences" doc:"What is still missing before everything works."`
}

// importLine is one object of a package and what becomes of it.
type importLine struct {
	Type     string         `json:"type"`
	Name     string         `json:"name" doc:"In the package."`
	Target   string         `json:"targetName" doc:"In the project."`
	Action   string         `json:"action" enum:"create,update,skip,refuse"`
	Exists   bool           `json:"exists" doc:"Whether the project had one of the name."`
	Changes  []string       `json:"changes"`
	BasePath string         `json:"relativePath,omitempty"`
	Secrets  []importSecret `json:"secrets" doc:"That can be given with it."`
	Problems []fieldProblem `json:"problems"`
}

type importSecret struct {
	Field string `json:"field"`
	Label string `json:"label"`
	Given bool   `json:"given"`
}

type importKeyPair struct {
	Type      string `json:"type"`
	Name      string `json:"name"`
	PublicKey string `json:"publicKey"`
	SecretKey string `json:"secretKey"`
}

// importing is one import on its way.
type importing struct {
	*call
	kind     archive.Kind
	content  archive.Package
	override bool
	choices  models.PackageChoices
	// create are objects that must not be there yet, chosen those that a choice
	// is about.
	create, chosen map[archive.Ref]bool
}

func (a *API) importPackage(c *call) (any, error) {
	kind, err := c.kind()
	if err != nil {
		return nil, err
	}
	i := &importing{call: c, kind: kind, choices: models.PackageChoices{}, create: map[archive.Ref]bool{}, chosen: map[archive.Ref]bool{}}
	only, err := i.receive()
	if err != nil {
		return nil, err
	}
	plan, err := i.plan()
	if err != nil {
		return nil, err
	}
	if only {
		return i.answer(models.PackageResult{Plan: plan}, false), nil
	}
	if err := plan.Err(); err != nil {
		return nil, asFile(err)
	}
	done, err := a.Store.ApplyPackage(c.ctx(), c.by(), c.project.ID, i.content, i.choices, plan.Digest)
	if errors.Is(err, models.ErrPackagePlanChanged) {
		return nil, conflict("The project was changed meanwhile, so the import would do something else; nothing was imported. Repeat it.")
	}
	if err != nil {
		return nil, asFile(err)
	}
	return i.answer(done, true), nil
}

// receive reads the form; only tells that nothing is to be written.
func (i *importing) receive() (only bool, err error) {
	raw, err := i.upload("exportFile", models.MaxUpload)
	if err != nil {
		return false, err
	}
	passphrase, err := i.passphrase()
	if err != nil {
		return false, err
	}
	if archive.Sealed(raw) {
		raw, err = archive.Open(i.ctx(), raw, passphrase)
	}
	if err == nil {
		i.content, err = archive.Read(raw)
	}
	if err != nil {
		return false, asFile(err)
	}
	var l problem.List
	i.override = i.said(&l, "override")
	only = i.said(&l, "plan")
	if !inPackage(i.content, i.kind) {
		l.Add("exportFile", "The package has no %s: import it as another type.", i.kind.Label())
	}
	err = i.choose(i.g.PostForm("choices"))
	list := problem.Of(err)
	if err != nil && list == nil {
		return false, err
	}
	l = append(l, list...)
	return only, l.Err()
}

// upload is the file of a field of the form. All of it stays in memory: it must not
// lie on the disk unsealed.
func (c *call) upload(field string, most int64) ([]byte, error) {
	media, _, err := mime.ParseMediaType(c.g.GetHeader("Content-Type"))
	if err != nil || media != "multipart/form-data" {
		return nil, &refusal{status: http.StatusUnsupportedMediaType, code: "unsupported_media_type", text: "Send Content-Type: multipart/form-data."}
	}
	var tooLarge *http.MaxBytesError
	switch err := c.g.Request.ParseMultipartForm(2 * models.MaxUpload); {
	case errors.As(err, &tooLarge):
		return nil, err
	case err != nil:
		return nil, &refusal{status: http.StatusBadRequest, code: "bad_request", text: "The body is not a form."}
	}
	header, err := c.g.FormFile(field)
	if err != nil {
		return nil, invalid(field, "Send it as a file.")
	}
	if header.Size > most {
		return nil, &http.MaxBytesError{Limit: most}
	}
	f, err := header.Open()
	if err != nil {
		return nil, fmt.Errorf("open upload: %w", err)
	}
	defer func() { _ = f.Close() }() // it is memory
	raw, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("read upload: %w", err)
	}
	return raw, nil
}

// said is a field of the form that is true or false.
func (c *call) said(l *problem.List, name string) bool {
	switch c.g.PostForm(name) {
	case "", "false":
		return false
	case "true":
		return true
	}
	l.Add(name, "Send true or false.")
	return false
}

var wishes = map[string]models.PackageWish{
	"": "", "create": "", "update": models.WishReplace, "skip": models.WishSkip, "rename": models.WishRename,
}

// choose reads the choices.
func (i *importing) choose(text string) error {
	if text == "" {
		return nil
	}
	var body importChoices
	var l problem.List
	if err := strict.Decode([]byte(text), &body, "choices"); err != nil {
		return prefixed("choices", err)
	}
	for n, ch := range body.Choices {
		ref := archive.Ref{Kind: archive.Kind(ch.Type), Name: ch.Name}
		wish, ok := wishes[ch.Action]
		at := fmt.Sprintf("choices.choices[%d].", n)
		if !ok {
			l.Add(at+"action", "Choose create, update, skip or rename.")
		}
		if ref.Kind.Label() == "" {
			l.Add(at+"type", "Choose one of %s.", strings.Join(packageTypes, ", "))
		}
		if (ch.NewName != "") != (wish == models.WishRename) {
			l.Add(at+"newName", "Give a new name with the action rename, and only there.")
		}
		if i.chosen[ref.Key()] {
			l.Add(at+"name", "There is another choice for it.")
		}
		i.chosen[ref.Key()] = ch.Action != ""
		i.create[ref.Key()] = ch.Action == "create"
		i.choices[ref.Key()] = models.PackageChoice{Wish: wish, Name: ch.NewName, BasePath: ch.BasePath, Secrets: secretsOf(ch.Secrets)}
	}
	return l.Err()
}

func secretsOf(given map[string]string) map[string]secret.Text {
	if len(given) == 0 {
		return nil
	}
	texts := map[string]secret.Text{}
	for field, text := range given {
		texts[field] = secret.New(text)
	}
	return texts
}

// plan is what the import does, with what speaks against it.
func (i *importing) plan() (models.PackagePlan, error) {
	plan, err := i.Store.PlanPackage(i.ctx(), i.project.ID, i.content, i.choices)
	if err != nil {
		return plan, asFile(err)
	}
	if !i.override && i.leave(plan) {
		if plan, err = i.Store.PlanPackage(i.ctx(), i.project.ID, i.content, i.choices); err != nil {
			return plan, asFile(err)
		}
	}
	for n := range plan.Lines {
		line := &plan.Lines[n]
		key := line.Ref.Key()
		fresh := i.create[key] || !i.override && !i.chosen[key] && line.Ref.Kind == i.kind
		if fresh && line.Exists && line.Action != models.PackageSkip {
			line.Problems.AddTaken("name", fmt.Sprintf("The project has %s already. Override it, or choose what to do.", archive.Ref{Kind: line.Ref.Kind, Name: line.Name}))
		}
		if line.Action != models.PackageSkip {
			if err := i.exchanges(line.Ref.Kind, true); err != nil {
				return plan, err
			}
		}
	}
	return plan, nil
}

// leave keeps the project's own objects of other types, and tells whether there
// are any.
func (i *importing) leave(plan models.PackagePlan) bool {
	some := false
	for _, line := range plan.Lines {
		if key := line.Ref.Key(); line.Exists && line.Ref.Kind != i.kind && !i.chosen[key] && i.choices[key].BasePath == "" {
			i.choices[key], some = models.PackageChoice{Wish: models.WishSkip}, true
		}
	}
	return some
}

// asFile puts what is wrong with a package below the field that it came in.
func asFile(err error) error {
	list := problem.Of(err)
	if list == nil {
		return err
	}
	l := make(problem.List, len(list))
	for n, p := range list {
		l[n] = p
		switch {
		case p.Field == "choices":
			continue
		case p.Field == "passphrase":
			l[n].Field = passphraseHeader
			continue
		case p.Field != "":
			l[n].Message = p.Field + ": " + p.Message
		}
		l[n].Field = "exportFile"
	}
	return l
}

// answer is what was done, or would be.
func (i *importing) answer(r models.PackageResult, applied bool) importAnswer {
	a := importAnswer{
		done: success(), Applied: applied, From: r.Plan.From, Refused: r.Plan.Refused(),
		Created: r.Plan.Count(models.PackageCreate), Updated: r.Plan.Count(models.PackageUpdate), Skipped: r.Plan.Count(models.PackageSkip),
		Objects: []importLine{}, KeyPairs: []importKeyPair{}, Redeploy: []ownerIn{}, Unresolved: append([]string{}, r.Unresolved...),
	}
	for _, l := range r.Plan.Lines {
		a.Objects = append(a.Objects, lineOf(l))
	}
	for _, k := range r.KeyPairs {
		a.KeyPairs = append(a.KeyPairs, importKeyPair{string(k.Ref.Kind), k.Ref.Name, k.ClientID, k.Secret.Reveal()})
	}
	for _, o := range r.Redeploy {
		for _, e := range o.Environments {
			a.Redeploy = append(a.Redeploy, ownerIn{e, packagedOwners[o.Ref.Kind], o.Ref.Name})
		}
	}
	return a
}

// packagedOwners are kinds of packages as other answers call them.
var packagedOwners = map[archive.Kind]string{
	archive.KindProxy: "API_PROXY", archive.KindProxyGroup: "API_PROXY_GROUP", archive.KindPolicyGroup: "POLICY_GROUP",
}

func lineOf(l models.PackageLine) importLine {
	line := importLine{
		Type: string(l.Ref.Kind), Name: l.Ref.Name, Target: l.Name, Action: string(l.Action), Exists: l.Exists, BasePath: l.BasePath,
		Changes: append([]string{}, l.Changes...), Secrets: []importSecret{}, Problems: []fieldProblem{},
	}
	for _, s := range l.Secrets {
		line.Secrets = append(line.Secrets, importSecret{s.Field, s.Label, s.Given})
	}
	for _, p := range l.Problems {
		line.Action = "refuse"
		line.Problems = append(line.Problems, fieldProblem{p.Field, p.Message})
	}
	return line
}
