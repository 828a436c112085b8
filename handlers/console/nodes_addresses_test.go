package console_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine"
	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
	"github.com/gatewright/gatewright/web/htmlcheck"
	"github.com/gatewright/gatewright/web/link"
)

// reporting is a site with the proxy orders of two addresses, live in production.
func reporting(t *testing.T) (*handlerstest.Site, models.Owner, func(models.NodeReport)) {
	t.Helper()
	site := handlerstest.New(t)
	p := modelstest.Proxy(t, site.Store, site.Project.ID, "orders", func(p *models.Owner) {
		p.Upstream.Further = []engine.Address{{URL: "http://b.test"}}
	})
	modelstest.Deploy(t, site.Store, p, "production")
	return site, p, func(r models.NodeReport) {
		t.Helper()
		r.Environment, r.OK, r.Generation, r.Running = "production", true, 1<<40, 1<<40
		if err := site.Store.ReportNode(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
}

func addressesOf(p models.Owner, n int, health models.AddressHealth) (all models.NodeAddresses) {
	for i := range n {
		all.Add(models.NodeAddress{
			ProxyID: p.ID, Project: "Default", Proxy: p.Name, Address: fmt.Sprintf("http://h%03d.test", i), Health: health, Since: time.Now().Add(-50 * time.Hour), Reason: "<b>it answered 503</b>.", Calls: 7,
		})
	}
	return all
}

func TestThePageOfAProxySaysHowItsAddressesAre(t *testing.T) {
	t.Parallel()
	site, p, report := reporting(t)
	v := site.SignIn(t, handlerstest.Administrator)
	page := link.OwnerOf(site.Project.Name, engine.KindProxy, "orders").Page()
	wantText(t, v.Get(t, page).One(t, "main"), "No node that serves it has reported in the last day")

	mixed := addressesOf(p, 1, models.AddressDown)
	mixed.Add(models.NodeAddress{ProxyID: p.ID, Project: "Default", Proxy: "orders", Address: "http://b.test", Health: models.AddressResting, Since: time.Now().Add(time.Hour), Reason: "5 calls in a row failed."})
	mixed.Add(models.NodeAddress{ProxyID: p.ID, Project: "Default", Proxy: "orders", Address: "http://c.test", Health: models.AddressWell, Calls: 3})
	mixed.Add(models.NodeAddress{ProxyID: "another", Project: "Default", Proxy: "stock", Address: "http://stock.test", Health: models.AddressDown})
	report(models.NodeReport{Node: "gw-1", Addresses: mixed})
	report(models.NodeReport{Node: "gw-2"})
	many := addressesOf(models.Owner{ID: "another", Name: "stock"}, models.MaxNamedAddresses+1, models.AddressWell)
	report(models.NodeReport{Node: "gw-3", Addresses: many})
	report(models.NodeReport{Node: "gw-4", Addresses: addressesOf(models.Owner{ID: "another", Name: "stock"}, models.MaxNamedAddresses+1, models.AddressDown)})
	got := v.Get(t, page)
	htmlcheck.Sound(t, got.Node)
	rows := ""
	for _, row := range got.All("main tbody tr") {
		rows += strings.Join(strings.Fields(row.Text()), " ") + "\n"
	}
	for _, want := range []string{
		"http://h000.test <b>it answered 503</b>. Down production gw-1 2 days ago 7",
		"http://b.test 5 calls in a row failed. Resting production gw-1 now 0", // a clock that is ahead
		"http://c.test Well production gw-1",
		"All its addresses The node names none of them: it has not taken over the revision that has several, or that checks them Not known production gw-2 – –",
		"All its addresses The node watches more addresses than it names one by one, and names all that are not well Well production gw-3",
		"All its addresses 201 addresses are not well on this node, more than it names; the metric gatewright_upstream_up tells of each Not known production gw-4",
	} {
		if !strings.Contains(rows, want) {
			t.Errorf("no %q in\n%s", want, rows)
		}
	}
	if strings.Contains(rows, "stock.test") {
		t.Error("it shows the address of another proxy")
	}
	wantText(t, got.One(t, "main"), "Each node judges for itself")

	// What a node said an hour ago is told as that.
	modelstest.Silence(t, site.Database)
	rows = strings.Join(strings.Fields(v.Get(t, page).One(t, "main").Text()), " ")
	for _, want := range []string{"Was down production gw-1 Last seen 1 hour ago 2 days ago –", "Was resting", "Was well", "Not known production gw-3 Last seen 1 hour ago – –"} {
		if !strings.Contains(rows, want) {
			t.Errorf("of silent nodes no %q in %s", want, rows)
		}
	}
	silent := strings.Join(strings.Fields(v.Get(t, link.Nodes).One(t, "main").Text()), " ")
	if strings.Contains(silent, "not well") || !strings.Contains(silent, "Not known") || strings.Contains(silent, "h000.test") {
		t.Errorf("of silent nodes %s", silent)
	}
}

func TestAProxyThatIsCalledInAnyCaseHasNoStateToShow(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	modelstest.Deploy(t, site.Store, modelstest.Proxy(t, site.Store, site.Project.ID, "plain"), "production")
	p := modelstest.Proxy(t, site.Store, site.Project.ID, "idle", func(p *models.Owner) {
		p.Route.BasePath, p.Upstream.Further = "/idle", []engine.Address{{URL: "http://b.test"}}
	})
	v := site.SignIn(t, handlerstest.Administrator)
	if text := v.Get(t, link.OwnerOf(site.Project.Name, engine.KindProxy, "plain").Page()).One(t, "main").Text(); strings.Contains(text, "State of the addresses") {
		t.Error("of one address that nobody watches a state is shown")
	}
	wantText(t, v.Get(t, link.OwnerOf(site.Project.Name, engine.KindProxy, p.Name).Page()).One(t, "main"), "It is not deployed: nodes watch its addresses once it is.")
}

func TestThePageOfNodesListsTheAddressesThatAreNotWell(t *testing.T) {
	t.Parallel()
	site, p, report := reporting(t)
	v := site.SignIn(t, handlerstest.Administrator)
	bad := addressesOf(p, 150, models.AddressDown)
	bad.Add(models.NodeAddress{ProxyID: p.ID, Project: "Default", Proxy: "orders", Address: "http://good.test", Health: models.AddressWell})
	report(models.NodeReport{Node: "bad", Addresses: bad})
	report(models.NodeReport{Node: "good", Addresses: addressesOf(p, 2, models.AddressWell)})
	report(models.NodeReport{Node: "none"})
	got := v.Get(t, link.Nodes)
	htmlcheck.Sound(t, got.Node)
	text := strings.Join(strings.Fields(got.One(t, "main").Text()), " ")
	for _, want := range []string{"bad Up to date production", "150 of 151 not well", "2 well", "http://h099.test", "50 more are not shown"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q", want)
		}
	}
	if strings.Contains(text, "http://h100.test") || strings.Contains(text, "http://good.test") {
		t.Error("more is listed than is shown, or one that is well")
	}
	if href := got.All(`main tbody a[href$="/proxies/orders"]`)[0].Attr("href"); href != link.OwnerOf(site.Project.Name, engine.KindProxy, "orders").Page() {
		t.Errorf("it leads to %s", href)
	}
}
