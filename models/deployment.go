package models

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/problem"
)

// DeployState says how what is edited stands to what runs. It is decided by
// comparing digests, never stored (D5): editing back makes it LIVE again.
type DeployState string

// The states of a proxy in an environment.
const (
	// NotDeployed was never deployed there.
	NotDeployed DeployState = "NOT_DEPLOYED"
	// Live runs what is edited.
	Live DeployState = "LIVE"
	// RedeployRequired runs something else than is edited.
	RedeployRequired DeployState = "REDEPLOY_REQUIRED"
	// Undeployed was taken out.
	Undeployed DeployState = "UNDEPLOYED"
)

// Deployment is a proxy's state in one environment.
type Deployment struct {
	Environment, PublicURL string
	State                  DeployState
	// Revision is the number of the one that runs, 0 when none does.
	Revision int
	// DeployedAt and DeployedBy are of the last deploy or undeploy; zero when
	// there was none. Note is of the revision that runs.
	DeployedAt       time.Time
	DeployedBy, Note string
}

type deploymentRow struct {
	ProxyID       string `gorm:"primaryKey"`
	EnvironmentID string `gorm:"primaryKey"`
	RevisionID    *string
	UpdatedAt     time.Time `gorm:"autoUpdateTime:false"`
	UpdatedBy     string
}

// TableName implements gorm's schema.Tabler.
func (deploymentRow) TableName() string { return "deployments" }

// place is a deployment with its revision.
type place struct {
	ProxyID, EnvironmentID string
	RevisionID             *string
	Number                 int
	Digest, Note           string
	UpdatedAt              time.Time
	UpdatedBy              string
}

// addDeployments tells for each proxy and environment what runs there. Hosts,
// endpoints and bindings must be there already: the digest is made of them.
func addDeployments(ctx context.Context, db *gorm.DB, ids []string, proxies map[string]*Proxy) error {
	all, err := environments(ctx, db)
	if err != nil {
		return err
	}
	rows, err := query[place](ctx, db, `select d.proxy_id, d.environment_id, d.revision_id, d.updated_at, d.updated_by,
			coalesce(r.number, 0) as number, coalesce(r.digest, '') as digest, coalesce(r.note, '') as note
		from deployments d left join revisions r on r.id = d.revision_id where d.proxy_id in ?`, ids)
	if err != nil {
		return fmt.Errorf("list deployments: %w", err)
	}
	places := make(map[[2]string]place, len(rows))
	for _, r := range rows {
		places[[2]string{r.ProxyID, r.EnvironmentID}] = r
	}
	known, err := resolverFor(ctx, db, proxies)
	if err != nil {
		return err
	}
	for id, p := range proxies {
		digests := map[string]string{}
		for _, e := range all {
			at, deployed := places[[2]string{id, e.ID}]
			d, err := deployment(e, at, deployed, func() (string, error) { return p.draftDigest(known, e.ID, digests) })
			if err != nil {
				return err
			}
			p.Deployments = append(p.Deployments, d)
		}
	}
	return nil
}

func deployment(e environmentRow, at place, deployed bool, draft func() (string, error)) (Deployment, error) {
	d := Deployment{Environment: e.Name, PublicURL: e.PublicURL, State: NotDeployed}
	if !deployed {
		return d, nil
	}
	d.Revision, d.Note, d.DeployedAt, d.DeployedBy = at.Number, at.Note, at.UpdatedAt.UTC(), at.UpdatedBy
	if at.RevisionID == nil {
		d.State = Undeployed
		return d, nil
	}
	digest, err := draft()
	if err != nil {
		return d, err
	}
	d.State = RedeployRequired
	if digest == at.Digest {
		d.State = Live
	}
	return d, nil
}

// frozen is what a deploy of a proxy freezes, with its digest. Wrong is what
// keeps it from being deployed to the environment: its conditions and templates
// refer to what is not there.
type frozen struct {
	raw    json.RawMessage
	digest string
	wrong  problem.List
}

// draft is what a deploy of the proxy, read whole, to an environment would
// freeze.
func (p *Proxy) draft(known *resolver, environmentID string) (f frozen, err error) {
	d := engine.Proxy{Project: p.ProjectName, Name: p.Name, ClientID: p.ClientID, Route: p.Route, Upstream: p.Upstream, ErrorTemplates: p.activeTemplates()}
	values := known.values(environmentID)
	f.wrong.Append("errorTemplates", values.fill(bodyTemplates(d.ErrorTemplates)))
	endpoints := make(map[string]*engine.APIEndpoint, len(p.Endpoints))
	for _, e := range p.Endpoints {
		d.Endpoints = append(d.Endpoints, engine.APIEndpoint{Method: e.Method, Path: e.Path})
		endpoints[e.ID] = &engine.APIEndpoint{Method: e.Method, Path: e.Path}
	}
	for i, b := range p.Bindings {
		raw, wrong, err := known.encode(b.Policy.Config, p.ProjectID, environmentID)
		if err != nil {
			return f, err
		}
		wrong = append(wrong, values.fill(templatesOf(&b.Policy.Config.Base().Custom))...)
		f.wrong.Append(fmt.Sprintf("policies[%d]", i), wrong)
		d.Policies = append(d.Policies, engine.Bound{Scope: b.Scope, Endpoint: endpoints[b.EndpointID], Pipeline: b.Pipeline, Policy: raw})
	}
	d.Values = values.used
	f.raw, f.digest, err = engine.Encode(&d)
	return f, err
}

// activeTemplates leaves out what is kept and off: it changes nothing that runs.
func (p *Proxy) activeTemplates() *fault.Bodies {
	if p.ErrorTemplates == nil {
		return nil
	}
	on := *p.ErrorTemplates
	if !on.JSON.Enabled {
		on.JSON = fault.Body{}
	}
	if !on.XML.Enabled {
		on.XML = fault.Body{}
	}
	if on.Empty() {
		return nil
	}
	return &on
}

// draftDigest makes as few drafts as there are different ones: one for all
// environments where neither a condition nor a template refers to their values.
func (p *Proxy) draftDigest(known *resolver, environmentID string, made map[string]string) (string, error) {
	key := ""
	if known.perEnvironment {
		key = environmentID
	}
	if made[key] == "" {
		f, err := p.draft(known, environmentID)
		if err != nil {
			return "", err
		}
		made[key] = f.digest
	}
	return made[key], nil
}

// Draft is what a deploy of the proxy to an environment would freeze now, and
// its digest.
func (s *Store) Draft(ctx context.Context, proxyID, environment string) (json.RawMessage, string, error) {
	var f frozen
	err := s.look(ctx, func(tx *gorm.DB) error {
		e, err := environmentNamed(ctx, tx, environment)
		if err != nil {
			return err
		}
		p, err := s.anyProxy(ctx, tx, proxyID)
		if err != nil {
			return err
		}
		known, err := resolverFor(ctx, tx, map[string]*Proxy{p.ID: &p})
		if err != nil {
			return err
		}
		f, err = p.draft(known, e.ID)
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("draft proxy: %w", err)
	}
	return f.raw, f.digest, nil
}

// anyProxy reads a proxy whole, whatever its project.
func (s *Store) anyProxy(ctx context.Context, db *gorm.DB, id string) (Proxy, error) {
	if !isID(id) {
		return Proxy{}, ErrNotFound
	}
	row, err := found(from[proxyRow](db).Where("id = ?", id).Take(ctx))
	if err != nil {
		return Proxy{}, err
	}
	project, err := s.projectByID(ctx, db, row.ProjectID)
	if err != nil {
		return Proxy{}, err
	}
	return s.oneProxy(ctx, db, project.Name, row)
}
