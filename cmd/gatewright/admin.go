package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/localpg"
)

type migrateCmd struct {
	storeFlags
	logFlags
}

// Run applies the migrations; on the private database it starts it for that.
func (c *migrateCmd) Run(p *process) error {
	return withStore(p, c.storeFlags, c.logFlags, func(store *models.Store) error {
		if err := store.Migrate(p.ctx); err != nil {
			return err
		}
		_, err := fmt.Fprintln(p.stdout, "The schema is up to date.")
		return err
	})
}

type resetPasswordCmd struct {
	Name string `arg:"" help:"Name of the user, such as admin."`
	storeFlags
	logFlags
}

// Run replaces the password.
func (c *resetPasswordCmd) Run(p *process) error {
	return withStore(p, c.storeFlags, c.logFlags, func(store *models.Store) error {
		password, err := store.ResetPassword(p.ctx, commandLine, c.Name)
		if err != nil {
			return fmt.Errorf("user %s: %w", c.Name, err)
		}
		_, err = fmt.Fprintf(p.stdout, "New password of %s: %s\n", c.Name, password.Reveal())
		return err
	})
}

type listUsersCmd struct {
	storeFlags
	logFlags
}

// Run prints a line per user.
func (c *listUsersCmd) Run(p *process) error {
	return withStore(p, c.storeFlags, c.logFlags, func(store *models.Store) error {
		users, err := store.Users(p.ctx)
		if err != nil {
			return err
		}
		for _, u := range users {
			if _, err := fmt.Fprintf(p.stdout, "%s\t%s\n", u.Name, u.Role); err != nil {
				return err
			}
		}
		return nil
	})
}

// withStore runs a command on the store. Beside a running serve it attaches
// to that process's private database.
func withStore(p *process, f storeFlags, lf logFlags, do func(*models.Store) error) error {
	dir, err := f.dir()
	if err != nil {
		return err
	}
	if _, err := os.Stat(dir); f.DatabaseURL == "" && err != nil {
		return fmt.Errorf("--data-dir: there is no installation at %s", dir)
	}
	logger := lf.logger(p.stderr)
	sealer, err := f.sealer(dir)
	if err != nil {
		return err
	}
	url := f.DatabaseURL
	if url == "" {
		pg, err := localpg.Start(p.ctx, localpg.Options{Dir: dir, Logger: logger})
		if err != nil {
			return fmt.Errorf("embedded database: %w", err)
		}
		defer func() { _ = pg.Stop(context.Background()) }()
		url = pg.URL()
	}
	store, err := models.Open(p.ctx, url, models.Options{Sealer: sealer, Types: policyTypes(), Identities: identityKinds(), Logger: logger, Now: time.Now})
	if err != nil {
		return err
	}
	defer store.Close()
	return do(store)
}
