package models

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/keys"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/engine/secret"
)

// What the demo consists of (D23).
const (
	demoProject     = "Demo"
	demoProxy       = "echo"
	demoBasePath    = "/echo"
	demoPolicy      = "demo-jwt"
	demoEnvironment = "production"
)

// Demo is what is needed to call the demo's API.
type Demo struct {
	// Created is false when the demo was there already; the secret is then
	// empty, as only its hash is kept.
	Created               bool
	ClientID              string
	Secret                secret.Text
	Environment, BasePath string
	// Project and Proxy say where the console has it.
	Project, Proxy string
}

// InstallDemo adds a proxy to an echo upstream with a JWT policy bound to it
// and deploys it to production, all or nothing (D23). A proxy of that name in
// the project Demo means that it is installed; nothing that exists is touched.
func (s *Store) InstallDemo(ctx context.Context, upstreamURL string) (Demo, error) {
	key, err := newKeyPair(ctx)
	if err != nil {
		return Demo{}, err
	}
	d := Demo{Environment: demoEnvironment, BasePath: demoBasePath, Project: demoProject, Proxy: demoProxy}
	err = s.writeWithKeys(ctx, func(tx *gorm.DB, made newKeys) (err error) {
		d.Created, d.ClientID, err = s.installDemo(ctx, tx, upstreamURL, key, made)
		return err
	})
	if err != nil {
		return Demo{}, fmt.Errorf("install demo: %w", ownerRace(nameRace(err), engine.KindProxy))
	}
	if d.Created {
		d.Secret = key.secret
	}
	return d, nil
}

func (s *Store) installDemo(ctx context.Context, tx *gorm.DB, upstreamURL string, key keyPair, made newKeys) (created bool, clientID string, err error) {
	by := Actor{Name: "demo"}
	if _, err := s.ensureProject(ctx, tx, by, demoProject, "Created by --demo. Delete it whenever you like."); err != nil {
		return false, "", err
	}
	row, err := from[projectRow](tx).Where("lower(name) = lower(?)", demoProject).Take(ctx)
	if err != nil {
		return false, "", err
	}
	project := row.project()
	there, err := found(from[ownerRow](tx).Where("project_id = ? and kind <> 'POLICY_GROUP' and lower(name) = lower(?)", project.ID, demoProxy).Take(ctx))
	if !errors.Is(err, ErrNotFound) {
		return false, there.ClientID, err
	}
	p, err := s.createOwner(ctx, tx, by, project, Owner{
		Kind: engine.KindProxy, Name: demoProxy, Description: "Answers with the request that it received.",
		Route: engine.Route{BasePath: demoBasePath}, Upstream: engine.Upstream{URL: upstreamURL},
	}, key, func(row ownerRow) error { return bindDefaults(ctx, tx, row) })
	if err != nil {
		return false, "", err
	}
	if err := s.bindDemoPolicy(ctx, tx, by, project, p); err != nil {
		return false, "", err
	}
	_, err = s.deploy(ctx, tx, by, order{project: project, ownerID: p.ID, environment: demoEnvironment, note: "Demo"}, made)
	return true, p.ClientID, err
}

// bindDemoPolicy binds the policy of that name, and creates it where there is
// none.
func (s *Store) bindDemoPolicy(ctx context.Context, tx *gorm.DB, by Actor, project Project, p Owner) error {
	row, err := found(from[policyRow](tx).
		Where("project_id = ? and owner_id is null and lower(name) = lower(?)", project.ID, demoPolicy).Take(ctx))
	if isNotFound(err) {
		row, err = s.createPolicy(ctx, tx, by, project, nil, demoConfig())
	}
	if err != nil {
		return err
	}
	_, err = s.bind(ctx, tx, by, project, p, NewBinding{Scope: policy.All, Pipeline: policy.Request, PolicyID: row.ID})
	return err
}

func demoConfig() policy.Config {
	c := jwtauth.NewForm()
	c.Name = demoPolicy
	c.Description = "Issues tokens of 15 minutes and hands the client's id to the API."
	c.JWTSignatureAlgorithm = keys.ES256
	c.ClearAuth = true
	c.AddUserToHeader = true
	return c
}
