package jwtauth

import (
	"slices"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/web/policies"
	"github.com/gatewright/gatewright/web/ui"
)

// service is a choice of an identity source: its kind and, for all but the built-in one, its name. Each kind has a name
// field of its own, so that trying another kind loses nothing.
type service struct {
	policies.Fields
	// kindField and nameField are the JSON names; the name of a source of LDAP is in the field nameField.LDAP.
	kindField, nameField string
	label, help, none    string // none is what choosing nothing means; "" when something must be chosen
	kinds                []identity.KindName
}

var allKinds = []identity.KindName{identity.SecretManager, identity.LDAP, identity.Database, identity.API}

var kindLabels = map[identity.KindName]string{
	identity.SecretManager: "Secret Manager", identity.LDAP: "LDAP", identity.Database: "Database", identity.API: "API",
}

func kindLabel(kind identity.KindName) string { return orElse(kindLabels[kind], string(kind)) }

// authentication is where users are checked.
func authentication(f policies.Fields) service {
	return service{
		Fields: f, kindField: "authenticationType", nameField: "identityProviderName", label: label("authenticationType"), kinds: allKinds,
		help: "Where names and passwords are checked, and where roles come from.",
	}
}

// authorization is where roles are read on calls.
func authorization(f policies.Fields) service {
	return service{
		Fields: f, kindField: authorizationPrefix + "authorizationType", nameField: authorizationPrefix + "authorizationProviderName",
		label: label(authorizationPrefix + "authorizationType"), kinds: allKinds, none: "The roles in the token",
		help: "Leave it at the token's roles unless a role that is taken away must count at once: the source is then asked on calls.",
	}
}

// regenerator makes identities anew at a refresh; it is an API always.
func regenerator(f policies.Fields) service {
	return service{
		Fields: f, nameField: "jwtRegeneratorApiName", label: label("jwtRegeneratorApiName"), kinds: []identity.KindName{identity.API}, none: "None",
		help: "Asked at a refresh for the user's current roles and claims, without the password.",
	}
}

func writeService(v policies.Values, kindField, nameField string, kind identity.KindName, name string) {
	v[kindField] = string(kind)
	if kind != "" && kind != identity.SecretManager {
		v[nameField+"."+string(kind)] = name
	}
}

func readService(v policies.Values, kindField, nameField string) (identity.KindName, string) {
	kind := identity.KindName(v[kindField])
	return kind, v[nameField+"."+string(kind)]
}

func (s service) kind() identity.KindName {
	if s.kindField == "" {
		return s.kinds[0]
	}
	return identity.KindName(s.Values[s.kindField])
}

// field is the name of the control with the sources of a kind.
func (s service) field(kind identity.KindName) string {
	if s.kindField == "" {
		return s.nameField
	}
	return s.nameField + "." + string(kind)
}

// named are the kinds whose sources have names.
func (s service) named() []identity.KindName {
	return slices.DeleteFunc(slices.Clone(s.kinds), func(k identity.KindName) bool { return k == identity.SecretManager })
}

func (s service) problem() string {
	return orElse(s.Problems.For(s.kindField), s.Problems.For(s.nameField))
}

// id is where the problem summary leads.
func (s service) id() string {
	if s.kindField != "" && s.Problems.For(s.kindField) != "" {
		return ui.FieldID(s.kindField)
	}
	return ui.FieldID(s.nameField)
}

func (s service) dialog() string { return ui.FieldID(s.nameField) + "-dialog" }

func (s service) kindOptions() []ui.OptionGroup {
	var g ui.OptionGroup
	if s.none != "" || s.kind() == "" {
		g.Options = append(g.Options, ui.Option{Label: orElse(s.none, "Choose one")})
	}
	for _, k := range s.kinds {
		g.Options = append(g.Options, ui.Option{Value: string(k), Label: kindLabel(k)})
	}
	return []ui.OptionGroup{g}
}

// options are the sources of a kind. One that is chosen and gone stays in the list, or saving would put another in its
// place without a word.
func (s service) options(kind identity.KindName) []ui.OptionGroup {
	chosen := s.Values[s.field(kind)]
	g := ui.OptionGroup{Options: []ui.Option{{Label: orElse(s.none, "Choose one")}}}
	if s.kindField != "" {
		g.Options[0].Label = "Choose one"
	}
	found := chosen == ""
	for _, source := range s.sources(kind) {
		g.Options = append(g.Options, ui.Option{Value: source.Name, Label: source.Name})
		found = found || source.Name == chosen
	}
	if !found {
		g.Options = append(g.Options, ui.Option{Value: chosen, Label: chosen + " (not there any more)"})
	}
	return []ui.OptionGroup{g}
}

func (s service) sources(kind identity.KindName) []policies.Source {
	var list []policies.Source
	for _, source := range s.Choices.Sources {
		if source.Kind == kind {
			list = append(list, source)
		}
	}
	return list
}

// words says what is chosen.
func (s service) words() string {
	kind := s.kind()
	switch name := s.Values[s.field(kind)]; {
	case kind == "":
		return orElse(s.none, "Not chosen")
	case kind == identity.SecretManager:
		return kindLabel(kind)
	case name == "" && s.kindField == "":
		return s.none
	case name == "":
		return kindLabel(kind) + ": not chosen"
	default:
		return kindLabel(kind) + ": " + name
	}
}
