package console

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/handlers/words"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/audit"
	weberrors "github.com/gatewright/gatewright/web/errors"
	webidentity "github.com/gatewright/gatewright/web/identity"
	"github.com/gatewright/gatewright/web/policies"
	"github.com/gatewright/gatewright/web/tokens"
)

// changed sets both sides of a record beside each other in words.
func (c *Console) changed(kind string, before, after json.RawMessage) ([]audit.Change, error) {
	was, err := c.said(kind, before)
	if err != nil {
		return nil, err
	}
	is, err := c.said(kind, after)
	return audit.Compare(was, is), err
}

// said says a side of a record as the forms and pages of its kind would. What
// this version cannot read any more is said field by field.
func (c *Console) said(kind string, raw json.RawMessage) ([]policies.Setting, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	tell := map[string]func(json.RawMessage) ([]policies.Setting, error){
		models.KindPolicy: c.sayPolicy, models.KindIdentitySource: c.saySource, models.KindVariable: sayVariable,
		models.KindProxy: c.sayOwner(kind), models.KindProxyGroup: c.sayOwner(kind), models.KindPolicyGroup: c.sayOwner(kind),
	}[kind]
	if tell != nil {
		if list, err := tell(raw); err == nil && list != nil {
			return list, nil
		}
	}
	return auditTerms(kind).Say(raw)
}

// sayPolicy reads what was deleted too, with the places it was taken from.
func (c *Console) sayPolicy(raw json.RawMessage) ([]policies.Setting, error) {
	var deleted struct {
		Policy       json.RawMessage `json:"policy"`
		DetachedFrom []struct {
			Owner, Endpoint, Pipeline string
			Position                  int
		} `json:"detachedFrom"`
	}
	if err := json.Unmarshal(raw, &deleted); err != nil {
		return nil, err
	}
	if deleted.Policy != nil {
		raw = deleted.Policy
	}
	list, err := words.PolicySettings(c.types, raw)
	for _, d := range deleted.DetachedFrom {
		where := strings.ToLower(d.Pipeline) + " lane for all endpoints"
		if d.Endpoint != "" {
			where = strings.ToLower(d.Pipeline) + " lane of " + d.Endpoint
		}
		list = append(list, policies.Setting{Section: "Was bound in", Label: d.Owner, Text: fmt.Sprintf("%s, place %d", where, d.Position)})
	}
	return list, err
}

func (c *Console) saySource(raw json.RawMessage) ([]policies.Setting, error) {
	var r struct {
		Source  json.RawMessage   `json:"source"`
		Secrets map[string]string `json:"secrets"`
	}
	if err := json.Unmarshal(raw, &r); err != nil || r.Source == nil {
		return nil, err
	}
	config, err := c.identities.Decode(r.Source)
	if err != nil {
		return nil, err
	}
	kind, _ := c.identities.Find(config.Base().Kind) // Decode found it
	form := sourceForm(kind)
	if form == nil {
		return nil, nil
	}
	list := webidentity.SettingsOf(form, webidentity.Write(form, config))
	for _, f := range kind.Secrets {
		list = append(list, policies.Setting{Section: "Secrets", Label: f.Label, Text: secretWords[r.Secrets[f.Name]]})
	}
	return list, nil
}

// secretWords say what a record knows of a secret so that one that stays reads
// the same on both sides.
var secretWords = map[string]string{"set": "Stored", "unchanged": "Stored", "changed": "Changed"}

func sayVariable(raw json.RawMessage) ([]policies.Setting, error) {
	var v condition.Variable
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil, err
	}
	name, description := v.Name, v.Description
	v.Name = "" // what is left reads as what it stands for
	return []policies.Setting{
		{Label: "Name", Text: name}, {Label: "Description", Text: description}, {Label: "Stands for", Text: v.Words()},
	}, nil
}

// sayOwner says an owner as it is compared before a deploy: its own settings,
// each lane in order, and the settings of its local policies. A record of a
// deploy has no policies and is said field by field.
func (c *Console) sayOwner(kind string) func(json.RawMessage) ([]policies.Setting, error) {
	return func(raw json.RawMessage) ([]policies.Setting, error) {
		var o models.OwnerRecord
		if err := json.Unmarshal(raw, &o); err != nil || o.Policies == nil {
			return nil, err
		}
		return append(ownerSettings(kind, o), c.sayLanes(o)...), nil
	}
}

