package gallery_test

import (
	"testing"

	"github.com/gatewright/gatewright/web/gallery"
	"github.com/gatewright/gatewright/web/htmlcheck"
	"github.com/gatewright/gatewright/web/layout"
)

func TestEveryPageIsSound(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "list", "empty", "form", "wrong", "headers", "view", "develop", "confirm", "sign-in", "error", "crash"} {
		t.Run("page "+name, func(t *testing.T) {
			t.Parallel()
			page, ok := gallery.Page(name, layout.ThemeDark)
			if !ok {
				t.Fatal("the page is missing")
			}
			doc := htmlcheck.Render(t, page)
			htmlcheck.Sound(t, doc)
			if n := len(doc.All("h1")); n != 1 {
				t.Errorf("%d headings of the first rank, want one", n)
			}
			if doc.One(t, "html").Attr("data-theme") != "dark" {
				t.Error("the theme is not followed")
			}
		})
	}
}

func TestAnUnknownPageIsNone(t *testing.T) {
	t.Parallel()
	if _, ok := gallery.Page("nothing", layout.ThemeSystem); ok {
		t.Error("a page was made up")
	}
}
