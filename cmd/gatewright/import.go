package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/archive"
)

// refused is the exit code for a package that would be, or is, refused.
const refused = exitCode(2)

type importCmd struct {
	File     string   `arg:"" help:"Package to import: a ZIP, or one object as JSON; - for the standard input."`
	Project  string   `help:"Project to import into." required:"" placeholder:"NAME"`
	Plan     bool     `env:"-" help:"Only say what would be done; exit with 2 when it would be refused."`
	Skip     []string `env:"-" help:"Leave an object out; what names it gets what the project has." placeholder:"KIND/NAME" sep:"none"`
	Rename   []string `env:"-" help:"Import an object under another name; what is in the package follows it." placeholder:"KIND/NAME=NEW" sep:"none"`
	Replace  []string `env:"-" help:"Insist that the project has the object, so that it is updated and not created." placeholder:"KIND/NAME" sep:"none"`
	BasePath []string `env:"-" help:"Give a proxy or a proxy group another base path." placeholder:"KIND/NAME=/PATH" sep:"none"`
	Secret   []string `env:"-" help:"Give an identity source a secret that is in a file." placeholder:"KIND/NAME:FIELD=@FILE" sep:"none"`
	passphraseFlags
	asFlags
	storeFlags
	logFlags
}

// Run plans the import and, without --plan, does it: all or nothing.
func (c *importCmd) Run(p *process) error {
	pack, err := c.read(p)
	if err != nil {
		return err
	}
	choices, err := c.choices(pack)
	if err != nil {
		return err
	}
	return withStore(p, c.storeFlags, c.logFlags, func(store *models.Store) error {
		project, err := projectNamed(p, store, c.Project)
		if err != nil {
			return err
		}
		who, err := c.caller(p, store, project.Name)
		if err != nil {
			return err
		}
		plan, err := store.PlanPackage(p.ctx, project.ID, pack, choices)
		if err != nil {
			return err
		}
		if err := who.imports(plan); err != nil {
			return err
		}
		if err := c.print(p, plan); err != nil {
			return err
		}
		if c.Plan {
			return nil
		}
		result, err := store.ApplyPackage(p.ctx, who.actor, project.ID, pack, choices, plan.Digest)
		if err != nil {
			return err
		}
		return c.report(p, result)
	})
}

func (c *importCmd) read(p *process) (archive.Package, error) {
	passphrase, err := c.passphrase(p)
	if err != nil {
		return archive.Package{}, err
	}
	raw, err := c.content()
	if err != nil {
		return archive.Package{}, err
	}
	if archive.Sealed(raw) {
		if raw, err = archive.Open(p.ctx, raw, passphrase); err != nil {
			return archive.Package{}, err
		}
	}
	return archive.Read(raw)
}

// content reads no more than a package can have, and the byte that makes it too
// much.
func (c *importCmd) content() ([]byte, error) {
	in := io.Reader(os.Stdin)
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	return io.ReadAll(io.LimitReader(in, archive.MaxPackage+1<<10))
}

func (c *importCmd) choices(pack archive.Package) (models.PackageChoices, error) {
	w := wishes{pack: pack, choices: models.PackageChoices{}}
	for _, text := range c.Skip {
		w.whole("--skip", text, models.WishSkip)
	}
	for _, text := range c.Replace {
		w.whole("--replace", text, models.WishReplace)
	}
	for _, text := range c.Rename {
		w.pair("--rename", text, func(choice *models.PackageChoice, name string) {
			w.wish("--rename", text, choice, models.WishRename)
			choice.Name = name
		})
	}
	for _, text := range c.BasePath {
		w.pair("--base-path", text, func(choice *models.PackageChoice, path string) { choice.BasePath = path })
	}
	for _, text := range c.Secret {
		w.secret(text)
	}
	return w.choices, w.err
}

// wishes collects choices until one of them cannot be read.
type wishes struct {
	pack    archive.Package
	choices models.PackageChoices
	err     error
}

func (w *wishes) change(ref archive.Ref, change func(*models.PackageChoice)) {
	choice := w.choices[ref.Key()]
	change(&choice)
	w.choices[ref.Key()] = choice
}

func (w *wishes) fail(flag string, err error) {
	if w.err == nil {
		w.err = fmt.Errorf("%s: %w", flag, err)
	}
}

func (w *wishes) whole(flag, text string, wish models.PackageWish) {
	ref, err := objectNamed(text)
	if err != nil {
		w.fail(flag, err)
		return
	}
	w.change(ref, func(c *models.PackageChoice) { w.wish(flag, text, c, wish) })
}

