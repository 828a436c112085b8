package models

import (
	"slices"
	"strings"
)

// Permission is what a role of a project allows, a category of things and an
// action on them: "API_MANAGEMENT:VIEW" (reference 1.1).
type Permission string

// The permissions, by category. Whoever may do anything in a category may look
// at it, see Permissions.Has. The reference's categories for what Gatewright
// has not are left out: a switch that does nothing would mislead.
const (
	ViewAPIs   Permission = "API_MANAGEMENT:VIEW"
	ManageAPIs Permission = "API_MANAGEMENT:MANAGE"
	DeployAPIs Permission = "API_MANAGEMENT:DEPLOY_UNDEPLOY"
	ExportAPIs Permission = "API_MANAGEMENT:EXPORT_IMPORT"

	ViewSettings   Permission = "GLOBAL_SETTINGS:VIEW"
	ManageSettings Permission = "GLOBAL_SETTINGS:MANAGE"
	ExportSettings Permission = "GLOBAL_SETTINGS:EXPORT_IMPORT"

	ViewConnections   Permission = "CONNECTIONS:VIEW"
	ManageConnections Permission = "CONNECTIONS:MANAGE"
	ExportConnections Permission = "CONNECTIONS:EXPORT_IMPORT"

	ViewIdentity   Permission = "IDENTITY:VIEW"
	ManageIdentity Permission = "IDENTITY:MANAGE"
	ExportIdentity Permission = "IDENTITY:EXPORT_IMPORT"

	ViewMonitoring Permission = "MONITORING:VIEW"
	ViewAnalytics  Permission = "ANALYTICS:VIEW"
	ViewAudit      Permission = "AUDIT:VIEW"

	ViewProject   Permission = "PROJECT_MANAGEMENT:VIEW"
	ManageProject Permission = "PROJECT_MANAGEMENT:MANAGE"
)

// The rights about the installation, which no role of a project gives.
const (
	ViewSystem   Permission = "SYSTEM:VIEW"
	ManageSystem Permission = "SYSTEM:MANAGE"
)

// AllPermissions are all that a role of a project can allow, in the order of
// the permission table.
func AllPermissions() []Permission {
	return []Permission{
		ViewAPIs, ManageAPIs, DeployAPIs, ExportAPIs,
		ViewSettings, ManageSettings, ExportSettings,
		ViewConnections, ManageConnections, ExportConnections,
		ViewIdentity, ManageIdentity, ExportIdentity,
		ViewMonitoring, ViewAnalytics, ViewAudit,
		ViewProject, ManageProject,
	}
}

// Category is the part before the colon.
func (p Permission) Category() string {
	category, _, _ := strings.Cut(string(p), ":")
	return category
}

// Action is the part behind the colon.
func (p Permission) Action() string {
	_, action, _ := strings.Cut(string(p), ":")
	return action
}

// ActionView is the action of looking, which every other one includes.
const ActionView = "VIEW"

// Permissions are what somebody may do.
type Permissions []Permission

// Has tells whether p is among them, or follows from one: nobody can change
// what they may not see.
func (l Permissions) Has(p Permission) bool {
	return slices.ContainsFunc(l, func(had Permission) bool {
		return had == p || p.Action() == ActionView && had.Category() == p.Category()
	})
}

// Covers tells whether l allows all that other allows.
func (l Permissions) Covers(other Permissions) bool {
	return !slices.ContainsFunc(other, func(p Permission) bool { return !l.Has(p) })
}

// Whole is l in the order of the permission table, each once, with what follows
// from it.
func (l Permissions) Whole() Permissions {
	whole := Permissions{}
	for _, p := range append(AllPermissions(), ViewSystem, ManageSystem) {
		if l.Has(p) {
			whole = append(whole, p)
		}
	}
	return whole
}

// unknown are those that no version of ours has.
func (l Permissions) unknown(known Permissions) []string {
	var names []string
	for _, p := range l {
		if !slices.Contains(known, p) {
			names = append(names, string(p))
		}
	}
	return names
}
