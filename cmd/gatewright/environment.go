package main

import (
	"fmt"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/models"
)

type environmentCmd struct {
	List   listEnvironmentsCmd `cmd:"" help:"List the environments with their public addresses."`
	SetURL setURLCmd           `cmd:"" name:"set-url" help:"Set where callers reach an environment. It is the issuer of its tokens: those issued before are refused from then on."`
}

type listEnvironmentsCmd struct {
	storeFlags
	logFlags
}

// Run prints a line per environment.
func (c *listEnvironmentsCmd) Run(p *process) error {
	return withStore(p, c.storeFlags, c.logFlags, func(store *models.Store) error {
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

type setURLCmd struct {
	Name string `arg:"" help:"Name of the environment, such as production."`
	URL  string `arg:"" help:"Address, such as https://api.example.com."`
	storeFlags
	logFlags
}

// Run changes the address; running nodes take it over at once.
func (c *setURLCmd) Run(p *process) error {
	return withStore(p, c.storeFlags, c.logFlags, func(store *models.Store) error {
		now, err := store.Environment(p.ctx, c.Name)
		if err != nil {
			return fmt.Errorf("environment %s: %w", c.Name, err)
		}
		now, err = store.SetPublicURL(p.ctx, models.Actor{Name: "command line"}, now.Name, now.Version, c.URL)
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
