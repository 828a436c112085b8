package htmlcheck_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/web/htmlcheck"
)

const page = `<main><form id="f" class="Form is-wrong"><label for="n">Name <b>*</b></label>
<input id="n" name="name" aria-describedby="n-help n-error" required><p id="n-help">Help</p><p id="n-error">Taken</p>
<div><input name="tags[0]" value="a b"></div></form><p>Outside</p></main>`

func TestAll(t *testing.T) {
	t.Parallel()
	doc := htmlcheck.Parse(t, strings.NewReader(page))
	cases := []struct {
		name, selector string
		want           int
	}{
		{"a tag", "input", 2},
		{"an id", "#f", 1},
		{"two classes", ".Form.is-wrong", 1},
		{"a class that is part of another is no match", ".is", 0},
		{"an attribute that is there", "input[required]", 1},
		{"an attribute with a value", "input[name=name]", 1},
		{"a quoted value with brackets", `input[name="tags[0]"]`, 1},
		{"a beginning, an end, a part and a word", `input[name^=tags][name$="]"][value*=" "][value~=b]`, 1},
		{"a descendant", "form input", 2},
		{"a child", "form > input", 1},
		{"a child of a descendant", "main div>input", 1},
		{"alternatives", "label, #n-help", 2},
		{"any element of a parent", "form > *", 5},
		{"an ancestor that is not there", "section input", 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := len(doc.All(c.selector)); got != c.want {
				t.Errorf("%q matches %d elements, want %d", c.selector, got, c.want)
			}
		})
	}
}

func TestSelectorMistakesPanic(t *testing.T) {
	t.Parallel()
	doc := htmlcheck.Parse(t, strings.NewReader(page))
	for _, selector := range []string{"", "a >", "a:hover", "[x", "a,,b"} {
		t.Run("the selector "+selector, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if recover() == nil {
					t.Errorf("%q was accepted", selector)
				}
			}()
			doc.All(selector)
		})
	}
}

func TestReading(t *testing.T) {
	t.Parallel()
	doc := htmlcheck.Parse(t, strings.NewReader(page))
	input := doc.One(t, "[name=name]")
	if got, want := input.DescribedBy(t, doc), "Help Taken"; got != want {
		t.Errorf("described by %q, want %q", got, want)
	}
	if got, want := doc.Texts("label"), []string{"Name *"}; !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got))
	}
	if !input.HasAttr("required") || input.HasAttr("disabled") || input.Tag() != "input" {
		t.Errorf("read the wrong attributes of %s", input.HTML())
	}
	want := map[string]string{"id": "n", "name": "name", "required": "", "aria-describedby": "n-help n-error"}
	if diff := cmp.Diff(want, input.Attrs()); diff != "" {
		t.Error(diff)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, html, want string }{
		{"a sound form", `<form><label for="a">A</label><input id="a"><button type="submit">Go</button></form>`, ""},
		{"a label around its control", `<label>A <input></label>`, ""},
		{"a style attribute", `<p style="color:red">x</p>`, "the attribute style"},
		{"an event attribute", `<p onclick="x()">x</p>`, "the attribute onclick"},
		{"a script in an address", `<a href=" JavaScript:x()">x</a>`, "the attribute href holds a script"},
		{"an inline script", `<script>x()</script>`, "an inline script"},
		{"an id used twice", `<p id="a">x</p><p id="a">y</p>`, `the id "a" is used 2 times`},
		{"a label for nothing", `<label for="b">B</label>`, `the label is for "b"`},
		{"a description that is not there", `<p aria-describedby="c">x</p>`, `aria-describedby names "c"`},
		{"a button without a type", `<button>x</button>`, "the button has no type"},
		{"a button without a name", `<button type="submit"><svg></svg></button>`, "the button has no name"},
		{"a control without a label", `<input name="x">`, "the control has no label"},
		{"a link without a name", `<a href="/"></a>`, "the link has no name"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := htmlcheck.Faults(htmlcheck.Parse(t, strings.NewReader(c.html)))
			if c.want == "" && got != nil {
				t.Errorf("faults in sound HTML: %v", got)
			}
			if c.want != "" && (len(got) != 1 || !strings.HasPrefix(got[0], c.want)) {
				t.Errorf("got %v, want one that begins %q", got, c.want)
			}
		})
	}
}
