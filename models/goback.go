package models

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/fault"
	"github.com/gatewright/gatewright/engine/issue"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/secret"
	"github.com/gatewright/gatewright/models/archive"
)

// The versions of an object that a record can hold.
const (
	SideBefore = "before"
	SideAfter  = "after"
)

// Return is an object on its way back to a version of a record (reference 8).
type Return struct {
	Record AuditRecord
	Side   string
	// Name is the one that it has today or, where it is gone, had then.
	Name string
	// Exists tells that it is there, at Version. What is gone is made anew.
	Exists  bool
	Version int
	// Before and After are what its record says, or would say.
	Before, After json.RawMessage
	// Secrets are those that have to be given, as none are kept.
	Secrets []PackageSecret
	// KeyPair is that of an owner that was made anew, nil for none.
	KeyPair *PackageKeyPair
}

// goesBack are the kinds that can, and what they are in a package: what has none
// belongs to no project.
var goesBack = map[string]archive.Kind{
	KindPolicy: archive.KindPolicy, KindProxy: archive.KindProxy, KindProxyGroup: archive.KindProxyGroup, KindPolicyGroup: archive.KindPolicyGroup,
	KindIdentitySource: archive.KindIdentitySource, KindVariable: archive.KindVariable, KindRole: archive.KindRole, KindErrorMessage: "", KindSettings: "",
}

// version is what a side of a record holds.
func (r *AuditRecord) version(side string) json.RawMessage {
	switch side {
	case SideBefore:
		return r.Before
	case SideAfter:
		return r.After
	}
	return nil
}

// Keeps says why the object cannot go back to a side of the record, "" when it
// can as far as the record goes.
func (r *AuditRecord) Keeps(side string) string {
	_, known := goesBack[r.Kind]
	written := slices.Contains([]string{ActionCreated, ActionUpdated, ActionDeleted}, r.Action)
	raw := r.version(side)
	switch {
	case !known || r.Kind == KindSettings && r.ObjectID != tokenManagementKey:
		return "Objects of this kind do not go back to earlier versions."
	case !written || len(raw) == 0:
		return "The record holds no version of the object on this side."
	}
	var o OwnerRecord
	if ownerKinds[goesBack[r.Kind]] != "" {
		if err := json.Unmarshal(raw, &o); err != nil || o.lacks() {
			return "The record is from before local policies were recorded with their owner, so that nothing can go back to it."
		}
	}
	var deleted deletedPolicy
	if r.Kind == KindPolicy && json.Unmarshal(raw, &deleted) == nil && deleted.LocalTo != "" {
		return fmt.Sprintf("It was a local policy of %s. It comes back with that: choose a record of %s.", deleted.LocalTo, deleted.LocalTo)
	}
	return ""
}

func (r *OwnerRecord) lacks() bool {
	return slices.ContainsFunc(r.Policies, func(b BindingRecord) bool { return !b.Global && len(b.Definition) == 0 })
}

// PlanGoBack tells what GoBack would do. It does it and takes it back, so that
// whatever a save refuses is refused here; then the error is a problem.List and
// the Return says which secrets would help.
func (s *Store) PlanGoBack(ctx context.Context, in Scope, id int64, side string) (Return, error) {
	w, err := s.returning(ctx, in, id, side, Actor{Name: "plan"})
	if err != nil {
		return Return{}, err
	}
	w.key = func() (keyPair, error) { return plannedKey(), nil }
	err = s.write(ctx, func(tx *gorm.DB) error {
		if err := w.find(ctx, tx); err != nil {
			return err
		}
		if err := w.run(ctx, tx); err != nil {
			return err
		}
		return errPlanned
	})
	if !errors.Is(err, errPlanned) {
		return w.Return, fmt.Errorf("plan going back: %w", err)
	}
	w.KeyPair = nil // of a plan
	return w.Return, nil
}

