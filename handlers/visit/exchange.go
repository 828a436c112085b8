package visit

import (
	"slices"

	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/archive"
)

// MayExport tells whether the visitor may take objects of a kind along in a package.
func (v *Visit) MayExport(kind archive.Kind) bool {
	export, _ := exchangeOf(kind)
	return v.Can(export)
}

// MayImport tells whether the visitor may write objects of a kind from a package,
// which is more than reading one.
func (v *Visit) MayImport(kind archive.Kind) bool {
	export, manage := exchangeOf(kind)
	return v.Can(export) && v.Can(manage)
}

// NotExported are the kinds of a package that the visitor may not take along.
func (v *Visit) NotExported(objects []archive.Object) []archive.Kind {
	var list []archive.Kind
	for _, x := range objects {
		if kind := x.Base().Kind; !v.MayExport(kind) && !slices.Contains(list, kind) {
			list = append(list, kind)
		}
	}
	return list
}

// exchangeOf are the permissions for a kind; one that nobody thought of is an
// administrator's.
func exchangeOf(kind archive.Kind) (export, manage models.Permission) {
	switch kind {
	case archive.KindProxy, archive.KindProxyGroup, archive.KindPolicyGroup:
		return models.ExportAPIs, models.ManageAPIs
	case archive.KindPolicy, archive.KindVariable:
		return models.ExportSettings, models.ManageSettings
	case archive.KindIdentitySource:
		return models.ExportConnections, models.ManageConnections
	case archive.KindRole:
		return models.ExportIdentity, models.ManageIdentity
	}
	return ManageSystem, ManageSystem
}
