package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/archive"
)

// kindWords are the kinds as a command line spells them.
var kindWords = map[string]archive.Kind{
	"variable": archive.KindVariable, "role": archive.KindRole, "identity-source": archive.KindIdentitySource, "policy": archive.KindPolicy,
	"policy-group": archive.KindPolicyGroup, "proxy": archive.KindProxy, "proxy-group": archive.KindProxyGroup,
}

// objectNamed reads "proxy/orders".
func objectNamed(text string) (archive.Ref, error) {
	word, name, ok := strings.Cut(text, "/")
	kind, known := kindWords[word]
	if !ok || !known || name == "" {
		return archive.Ref{}, fmt.Errorf("%q: write kind/name, such as proxy/orders; the kinds are variable, role, identity-source, policy, policy-group, proxy and proxy-group", text)
	}
	return archive.Ref{Kind: kind, Name: name}, nil
}

// passphraseSetting is the variable with the passphrase of a package.
const passphraseSetting = "GATEWRIGHT_PASSPHRASE"

// passphraseFlags say where the passphrase of a package is. It is no flag itself:
// everybody on the machine sees those.
type passphraseFlags struct {
	PassphraseFile string `help:"File with the passphrase that protects the package. Without one, $GATEWRIGHT_PASSPHRASE is taken." placeholder:"FILE"`
}

func (f passphraseFlags) passphrase(p *process) (secret.Text, error) {
	if f.PassphraseFile == "" {
		for _, kv := range p.environ {
			if name, value, _ := strings.Cut(kv, "="); name == passphraseSetting {
				return secret.New(value), nil
			}
		}
		return secret.Text{}, nil
	}
	text, err := secretIn(f.PassphraseFile)
	if err == nil && text.IsZero() {
		err = errors.New("the file is empty")
	}
	if err != nil {
		return secret.Text{}, fmt.Errorf("--passphrase-file: %w", err)
	}
	return text, nil
}

// secretIn is what a file holds, without the end of its last line.
func secretIn(path string) (secret.Text, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return secret.Text{}, err
	}
	return secret.New(strings.TrimRight(string(raw), "\r\n")), nil
}

type exportCmd struct {
	Objects        []string `arg:"" optional:"" help:"Objects as kind/name, such as proxy/orders or policy/Company."`
	Project        string   `help:"Project to export from." required:"" placeholder:"NAME"`
	All            bool     `env:"-" help:"Export every object of the project."`
	NoDependencies bool     `env:"-" help:"Leave out what the objects name."`
	Output         string   `short:"o" env:"-" help:"File to write, or - for the standard output." required:"" placeholder:"FILE"`
	passphraseFlags
	asFlags
	storeFlags
	logFlags
}

// Run writes the package; nothing is written when any of it is refused.
func (c *exportCmd) Run(p *process) error {
	selection, err := c.selection()
	if err != nil {
		return err
	}
	passphrase, err := c.passphrase(p)
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
		if err := who.needs(visit.Exchange); err != nil {
			return err
		}
		pack, err := store.Export(p.ctx, project.ID, selection)
		if err != nil {
			return err
		}
		if err := who.exports(pack); err != nil {
			return err
		}
		raw, err := packed(p, pack, passphrase)
		if err != nil {
			return err
		}
		if err := c.write(p, raw); err != nil {
			return err
		}
		return c.report(p, store, pack)
	})
}

func (c *exportCmd) selection() (models.ExportSelection, error) {
	s := models.ExportSelection{All: c.All, Dependencies: !c.NoDependencies}
	if c.All == (len(c.Objects) > 0) {
		return s, errors.New("name the objects to export as kind/name, or give --all")
	}
	for _, text := range c.Objects {
		ref, err := objectNamed(text)
		if err != nil {
			return s, err
		}
		s.Refs = append(s.Refs, ref)
	}
	return s, nil
}

func packed(p *process, pack archive.Package, passphrase secret.Text) ([]byte, error) {
	var b bytes.Buffer
	if err := archive.Write(&b, pack); err != nil {
		return nil, err
	}
	if passphrase.IsZero() {
		return b.Bytes(), nil
	}
	return archive.Seal(p.ctx, b.Bytes(), passphrase)
}

// write keeps the file to its owner: a package says how an installation is made.
func (c *exportCmd) write(p *process, raw []byte) error {
	if c.Output == "-" {
		_, err := p.stdout.Write(raw)
		return err
	}
	return os.WriteFile(c.Output, raw, 0o600)
}

func (c *exportCmd) report(p *process, store *models.Store, pack archive.Package) error {
	out, where := p.stdout, " to "+c.Output
	if c.Output == "-" {
		out, where = p.stderr, ""
	}
	lines := append([]string{fmt.Sprintf("Exported %s of %s%s.", objects(len(pack.Objects)), c.Project, where)}, store.PackageNotes(pack)...)
	return say(out, lines...)
}

func objects(n int) string {
	if n == 1 {
		return "1 object"
	}
	return fmt.Sprintf("%d objects", n)
}

func say(out io.Writer, lines ...string) error {
	for _, line := range lines {
		if _, err := fmt.Fprintln(out, line); err != nil {
			return err
		}
	}
	return nil
}

func projectNamed(p *process, store *models.Store, name string) (models.Project, error) {
	project, err := store.Project(p.ctx, name)
	if errors.Is(err, models.ErrNotFound) {
		return project, fmt.Errorf("--project: there is no project %q", name)
	}
	return project, err
}
