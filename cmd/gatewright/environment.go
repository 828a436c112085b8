package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
)

type environmentCmd struct {
	List   listEnvironmentsCmd  `cmd:"" help:"List the environments with their public addresses."`
	Create createEnvironmentCmd `cmd:"" help:"Create an environment. A node serves it once it is started with --gateway NAME=ADDRESS."`
	SetURL setURLCmd            `cmd:"" name:"set-url" help:"Set where callers reach an environment. It is the issuer of its tokens: those issued before are refused from then on."`
	Delete deleteEnvironmentCmd `cmd:"" help:"Delete an environment that no node serves, with what is deployed in it, its keys and its variables. Its tokens are worthless from then on."`
}

// commandLine is who the audit says it was.
var commandLine = models.Actor{Name: "command line"}

type listEnvironmentsCmd struct {
	asFlags
	storeFlags
	logFlags
}

// Run prints a line per environment.
func (c *listEnvironmentsCmd) Run(p *process) error {
	return c.within(p, c.storeFlags, c.logFlags, visit.ViewSystem, func(store *models.Store, _ models.Actor) error {
		environments, err := store.Environments(p.ctx)
		if err != nil {
			return err
		}
		for _, e := range environments {
			if _, err := fmt.Fprintf(p.stdout, "%s\t%s\t%s\n", e.Name, e.Type, e.PublicURL); err != nil {
				return err
			}
		}
		return nil
	})
}

type createEnvironmentCmd struct {
	Name        string `arg:"" help:"Name of the environment, such as staging. It cannot be changed later."`
	URL         string `arg:"" help:"Address where callers reach it, such as https://staging.example.com."`
	Type        string `help:"What it is for: production, test or sandbox." enum:"production,test,sandbox" default:"test"`
	Colour      string `help:"What marks it in the console: red, amber, green, blue, violet or none." enum:"none,red,amber,green,blue,violet" default:"none"`
	Description string `help:"What it is for, in words." placeholder:"TEXT"`
	asFlags
	storeFlags
	logFlags
}

// Run creates it and says what it still lacks.
func (c *createEnvironmentCmd) Run(p *process) error {
	return c.within(p, c.storeFlags, c.logFlags, visit.ManageSystem, func(store *models.Store, by models.Actor) error {
		wanted := models.Environment{Name: c.Name, Type: strings.ToUpper(c.Type), PublicURL: c.URL, Description: c.Description}
		if c.Colour != "none" {
			wanted.Colour = models.Colour(c.Colour)
		}
		e, err := store.SaveEnvironment(p.ctx, by, wanted)
		if l := problem.Of(err); l != nil {
			return inWords(c.Name, l)
		}
		if err != nil {
			return err
		}
		lacks, err := store.MissingValues(p.ctx, e.Name)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(p.stdout, "%s is there and reached at %s. Start a node with --gateway '%s=:8081' to serve it.\n", e.Name, e.PublicURL, e.Name); err != nil {
			return err
		}
		for _, v := range lacks {
			if _, err := fmt.Fprintf(p.stdout, "It lacks the variable %s, which the error catalogue names for %v.\n", v.Name, v.Types); err != nil {
				return err
			}
		}
		return nil
	})
}

// inWords is what is wrong with an environment, for a terminal.
func inWords(name string, l problem.List) error {
	var words []string
	for _, p := range l {
		words = append(words, p.Message)
	}
	return fmt.Errorf("environment %s: %s", name, strings.Join(words, " "))
}

type setURLCmd struct {
	Name string `arg:"" help:"Name of the environment, such as production."`
	URL  string `arg:"" help:"Address, such as https://api.example.com."`
	asFlags
	storeFlags
	logFlags
}

// Run changes the address; running nodes take it over at once.
func (c *setURLCmd) Run(p *process) error {
	return c.within(p, c.storeFlags, c.logFlags, visit.ManageSystem, func(store *models.Store, by models.Actor) error {
		now, err := store.Environment(p.ctx, c.Name)
		if err != nil {
			return fmt.Errorf("environment %s: %w", c.Name, err)
		}
		now, err = store.SetPublicURL(p.ctx, by, now.Name, now.Version, c.URL)
		if msg := problem.Of(err).For("publicUrl"); msg != "" {
			return fmt.Errorf("%s: %s", c.URL, msg)
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(p.stdout, "%s is reached at %s, which its tokens now name as their issuer.\n", now.Name, now.PublicURL)
		return err
	})
}

type deleteEnvironmentCmd struct {
	Name string `arg:"" help:"Name of the environment, such as staging."`
	Yes  bool   `help:"Delete it. Without this, what would go along is printed and nothing is changed."`
	asFlags
	storeFlags
	logFlags
}

// Run says what goes along, and deletes when it was told to.
func (c *deleteEnvironmentCmd) Run(p *process) error {
	return c.within(p, c.storeFlags, c.logFlags, visit.ManageSystem, func(store *models.Store, by models.Actor) error {
		e, err := store.Environment(p.ctx, c.Name)
		if err != nil {
			return fmt.Errorf("environment %s: %w", c.Name, err)
		}
		if !c.Yes {
			return c.preview(p, store, e)
		}
		gone, err := store.DeleteEnvironment(p.ctx, by, e.ID, e.Version)
		if l := problem.Of(err); l != nil {
			return inWords(e.Name, l)
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(p.stdout, "%s is deleted, with %s.\n", e.Name, contents(gone))
		return err
	})
}

func (c *deleteEnvironmentCmd) preview(p *process, store *models.Store, e models.Environment) error {
	kept, err := store.EnvironmentKept(p.ctx, e.Name)
	if err != nil {
		return err
	}
	if kept != "" {
		return errors.New(kept)
	}
	u, err := store.EnvironmentUse(p.ctx, e.Name)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "%s has %s. Nothing was changed; repeat with --yes to delete it all.\n", e.Name, contents(u))
	return err
}

// contents are in numbers what goes with an environment.
func contents(u models.EnvironmentUse) string {
	return fmt.Sprintf("what it runs: %d, revisions: %d, keys: %d, variables: %d, logins: %d, live tokens: %d",
		len(u.Deployed), u.Revisions, u.Keys, u.Variables, u.Logins, u.Live.Total)
}