// GoBack writes the version of a record over its object, as it was read at
// version; 0 makes what is gone anew. It is saved as the console saves it (D20),
// and the record of that names this one. An identity source keeps the secrets
// that it has; those that it lacks can be given.
func (s *Store) GoBack(ctx context.Context, by Actor, in Scope, id int64, side string, version int, secrets map[string]secret.Text) (Return, error) {
	w, err := s.returning(ctx, in, id, side, by)
	if err != nil {
		return Return{}, err
	}
	w.Exists, w.Version, w.given = version > 0, version, secrets
	var key keyPair
	if ownerKinds[goesBack[w.Record.Kind]] != "" && !w.Exists {
		if key, err = newKeyPair(ctx); err != nil { // hashing takes its time, which no transaction should
			return Return{}, err
		}
	}
	w.key = func() (keyPair, error) { return key, nil }
	if err := s.write(ctx, func(tx *gorm.DB) error { return w.run(ctx, tx) }); err != nil {
		return w.Return, fmt.Errorf("go back: %w", err)
	}
	return w.Return, nil
}

// returning is a Return with what is needed to carry it out.
type returning struct {
	Return
	s       *Store
	by      Actor
	project Project
	given   map[string]secret.Text
	key     func() (keyPair, error)
}

func (s *Store) returning(ctx context.Context, in Scope, id int64, side string, by Actor) (*returning, error) {
	r, err := s.AuditRecord(ctx, in, id)
	if err != nil {
		return nil, err
	}
	if why := r.Keeps(side); why != "" {
		return nil, problem.List{{Message: why}}
	}
	w := &returning{Return: Return{Record: r, Side: side, Name: r.ObjectName}, s: s, by: by}
	if goesBack[r.Kind] != "" {
		if w.project, err = s.Project(ctx, r.Project); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// find reads what the object is today.
func (w *returning) find(ctx context.Context, tx *gorm.DB) error {
	var err error
	switch w.Record.Kind {
	case KindErrorMessage:
		var m ErrorMessage
		m, err = errorMessage(ctx, tx, fault.Type(w.Record.ObjectID))
		w.Exists, w.Version = true, m.Version
	case KindSettings:
		var m Settings[issue.Management]
		m, err = tokenManagement(ctx, tx)
		w.Exists, w.Version = true, m.Version
	default:
		var x Whereabouts
		x, err = findObject(ctx, tx, w.Record.Kind, w.Record.ObjectID)
		if isNotFound(err) {
			w.Exists, w.Version, err = false, 0, nil
		} else if err == nil {
			w.Name, w.Exists, w.Version = x.Name, true, x.Version
		}
	}
	return err
}

// run writes the version, and reads what was recorded of that.
func (w *returning) run(ctx context.Context, tx *gorm.DB) error {
	aftermathOf(tx).backTo = w.Record.ID
	last, err := query[int64](ctx, tx, "select coalesce(max(id), 0) from audit_records")
	if err != nil {
		return err
	}
	if err := w.save(ctx, tx); err != nil {
		return err
	}
	rows, err := from[auditRow](tx).Where("id > ? and kind = ?", last[0], w.Record.Kind).Order("id desc").Limit(1).Find(ctx)
	if err == nil && len(rows) > 0 {
		w.Before, w.After = json.RawMessage(rows[0].Before), json.RawMessage(rows[0].After)
	}
	return err
}

func (w *returning) save(ctx context.Context, tx *gorm.DB) error {
	raw := w.Record.version(w.Side)
	switch w.Record.Kind {
	case KindErrorMessage:
		var m fault.Message
		if err := json.Unmarshal(raw, &m); err != nil {
			return fmt.Errorf("read error message of a record: %w", err)
		}
		_, err := w.s.saveErrorMessage(ctx, tx, w.by, w.Version, m)
		return err
	case KindSettings:
		m := issue.DefaultManagement() // a setting that is new since then has its default
		if err := json.Unmarshal(raw, &m); err != nil {
			return fmt.Errorf("read settings of a record: %w", err)
		}
		return w.s.returnTokenManagement(ctx, tx, w.by, w.Version, m)
	}
	return w.saveObject(ctx, tx, raw)
}

// saveObject takes the way of an object of a package, which is the way of every
// save.
func (w *returning) saveObject(ctx context.Context, tx *gorm.DB, raw json.RawMessage) error {
	o, err := objectOf(w.Record.Kind, raw)
	if err != nil {
		return fmt.Errorf("read object of a record: %w", err)
	}
	ref := o.Base().Ref()
	i, err := w.s.incoming(ctx, tx, w.by, w.project.ID, PackageChoices{ref.Key(): {Secrets: w.given}})
	if err != nil {
		return err
	}
	i.key = w.key
	var found stored
	if w.Exists {
		found = stored{ID: w.Record.ObjectID, Name: w.Name, Version: w.Version}
	}
	arrival, err := i.arrival(ctx, o, PackageLine{Ref: ref, Name: ref.Name, Exists: w.Exists, BasePath: basePath(o)})
	if err != nil {
		return told(err)
	}
	w.Secrets = arrival.secrets
	if err := arrival.save(found); err != nil {
		if len(problem.Of(err)) > 0 {
			w.Secrets = arrival.kindSecrets
		}
		return told(raced(ref.Kind, err))
	}
	if len(i.result.KeyPairs) > 0 {
		w.KeyPair = &i.result.KeyPairs[0]
	}
	if i.sources {
		return raiseAll(ctx, tx)
	}
	return nil
}

// told says of what a version names that it is gone: there is no package here.
func told(err error) error {
	l := problem.Of(err)
	if len(l) == 0 {
		return err
	}
	l = slices.Clone(l)
	for i := range l {
		l[i].Message = strings.Replace(l[i].Message, "is neither in the package nor in the project.", "is gone, or has another name now.", 1)
	}
	return l
}

// objectOf makes an object of a package of what a record holds.
func objectOf(kind string, raw json.RawMessage) (archive.Object, error) {
	common := func(name string) archive.Common { return archive.Common{Kind: goesBack[kind], Name: name} }
	switch kind {
	case KindVariable:
		var v condition.Variable
		err := json.Unmarshal(raw, &v)
		return &archive.Variable{Common: common(v.Name), Variable: v}, err
	case KindRole:
		var r roleRecord
		err := json.Unmarshal(raw, &r)
		return &archive.Role{Common: common(r.Name), Description: r.Description}, err
	case KindIdentitySource:
		var r sourceRecord
		err := json.Unmarshal(raw, &r)
		source := &archive.IdentitySource{Common: common(nameIn(r.Source)), Definition: r.Source}
		for name := range r.Secrets {
			source.Secrets = append(source.Secrets, name)
		}
		return source, err
	case KindPolicy:
		var r deletedPolicy
		err := json.Unmarshal(raw, &r)
		if r.Policy != nil {
			raw = r.Policy
		}
		return &archive.Policy{Common: common(nameIn(raw)), Policy: raw}, err
	}
	var r OwnerRecord
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, err
	}
	return r.object(common(r.Name)), nil
}

func nameIn(raw json.RawMessage) string {
	var named struct{ Name string }
	_ = json.Unmarshal(raw, &named) // what it is no name of is refused by the save
	return named.Name
}

// object is the owner as a package would have it.
func (r *OwnerRecord) object(common archive.Common) archive.Object {
	var bindings []archive.Binding
	var slots []archive.Slot
	for _, b := range r.Policies {
		line := archive.Binding{Scope: b.Scope, Endpoint: b.Endpoint, Pipeline: b.Pipeline, Group: b.Group, Policy: b.Definition}
		if b.Global && b.Group == "" {
			line.Global = b.Policy
		}
		bindings, slots = append(bindings, line), append(slots, archive.Slot{Global: line.Global, Policy: line.Policy})
	}
	switch common.Kind {
	case archive.KindPolicyGroup:
		return &archive.PolicyGroup{
			Common: common, Description: r.Description, Active: orZeroOf(r.Active), Pipeline: r.Pipeline, Order: orZeroOf(r.Order),
			MakeDefault: orZeroOf(r.MakeDefault), Policies: slots,
		}
	case archive.KindProxyGroup:
		return &archive.ProxyGroup{
			Common: common, Description: r.Description, Route: orZeroOf(r.Route), BlockDirectAccess: orZeroOf(r.BlockDirectAccess),
			ErrorTemplates: r.ErrorTemplates, Members: r.Members, Bindings: bindings,
		}
	}
	p := &archive.Proxy{Common: common, Description: r.Description, Route: orZeroOf(r.Route), Upstream: orZeroOf(r.Upstream), ErrorTemplates: r.ErrorTemplates, Bindings: bindings}
	for _, e := range r.Endpoints {
		p.Endpoints = append(p.Endpoints, archive.Endpoint{Method: e.Method, Path: e.Path, Description: e.Description})
	}
	return p
}

// orZeroOf is what p points to; the zero value where a record has none.
func orZeroOf[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
