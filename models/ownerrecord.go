package models

import (
	"context"
	"encoding/json"
	"fmt"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/policy"
)

// OwnerRecord is an owner in the audit. It leaves out what its kind has not.
type OwnerRecord struct {
	Name              string           `json:"name"`
	Description       string           `json:"description"`
	ClientID          string           `json:"clientId"`
	Route             *engine.Route    `json:"route,omitempty"`
	Upstream          *engine.Upstream `json:"upstream,omitempty"`
	BlockDirectAccess *bool            `json:"blockDirectAccess,omitempty"`
	Members           []string         `json:"members,omitempty"`
	Active            *bool            `json:"active,omitempty"`
	Pipeline          policy.Pipeline  `json:"pipeline,omitempty"`
	Order             *int             `json:"order,omitempty"`
	MakeDefault       *bool            `json:"makeDefault,omitempty"`
	ErrorTemplates    *fault.Bodies    `json:"errorTemplates,omitempty"`
	Endpoints         []EndpointRecord `json:"endpoints,omitempty"`
	Policies          []BindingRecord  `json:"policies"`
	Version           int              `json:"version"`
}

// EndpointRecord is an endpoint of a proxy in the audit.
type EndpointRecord struct {
	Method      string `json:"method"`
	Path        string `json:"path"`
	Description string `json:"description,omitempty"`
}

// BindingRecord is what is bound in a lane of an owner, in the audit.
type BindingRecord struct {
	Policy   string          `json:"policy,omitempty"`
	Group    string          `json:"policyGroup,omitempty"`
	Global   bool            `json:"global"`
	Pipeline policy.Pipeline `json:"pipeline"`
	Scope    policy.Scope    `json:"scope"`
	Endpoint string          `json:"endpoint,omitempty"`
	Position int             `json:"position"`
	// Definition is that of a local policy, so that it can come back with its
	// owner. Records from before there was a way back have none.
	Definition json.RawMessage `json:"definition,omitempty"`
}

func (o *Owner) audited() (r OwnerRecord, err error) {
	r = OwnerRecord{Name: o.Name, Description: o.Description, ClientID: o.ClientID, ErrorTemplates: o.ErrorTemplates, Policies: []BindingRecord{}, Version: o.Version}
	switch o.Kind {
	case engine.KindPolicyGroup:
		r.Active, r.Pipeline, r.Order, r.MakeDefault = &o.Active, o.Pipeline, &o.Rank, &o.MakeDefault
	case engine.KindProxyGroup:
		r.Route, r.BlockDirectAccess = &o.Route, &o.BlockDirectAccess
	default:
		r.Route, r.Upstream = &o.Route, &o.Upstream
	}
	for _, m := range o.Members {
		r.Members = append(r.Members, m.Name)
	}
	operations := make(map[string]string)
	for _, e := range o.Endpoints {
		r.Endpoints = append(r.Endpoints, EndpointRecord{Method: e.Method, Path: e.Path, Description: e.Description})
		operations[e.ID] = e.Method + " " + e.Path
	}
	for _, b := range o.Bindings {
		line := BindingRecord{Global: b.Shared(), Pipeline: b.Pipeline, Scope: b.Scope, Endpoint: operations[b.EndpointID], Position: b.Position}
		if b.Group != nil {
			line.Group = b.Group.Name
		} else {
			line.Policy = b.Policy.Name
		}
		if !b.Shared() {
			if line.Definition, err = policy.Encode(b.Policy.Config); err != nil {
				return r, fmt.Errorf("encode policy for the audit: %w", err)
			}
		}
		r.Policies = append(r.Policies, line)
	}
	return r, nil
}

func (s *Store) recordOwner(ctx context.Context, tx *gorm.DB, by Actor, action string, before, after *Owner) error {
	f := fact{action: action}
	for _, side := range []struct {
		owner *Owner
		to    *any
	}{{before, &f.before}, {after, &f.after}} {
		if side.owner == nil {
			continue
		}
		record, err := side.owner.audited()
		if err != nil {
			return err
		}
		f.kind, f.id, f.name, f.project, *side.to = side.owner.Kind, side.owner.ID, side.owner.Name, side.owner.ProjectName, record
	}
	return s.record(ctx, tx, by, f)
}
