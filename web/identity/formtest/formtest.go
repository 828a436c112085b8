// Package formtest checks the forms of identity sources in tests: what a page would send, and whether the parts that
// depend on others are shown where they should be.
package formtest

import (
	"crypto/ed25519"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/htmlcheck"
	webidentity "github.com/gatewright/gatewright/web/identity"
	"github.com/gatewright/gatewright/web/ui"
)

// Certificate is a certificate in PEM for CN=Example, until 2040-01-02. It is the same every time.
func Certificate() string {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Example"},
		NotBefore: time.Date(2020, 1, 2, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2040, 1, 2, 0, 0, 0, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(nil, c, c, key.Public(), key)
	if err != nil {
		panic(err) // everything in it is given here
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// Draw renders the fields of a form.
func Draw(t testing.TB, form webidentity.Form, kind identity.Kind, v webidentity.Values, problems problem.List) htmlcheck.Node {
	t.Helper()
	return htmlcheck.Render(t, form.Fields(webidentity.Fields{Values: v, Problems: problems, Kind: kind}))
}

// Sent is what a browser would send of a page, hidden parts too; a name that is drawn twice would be sent twice.
func Sent(t testing.TB, doc htmlcheck.Node) webidentity.Values {
	t.Helper()
	v := webidentity.Values{}
	for _, n := range doc.All("input[name], select[name], textarea[name]") {
		text, sends := value(n)
		if !sends {
			continue
		}
		if _, twice := v[n.Attr("name")]; twice {
			t.Errorf("%s is sent twice", n.Attr("name"))
		}
		v[n.Attr("name")] = text
	}
	return v
}

func value(n htmlcheck.Node) (string, bool) {
	switch n.Tag() {
	case "textarea":
		return n.Raw(), true
	case "select":
		options := n.All("option")
		for _, o := range options {
			if o.HasAttr("selected") {
				return o.Attr("value"), true
			}
		}
		return options[0].Attr("value"), true
	}
	if typ := n.Attr("type"); typ == "checkbox" || typ == "radio" {
		return n.Attr("value"), n.HasAttr("checked")
	}
	return n.Attr("value"), true
}

// Keeps checks that a page sends back what it was made of. Secrets go no way through a page.
func Keeps(t testing.TB, form webidentity.Form, kind identity.Kind, v webidentity.Values, problems problem.List) {
	t.Helper()
	got := Sent(t, Draw(t, form, kind, v, problems))
	for _, s := range kind.Secrets {
		delete(got, webidentity.SecretName(s.Name))
	}
	if diff := cmp.Diff(v, got); diff != "" {
		t.Errorf("the page loses something (-typed +drawn):\n%s", diff)
	}
}

// Depends checks that a page shows at first what its script would show.
func Depends(t testing.TB, doc htmlcheck.Node) {
	t.Helper()
	v := Sent(t, doc)
	for _, block := range doc.All("[data-depends]") {
		when := block.Attr("data-depends")
		if holds(v, when) == block.HasAttr("data-off") {
			t.Errorf("where %s: data-off is %v", when, block.HasAttr("data-off"))
		}
		for _, name := range names(when) {
			if !doc.Has(`[name="` + name + `"]`) {
				t.Errorf("%s depends on %s, which is not drawn", when, name)
			}
		}
	}
}

// holds is what assets/js/depends.ts does.
func holds(v webidentity.Values, when string) bool {
	return slices.ContainsFunc(strings.Split(when, ";"), func(way string) bool {
		return !slices.ContainsFunc(strings.Split(way, ","), func(part string) bool { return !meets(v, part) })
	})
}

func meets(v webidentity.Values, part string) bool {
	plain, negated := strings.CutPrefix(part, "!")
	name, wanted, _ := strings.Cut(plain, "=")
	text, sent := v[strings.TrimRight(name, "^$")]
	if !sent {
		text = "false"
	}
	edge := strings.ToLower(strings.TrimSpace(text))
	return negated != slices.ContainsFunc(strings.Split(wanted, "|"), func(w string) bool {
		switch name[len(name)-1] {
		case '^':
			return strings.HasPrefix(edge, w)
		case '$':
			return strings.HasSuffix(edge, w)
		}
		return text == w
	})
}

func names(when string) []string {
	var list []string
	for _, part := range strings.FieldsFunc(when, func(r rune) bool { return r == ';' || r == ',' }) {
		name, _, _ := strings.Cut(strings.TrimPrefix(part, "!"), "=")
		list = append(list, strings.TrimRight(name, "^$"))
	}
	return list
}

// byDefault is how a help names the default of its field.
var byDefault = regexp.MustCompile(`(?i)\b(?:default (.+)|(on|off) by default)`)

// Defaults checks that what the help of a field calls its default is what the field of a new source holds, and that a
// number which it holds is called so.
func Defaults(t testing.TB, form webidentity.Form, kind identity.Kind) {
	t.Helper()
	page := htmlcheck.Render(t, webidentity.ShowForm(webidentity.FormPage{
		Form: form, Kind: kind, Values: webidentity.Write(form, form.New()), Creates: true,
	}))
	for _, help := range page.All(".Field-help[id]") {
		field := strings.TrimSuffix(help.Attr("id"), "-help")
		control := page.One(t, "#"+field)
		said := byDefault.FindStringSubmatch(help.Text())
		if said == nil {
			if control.Attr("inputmode") == "numeric" && control.Attr("value") != "" {
				t.Errorf("%s: the help of a number does not say its default: %s", field, help.Text())
			}
			continue
		}
		if holds := holding(control); !startsWith(said[1]+said[2], holds) {
			t.Errorf("%s holds %q, and its help says %q", field, holds, help.Text())
		}
	}
}

// holding is what a control holds, as people see it.
func holding(n htmlcheck.Node) string {
	switch {
	case n.Tag() == "select":
		return n.All("option[selected]")[0].Text()
	case n.Tag() == "fieldset" && n.Has("input[type=radio]"):
		for _, card := range n.All("label") {
			if card.Has("input[checked]") {
				return card.All(".Card-label")[0].Text()
			}
		}
		return "nothing"
	case n.Tag() == "fieldset":
		if n.Has(".RowList-row") {
			return "rows"
		}
		return "none"
	case n.Attr("type") == "checkbox":
		return map[bool]string{true: "on", false: "off"}[n.HasAttr("checked")]
	}
	return n.Attr("value")
}

// startsWith compares a default in a sentence with what a control holds.
func startsWith(said, holds string) bool {
	said, holds = strings.ToLower(said)+".", strings.ToLower(holds)
	if holds == "," {
		holds = "a comma"
	}
	holds, _, _ = strings.Cut(holds, ":") // which begins what a choice means
	rest, ok := strings.CutPrefix(strings.TrimPrefix(said, "by "), holds)
	return ok && holds != "" && strings.ContainsAny(rest[:1], ".,;")
}

// Typed writes a configuration into the form and changes what was typed; a nil change changes nothing.
func Typed(form webidentity.Form, c identity.Config, change func(webidentity.Values)) webidentity.Values {
	v := maps.Clone(form.Write(c))
	if change != nil {
		change(v)
	}
	return v
}

// Problems reads what was typed, checks that the fields with problems are the wanted ones, and that each of them says so
// on the page that comes back, in a control that the summary leads to.
func Problems(t testing.TB, form webidentity.Form, kind identity.Kind, v webidentity.Values, want ...string) {
	t.Helper()
	before := maps.Clone(v)
	whole := maps.Clone(v)
	whole["name"], whole["timeoutMillis"], whole["cacheSeconds"], whole["negativeCacheSeconds"], whole["maxConcurrent"] = "corp", "5000", "60", "5", "16"
	_, problems := webidentity.Read(form, kind, whole)
	var fields []string
	for _, p := range problems {
		fields = append(fields, p.Field)
	}
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Errorf("fields with problems: %s\n%v", diff, problems)
	}
	doc := Draw(t, form, kind, v, problems)
	htmlcheck.Sound(t, doc)
	focused(t, doc, problems)
	for _, p := range problems {
		if p.Field == "" {
			continue // said at the top of the form
		}
		doc.One(t, "#"+ui.FieldID(p.Field))
		if !slices.ContainsFunc(doc.Texts(".Field-error"), func(text string) bool { return strings.Contains(text, p.Message) }) {
			t.Errorf("%s: nothing on the page says %q", p.Field, p.Message)
		}
	}
	if diff := cmp.Diff(before, v); diff != "" {
		t.Errorf("reading or drawing changed what was typed:\n%s", diff)
	}
}

// focused checks that the cursor goes to the first wrong field, where a browser and the script both put it. Where the
// first problem is of no field it goes to the summary, which is no part of the fields.
func focused(t testing.TB, doc htmlcheck.Node, problems problem.List) {
	t.Helper()
	taking := doc.All("[autofocus]")
	if len(problems) == 0 || problems[0].Field == "" {
		if len(taking) > 0 {
			t.Errorf("%s takes the cursor", taking[0].HTML())
		}
		return
	}
	first := doc.One(t, "#"+ui.FieldID(problems[0].Field))
	inside := len(first.All("[autofocus]"))
	if first.HasAttr("autofocus") {
		inside++
	}
	if inside == 0 || inside != len(taking) || first.HasAttr("autofocus") && inside > 1 {
		t.Errorf("%d controls take the cursor, %d of them in %s", len(taking), inside, problems[0].Field)
	}
	if doc.Has("[data-off] [autofocus]") {
		t.Errorf("%s takes the cursor and is not shown", problems[0].Field)
	}
}
