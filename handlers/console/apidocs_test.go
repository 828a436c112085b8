package console_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/handlers/handlerstest"
)

func TestTheManagementAPIIsReadInTheConsole(t *testing.T) {
	t.Parallel()
	site := handlerstest.New(t)
	v := site.SignIn(t, handlerstest.Auditor)
	index := v.Get(t, "/api-reference")
	links := index.All("table a")
	if index.Status != http.StatusOK || len(links) < 8 {
		t.Fatalf("status %d with %d operations", index.Status, len(links))
	}
	for _, a := range links { // every operation has its page, and every shape on it is there
		page := v.Get(t, a.Attr("href"))
		if page.Status != http.StatusOK || len(page.All(".CodeBlock")) == 0 {
			t.Errorf("%s answers %d", a.Attr("href"), page.Status)
		}
		for _, shape := range page.All("a.Link") {
			if to, ok := strings.CutPrefix(shape.Attr("href"), "#"); ok && !page.Has(`[id="`+to+`"]`) {
				t.Errorf("%s names %s, which is not on the page", a.Attr("href"), to)
			}
		}
	}
	found := v.Get(t, "/api-reference?q=delete+policy")
	if n := len(found.All("table a")); n == 0 || n >= len(links) {
		t.Errorf("the search finds %d of %d operations", n, len(links))
	}
	if none := v.Get(t, "/api-reference?q=%3Cscript%3E"); !none.Has(".Empty") && !none.Has(".EmptyState") || strings.Contains(none.Body, "<script>") {
		t.Errorf("a search without a match shows %s", none.Text())
	}
	if p := v.Get(t, "/api-reference/nope"); p.Status != http.StatusNotFound {
		t.Errorf("an operation that is not there answers %d", p.Status)
	}
}
