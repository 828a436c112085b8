package apiops_test

import (
	"net/http"
	"testing"

	"github.com/gatewright/gatewright/models"
)

func TestNodesAreListedWithWhatEachRuns(t *testing.T) {
	t.Parallel()
	c := begin(t)
	c.get(t, "/apiops/nodes/").want(t, http.StatusOK).holds(t, `{"resultCount":0,"resultList":[]}`)
	for _, r := range []models.NodeReport{
		{Node: "gw-1", Environment: "production", Version: "1.0", Generation: 1, Running: 1, OK: true},
		{Node: "gw-2", Environment: "production", Version: "1.1", Generation: 9, Running: 1, Kept: true, Message: "unknown policy type"},
	} {
		if err := c.site.Store.ReportNode(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	c.get(t, "/apiops/nodes/").want(t, http.StatusOK).holds(t, `{"resultCount":2,"resultList":[
		{"podName":"gw-1","environmentName":"production","version":"1.0","runningGeneration":1,"ok":true,"alive":true,"fromDisk":false},
		{"podName":"gw-2","environmentName":"production","version":"1.1","generation":9,"runningGeneration":1,"ok":false,"fromDisk":true,"detail":"unknown policy type"}]}`)
}
