package console_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/handlers/handlerstest"
	"github.com/gatewright/gatewright/models"
	"github.com/gatewright/gatewright/models/modelstest"
	"github.com/gatewright/gatewright/web/htmlcheck"
	"github.com/gatewright/gatewright/web/link"
)

func TestThePageOfNodesSaysWhatEachRuns(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Administrator)
	empty := v.Get(t, link.Nodes)
	wantText(t, empty.One(t, "main"), "No node has reported")
	htmlcheck.Sound(t, empty.Node)
	modelstest.Deploy(t, site.Store, modelstest.Proxy(t, site.Store, site.Project.ID, "orders"), "production")
	now, err := site.Store.Generation(t.Context(), "production")
	if err != nil {
		t.Fatal(err)
	}
	started := time.Now().Add(-49 * time.Hour)
	for _, r := range []models.NodeReport{
		{Node: "current", Generation: now, Running: now, OK: true, Version: "1.2.3"},
		{Node: "behind", Generation: now - 1, Running: now - 1, OK: true},
		{Node: "failed", Generation: now, Running: now - 1, Message: "<b>unknown policy type</b>"},
		{Node: "fromdisk", Generation: now - 1, Running: now - 1, OK: true, Kept: true},
		{Node: "starting", Generation: now},
	} {
		r.Environment, r.StartedAt = "production", started
		if err := site.Store.ReportNode(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	p := v.Get(t, link.Nodes)
	htmlcheck.Sound(t, p.Node)
	wantText(t, p.One(t, `nav#side-menu a[aria-current="page"]`), "Gateway Nodes")
	for _, want := range [][]string{
		{"current", "Up to date", "the newest", "1.2.3", "2 days ago", "Seconds ago"},
		{"behind", "Taking over"},
		{"failed", "Failed", "It keeps what it ran before: <b>unknown policy type</b>"},
		{"fromdisk", "Degraded", "from its last good configuration on disk"},
		{"starting", "Failed", "Nothing yet of"},
	} {
		rows := p.All("main tbody tr")
		found := false
		for _, row := range rows {
			if text := row.Text(); strings.Contains(text, want[0]) {
				found = true
				for _, part := range want {
					if !strings.Contains(text, part) {
						t.Errorf("%s lacks %q: %s", want[0], part, text)
					}
				}
				break
			}
		}
		if !found {
			t.Errorf("no row of %s", want[0])
		}
	}
	if got := v.Get(t, link.Nodes).Status; got != http.StatusOK {
		t.Errorf("status %d", got)
	}
}
