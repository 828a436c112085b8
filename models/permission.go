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
