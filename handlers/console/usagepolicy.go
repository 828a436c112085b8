package console

import (
	"cmp"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/web/link"
	"github.com/gatewright/gatewright/web/policies"
	"github.com/gatewright/gatewright/web/ui"
)

// addUses adds the places of the policy on the tab that the address names, and
// counts those of the others. Without one it is the first that has any.
func (e *policyEditor) addUses(page *policies.ViewPage, p models.Policy) error {
	ctx := e.g.Request.Context()
	used, err := e.c.store.PolicyUsedBy(ctx, p.ID)
	if err != nil {
		return err
	}
	tabs := []struct {
		kind, label string
		n           int
	}{
		{engine.KindProxy, "API Proxies Using Policy", used.Proxies}, {engine.KindProxyGroup, "API Proxy Groups", used.ProxyGroups},
		{engine.KindPolicyGroup, "Policy Groups", used.PolicyGroups},
	}
	chosen := ""
	for _, t := range tabs {
		if t.kind == e.g.Query("uses") || chosen == "" && e.g.Query("uses") == "" && t.n > 0 {
			chosen = t.kind
		}
	}
	chosen = cmp.Or(chosen, engine.KindProxy)
	for _, t := range tabs {
		href := link.Policy(e.project.Name, e.typ.Name, p.Name) + "?uses=" + t.kind + "#usage"
		page.UseTabs = append(page.UseTabs, ui.Tab{Label: t.label, Href: href, Count: t.n, Current: t.kind == chosen})
		if t.kind == chosen {
			page.UseLabel = t.label
		}
	}
	lines, at, err := e.c.store.UsageReport(ctx, e.project.ID, models.UsageFilter{
		PolicyID: p.ID, OwnerKind: chosen, Sort: "owner", StateFilter: models.StateFilter{PerPage: reportLines},
	})
	if err != nil {
		return err
	}
	page.UsesCut = at.Next > 0
	manage := visit.From(ctx).Can(models.ManageAPIs)
	for _, line := range lines {
		place := e.c.placeLine(line)
		if manage && line.Via == "" {
			place.Localize = link.OwnerOf(e.project.Name, line.OwnerKind, line.OwnerName).BindingLocalize(line.BindingID)
		}
		page.Uses = append(page.Uses, place)
	}
	return nil
}
