package htmlcheck

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// Sound reports everything in a page or fragment that no page of the console may have: what the content policy would
// block, ids used twice, labels and references that lead nowhere, controls without a name for screen readers, and
// buttons without a type.
func Sound(t testing.TB, doc Node) {
	t.Helper()
	for _, fault := range Faults(doc) {
		t.Error(fault)
	}
}

// Faults is what Sound reports, one sentence each.
func Faults(doc Node) []string {
	s := sound{ids: map[string]int{}}
	for _, n := range doc.All("[id]") {
		s.ids[n.Attr("id")]++
	}
	for id, times := range s.ids {
		if times > 1 {
			s.add(doc, "the id %q is used %d times", id, times)
		}
	}
	for _, n := range doc.All("*") {
		s.policy(n)
		s.references(n)
		s.controls(n)
	}
	return s.faults
}

type sound struct {
	ids    map[string]int
	faults []string
}

func (s *sound) add(n Node, format string, args ...any) {
	where := n.HTML()
	if len(where) > 160 {
		where = where[:160] + "..."
	}
	s.faults = append(s.faults, fmt.Sprintf(format, args...)+": "+where)
}

// policy finds what a content policy without 'unsafe-inline' blocks.
func (s *sound) policy(n Node) {
	for name, value := range n.Attrs() {
		switch {
		case name == "style", strings.HasPrefix(name, "on"), strings.HasPrefix(name, "hx-on"):
			s.add(n, "the attribute %s is blocked by the content policy", name)
		case strings.HasPrefix(strings.ToLower(strings.TrimSpace(value)), "javascript:"):
			s.add(n, "the attribute %s holds a script", name)
		}
	}
	if (n.Tag() == "script" && !n.HasAttr("src")) || n.Tag() == "style" {
		s.add(n, "an inline %s is blocked by the content policy", n.Tag())
	}
}

// references finds attributes that name an id that is not there.
func (s *sound) references(n Node) {
	for _, name := range []string{"aria-describedby", "aria-labelledby", "aria-controls", "popovertarget", "commandfor", "form"} {
		for _, id := range strings.Fields(n.Attr(name)) {
			if s.ids[id] == 0 {
				s.add(n, "%s names %q, which is not there", name, id)
			}
		}
	}
	if n.Tag() == "label" && n.HasAttr("for") && s.ids[n.Attr("for")] == 0 {
		s.add(n, "the label is for %q, which is not there", n.Attr("for"))
	}
}

func (s *sound) controls(n Node) {
	switch n.Tag() {
	case "button":
		if !n.HasAttr("type") {
			s.add(n, "the button has no type")
		}
		if n.Text() == "" && n.Attr("aria-label") == "" {
			s.add(n, "the button has no name")
		}
	case "a":
		if n.Text() == "" && n.Attr("aria-label") == "" {
			s.add(n, "the link has no name")
		}
	case "input", "select", "textarea":
		if n.Attr("type") != "hidden" && n.Attr("type") != "submit" && !s.labelled(n) {
			s.add(n, "the control has no label")
		}
	}
}

func (s *sound) labelled(n Node) bool {
	if n.Attr("aria-label") != "" || n.Attr("aria-labelledby") != "" || n.inside("label") {
		return true
	}
	root := n.node
	for root.Parent != nil {
		root = root.Parent
	}
	id := n.Attr("id")
	return id != "" && Node{root}.Has(`label[for="`+id+`"]`)
}

func (n Node) inside(tag string) bool {
	for up := n.node.Parent; up != nil; up = up.Parent {
		if up.Type == html.ElementNode && up.Data == tag {
			return true
		}
	}
	return false
}
