package apiops_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/gatewright/gatewright/models"
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