func ownerSettings(kind string, o models.OwnerRecord) []policies.Setting {
	var list []policies.Setting
	switch kind {
	case engine.KindProxyGroup:
		list = append(words.ProxyGroupSettings(engine.ProxyGroup{Name: o.Name, Route: orZero(o.Route), BlockDirectAccess: orZero(o.BlockDirectAccess), ErrorTemplates: o.ErrorTemplates}),
			policies.Setting{Section: "Members", Label: "API proxies", Text: strings.Join(o.Members, ", ")})
	case engine.KindPolicyGroup:
		list = append(words.PolicyGroupSettings(engine.PolicyGroup{Name: o.Name, Active: orZero(o.Active)}),
			policies.Setting{Section: "Policy group", Label: "Pipeline", Text: audit.Words(string(o.Pipeline))},
			policies.Setting{Section: "Policy group", Label: "Order among groups", Text: strconv.Itoa(orZero(o.Order))},
			policies.Setting{Section: "Policy group", Label: "Given to every new proxy", Text: words.YesNo(orZero(o.MakeDefault))})
	default:
		list = proxyRecordSettings(o)
	}
	section := list[0].Section
	about := []policies.Setting{{Section: section, Label: "Description", Text: o.Description}, {Section: section, Label: "Client id", Text: o.ClientID, Code: true}}
	return append(slices.Insert(list, 1, about...), policies.Setting{Section: section, Label: "Version", Text: strconv.Itoa(o.Version)})
}

func proxyRecordSettings(o models.OwnerRecord) []policies.Setting {
	p := engine.Proxy{Name: o.Name, Route: orZero(o.Route), Upstream: orZero(o.Upstream), ErrorTemplates: o.ErrorTemplates}
	var about []policies.Setting
	for _, e := range o.Endpoints {
		p.Endpoints = append(p.Endpoints, engine.APIEndpoint{Method: e.Method, Path: e.Path})
		about = append(about, policies.Setting{Section: "Descriptions of endpoints", Label: e.Method + " " + e.Path, Text: e.Description})
	}
	return append(words.ProxySettings(p), about...)
}

// orZero is what p points to; the zero value where a record has none.
func orZero[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func (c *Console) sayLanes(o models.OwnerRecord) []policies.Setting {
	lanes := map[string][]string{}
	var order []string
	var local []policies.Setting
	for _, b := range o.Policies {
		lane := strings.ToLower(string(b.Pipeline)) + " lane"
		if b.Endpoint != "" {
			lane += " of " + b.Endpoint
		}
		name := cmp.Or(b.Policy, b.Group)
		if lanes[lane] == nil {
			order = append(order, lane)
		}
		lanes[lane] = append(lanes[lane], name)
		if list, err := words.PolicySettings(c.types, b.Definition); err == nil && len(b.Definition) > 0 {
			for _, s := range list {
				s.Section = "Local policy " + name + ", " + s.Section
				local = append(local, s)
			}
		}
	}
	var list []policies.Setting
	for _, lane := range order {
		list = append(list, policies.Setting{Section: "Policies in order", Label: strings.ToUpper(lane[:1]) + lane[1:], Text: strings.Join(lanes[lane], ", ")})
	}
	return append(list, local...)
}

// auditTerms are how people call the fields of a kind that has no words of its
// own.
func auditTerms(kind string) audit.Terms {
	t := audit.Terms{Labels: auditLabels, Rank: []string{"name", "username", "description", "type", "active", "enabled", "value", "state", "environment", "revision"}}
	switch kind {
	case models.KindErrorMessage, models.KindPolicy:
		t.Label = weberrors.AuditLabel
	case models.KindSettings:
		t.Labels = tokens.SettingLabels()
	}
	return t
}

// auditLabels are the names of fields as forms and pages have them.
var auditLabels = map[string]string{
	"clientId": "Client id", "publicUrl": "Public URL", "username": "Name", "password": "Secret", "expireDate": "Expires", "expireTime": "Expires",
	"passwordChangedAt": "Secret changed", "ipList": "Addresses", "ownIpList": "Addresses of its own", "roleNameList": "Roles", "metadata": "Metadata",
	"tokenSettings": "Token settings", "secretValue": "Secret value", "deniedMethods": "Methods that are refused", "proxy": "API", "kid": "Key id",
	"rotateEverySeconds": "Rotate every (seconds)", "publishAheadSeconds": "Publish ahead (seconds)", "retireAt": "Retires", "loginsEnded": "Logins that ended",
	"liveTokensEnded": "Live tokens that ended", "liveTokens": "Live tokens", "before": "Issued before", "loginType": "Signs in by", "mustChangePassword": "Must change the password",
	"absent": "Gone from the directory", "recheckMinutes": "Ask again after (minutes)",
	"colour": "Colour", "note": "Note", "digest": "Digest", "pinned": "Pinned", "permissions": "Permissions", "role": "Role", "fullName": "Full name",
}