func (w *wishes) wish(flag, text string, c *models.PackageChoice, wish models.PackageWish) {
	if c.Wish != "" {
		w.fail(flag, fmt.Errorf("%q: another choice names the object too", text))
	}
	c.Wish = wish
}

// pair reads "kind/name=value". Names may hold equal signs, so the split is the
// one whose left side the package has.
func (w *wishes) pair(flag, text string, set func(*models.PackageChoice, string)) {
	for at, r := range text {
		if r != '=' {
			continue
		}
		if ref, err := objectNamed(text[:at]); err == nil && w.has(ref) {
			w.change(ref, func(c *models.PackageChoice) { set(c, text[at+1:]) })
			return
		}
	}
	w.fail(flag, fmt.Errorf("%q: write kind/name=value, with an object of the package", text))
}

func (w *wishes) has(ref archive.Ref) bool {
	for _, o := range w.pack.Objects {
		if o.Base().Ref().Key() == ref.Key() {
			return true
		}
	}
	return false
}

// secret reads "kind/name:field=@file".
func (w *wishes) secret(text string) {
	place, file, ok := strings.Cut(text, "=@")
	colon := strings.LastIndex(place, ":")
	if !ok || colon < 0 {
		// The text may be a secret itself, and is not repeated.
		w.fail("--secret", errors.New("write kind/name:field=@file; a secret is read from a file, as everybody sees a command line"))
		return
	}
	ref, err := objectNamed(place[:colon])
	if err != nil {
		w.fail("--secret", err)
		return
	}
	given, err := secretIn(file)
	if err != nil {
		w.fail("--secret", err)
		return
	}
	w.change(ref, func(c *models.PackageChoice) {
		if c.Secrets == nil {
			c.Secrets = map[string]secret.Text{}
		}
		c.Secrets[place[colon+1:]] = given
	})
}

// print shows a plan as a table, and what speaks against it.
func (c *importCmd) print(p *process, plan models.PackagePlan) error {
	t := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ACTION\tKIND\tNAME\tWHAT")
	for _, l := range plan.Lines {
		action := string(l.Action)
		if len(l.Problems) > 0 {
			action = "refused"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", action, l.Ref.Kind.Label(), nameOf(l), strings.Join(l.Changes, ", "))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if err := say(p.stdout, "", fmt.Sprintf("%d to create, %d to update, %d to skip, %d refused.",
		plan.Count(models.PackageCreate), plan.Count(models.PackageUpdate), plan.Count(models.PackageSkip), plan.Refused())); err != nil {
		return err
	}
	for _, l := range plan.Lines {
		for _, wrong := range l.Problems {
			if err := say(p.stderr, fmt.Sprintf("gatewright: %s %q: %s", l.Ref.Kind.Label(), l.Ref.Name, sentence(wrong.Field, wrong.Message))); err != nil {
				return err
			}
		}
	}
	if plan.Refused() > 0 {
		return refused
	}
	return nil
}

func sentence(field, message string) string {
	if field == "" {
		return message
	}
	return field + ": " + message
}

func nameOf(l models.PackageLine) string {
	if l.Name == l.Ref.Name {
		return l.Name
	}
	return l.Ref.Name + " as " + l.Name
}

func (c *importCmd) report(p *process, r models.PackageResult) error {
	lines := []string{"Imported into " + c.Project + ". Nothing was deployed."}
	if len(r.KeyPairs) > 0 {
		lines = append(lines, "", "New key pairs, with secrets that are shown this once:")
	}
	for _, k := range r.KeyPairs {
		lines = append(lines, fmt.Sprintf("  %s %q: client id %s, client secret %s", k.Ref.Kind.Label(), k.Ref.Name, k.ClientID, k.Secret.Reveal()))
	}
	if len(r.Redeploy) > 0 {
		lines = append(lines, "", "To deploy again:")
	}
	for _, o := range r.Redeploy {
		lines = append(lines, fmt.Sprintf("  %s %q in %s", o.Ref.Kind.Label(), o.Ref.Name, strings.Join(o.Environments, ", ")))
	}
	if len(r.Unresolved) > 0 {
		lines = append(lines, "", "Still missing:")
	}
	for _, text := range r.Unresolved {
		lines = append(lines, "  "+text)
	}
	return say(p.stdout, lines...)
}
