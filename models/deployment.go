package models

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/policy"
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
	for id, p := range proxies {
		digest := sync.OnceValues(func() (string, error) { // once for all environments, and only where needed
			_, digest, err := p.draft()
			return digest, err
		})
		for _, e := range all {
			at, deployed := places[[2]string{id, e.ID}]
			d, err := deployment(e, at, deployed, digest)
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

// draft is what a deploy of the proxy, read whole, would freeze.
func (p *Proxy) draft() (json.RawMessage, string, error) {
	d := engine.Proxy{Project: p.ProjectName, Name: p.Name, ClientID: p.ClientID, Route: p.Route, Upstream: p.Upstream}
	endpoints := make(map[string]*engine.APIEndpoint, len(p.Endpoints))
	for _, e := range p.Endpoints {
		d.Endpoints = append(d.Endpoints, engine.APIEndpoint{Method: e.Method, Path: e.Path})
		endpoints[e.ID] = &engine.APIEndpoint{Method: e.Method, Path: e.Path}
	}
	for _, b := range p.Bindings {
		raw, err := policy.Encode(b.Policy.Config)
		if err != nil {
			return nil, "", err
		}
		d.Policies = append(d.Policies, engine.Bound{Scope: b.Scope, Endpoint: endpoints[b.EndpointID], Pipeline: b.Pipeline, Policy: raw})
	}
	return d.Encode()
}

// Draft is what a deploy of the proxy would freeze now, and its digest.
func (s *Store) Draft(ctx context.Context, proxyID string) (json.RawMessage, string, error) {
	var raw json.RawMessage
	var digest string
	err := s.look(ctx, func(tx *gorm.DB) error {
		p, err := s.anyProxy(ctx, tx, proxyID)
		if err != nil {
			return err
		}
		raw, digest, err = p.draft()
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("draft proxy: %w", err)
	}
	return raw, digest, nil
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
