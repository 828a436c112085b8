package apiops_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
)

func TestNodesAreListedWithWhatEachRuns(t *testing.T) {
	t.Parallel()
	c := begin(t)
	c.get(t, "/apiops/nodes/").want(t, http.StatusOK).holds(t, `{"resultCount":0,"resultList":[]}`)
	var addresses models.NodeAddresses
	since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, a := range []models.NodeAddress{
		{Address: "http://a.test", Health: models.AddressWell, Since: since, Calls: 3},
		{Address: "http://b.test", Health: models.AddressDown, Since: since, Reason: "It answered 503."},
		{Address: "http://c.test", Health: models.AddressResting, Since: since, Reason: "5 calls in a row failed."},
	} {
		a.ProxyID, a.Project, a.Proxy = "x", "Default", "orders"
		addresses.Add(a)
	}
	for _, r := range []models.NodeReport{
		{Node: "gw-1", Environment: "production", Version: "1.0", Generation: 1, Running: 1, OK: true, Addresses: addresses},
		{Node: "gw-2", Environment: "production", Version: "1.1", Generation: 9, Running: 1, Kept: true, Message: "unknown policy type"},
	} {
		if err := c.site.Store.ReportNode(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	c.get(t, "/apiops/nodes/").want(t, http.StatusOK).holds(t, `{"resultCount":2,"resultList":[
		{"podName":"gw-1","environmentName":"production","version":"1.0","runningGeneration":1,"ok":true,"alive":true,"fromDisk":false,
			"addresses":{"wellCount":1,"restingCount":1,"downCount":1,"activeCalls":3,"addressList":[
				{"projectName":"Default","proxyName":"orders","address":"http://b.test","state":"DOWN","since":"2026-01-02T03:04:05Z","reason":"It answered 503.","activeCalls":0},
				{"projectName":"Default","proxyName":"orders","address":"http://c.test","state":"RESTING","reason":"5 calls in a row failed."},
				{"projectName":"Default","proxyName":"orders","address":"http://a.test","state":"WELL","reason":"","activeCalls":3}]}},
		{"podName":"gw-2","environmentName":"production","version":"1.1","generation":9,"runningGeneration":1,"ok":false,"fromDisk":true,"detail":"unknown policy type","addresses":{"wellCount":0,"addressList":[]}}]}`)
}

// ATTACK: a member of a project asks for the addresses of its proxy, and with them for
// those of other projects' proxies, or how many there are.
func TestAttackAddressesOfAProxyAreItsOwnOnly(t *testing.T) {
	t.Parallel()
	c := begin(t)
	orders := modelstest.Proxy(t, c.site.Store, c.site.Project.ID, "orders")
	var addresses models.NodeAddresses
	for _, a := range []models.NodeAddress{
		{ProxyID: orders.ID, Project: "Default", Proxy: "orders", Address: "http://a.test", Health: models.AddressWell, Calls: 3},
		{ProxyID: "another", Project: "Secret", Proxy: "plans", Address: "http://secret.test", Health: models.AddressDown, Reason: "It answered 503."},
		{ProxyID: orders.ID, Project: "Default", Proxy: "orders", Address: "http://b.test", Health: models.AddressResting, Reason: "5 calls in a row failed."},
	} {
		addresses.Add(a)
	}
	for _, node := range []models.NodeReport{{Node: "gw-1", Addresses: addresses}, {Node: "gw-2"}} {
		node.Environment, node.OK = "production", true
		if err := c.site.Store.ReportNode(t.Context(), node); err != nil {
			t.Fatal(err)
		}
	}
	c.send(t, http.MethodPost, users, `{"username":"ayse","password":"correct horse battery","role":"MEMBER"}`).want(t, http.StatusOK)
	c.send(t, http.MethodPost, roles, `{"name":"Reader","permissions":["API_MANAGEMENT:VIEW"]}`).want(t, http.StatusOK)
	c.send(t, http.MethodPost, members, `{"username":"ayse","roleNameList":["Reader"]}`).want(t, http.StatusOK)
	member := c.as(t, "ayse")
	member.get(t, "/apiops/nodes/").want(t, http.StatusForbidden)
	a := member.get(t, ordersAt+"addresses/").want(t, http.StatusOK).holds(t, `{"resultCount":2,"resultList":[
		{"podName":"gw-1","environmentName":"production","alive":true,"unhealthyListed":true,"addressList":[
			{"projectName":"Default","proxyName":"orders","address":"http://b.test","state":"RESTING","reason":"5 calls in a row failed.","activeCalls":0},
			{"address":"http://a.test","state":"WELL","activeCalls":3}]},
		{"podName":"gw-2","addressList":[]}]}`)
	for _, word := range []string{"ecret", "Count\":1,"} {
		if strings.Contains(a.Body, word) {
			t.Errorf("it tells of %q: %s", word, a.Body)
		}
	}
	member.get(t, "/apiops/projects/Default/apiProxies/none/addresses/").want(t, http.StatusNotFound)
}
