package audit

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/gatewright/gatewright/web/policies"
	"github.com/gatewright/gatewright/web/ui"
)

// Sign says what became of a setting.
type Sign string

// The signs.
const (
	Same    Sign = ""
	Added   Sign = "+ Added"
	Removed Sign = "− Removed"
	Changed Sign = "± Changed"
)

func (s Sign) tone() ui.Tone {
	switch s {
	case Added:
		return ui.ToneSuccess
	case Removed:
		return ui.ToneDanger
	case Changed:
		return ui.ToneWarning
	}
	return ui.ToneNeutral
}

// Change is one setting of the object before and after.
type Change struct {
	Section, Label, Before, After string
	Code                          bool // shown in the face of code
	Sign                          Sign
}

func split(changes []Change) (different, same []Change) {
	for _, c := range changes {
		if c.Sign == Same {
			same = append(same, c)
		} else {
			different = append(different, c)
		}
	}
	return different, same
}

// Compare sets two sides beside each other, in the order of the later one; what only the earlier one has comes last. An
// empty text is no setting: where one begins to be said it is added.
func Compare(before, after []policies.Setting) []Change {
	type key struct {
		section, label string
		nth            int // a label may come more than once in a section
	}
	keyed := func(list []policies.Setting) ([]key, map[key]policies.Setting) {
		keys, of, seen := make([]key, len(list)), make(map[key]policies.Setting, len(list)), map[key]int{}
		for i, s := range list {
			k := key{section: s.Section, label: s.Label}
			keys[i] = key{s.Section, s.Label, seen[k]}
			seen[k]++
			of[keys[i]] = s
		}
		return keys, of
	}
	oldKeys, old := keyed(before)
	newKeys, fresh := keyed(after)
	for _, k := range oldKeys {
		if _, both := fresh[k]; !both {
			newKeys = append(newKeys, k)
		}
	}
	var changes []Change
	for _, k := range newKeys {
		was, is := old[k], fresh[k]
		c := Change{Section: k.section, Label: k.label, Before: was.Text, After: is.Text, Code: was.Code || is.Code, Sign: Changed}
		switch {
		case was.Text == is.Text:
			c.Sign = Same
		case was.Text == "":
			c.Sign = Added
		case is.Text == "":
			c.Sign = Removed
		}
		if c.Sign != Same || c.Before != "" {
			changes = append(changes, c)
		}
	}
	return changes
}

// Terms are how people call the fields of a document: by their path, else by the last part of it.
type Terms struct {
	Labels map[string]string
	// Label names what is not in Labels, "" where it does not know either.
	Label func(path string) string
	// Rank are the paths that come first, in their order.
	Rank []string
}

// Say says a JSON document in words, field by field; nil says nothing.
func (t Terms) Say(raw json.RawMessage) ([]policies.Setting, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber() // a large number must not lose its last digits
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("read audit document: %w", err)
	}
	var list []said
	walk(&list, "", v)
	slices.SortStableFunc(list, func(a, b said) int {
		return cmp.Or(cmp.Compare(t.place(a.path), t.place(b.path)), compareNatural(a.path, b.path))
	})
	settings := make([]policies.Setting, len(list))
	for i, s := range list {
		settings[i] = t.setting(s)
	}
	return settings, nil
}

func (t Terms) place(path string) int {
	if i := slices.Index(t.Rank, path); i >= 0 {
		return i
	}
	return len(t.Rank)
}

// said is a leaf of a document.
type said struct{ path, text string }

func (t Terms) setting(s said) policies.Setting {
	label := t.Labels[s.path]
	if label == "" && t.Label != nil {
		label = t.Label(s.path)
	}
	if label != "" {
		return policies.Setting{Label: label, Text: s.text}
	}
	section, name := "", s.path
	if i := strings.LastIndexAny(s.path, ".]"); i > 0 && i < len(s.path)-1 {
		section, name = t.title(strings.TrimSuffix(s.path[:i+1], ".")), s.path[i+1:]
	}
	if name == s.path && strings.HasSuffix(name, "]") {
		return policies.Setting{Label: t.title(name), Text: s.text}
	}
	return policies.Setting{Section: section, Label: cmp.Or(t.Labels[name], human(name)), Text: s.text}
}

var element = regexp.MustCompile(`\[([^\]]*)\]`)

// title names an object inside of a document, or an element of a list: "Endpoints: GET /orders".
func (t Terms) title(path string) string {
	if label := t.Labels[path]; label != "" {
		return label
	}
	var parts []string
	for part := range strings.SplitSeq(element.ReplaceAllString(path, ".\x00$1"), ".") {
		if key, ok := strings.CutPrefix(part, "\x00"); ok {
			parts = append(parts, key)
		} else if part != "" {
			parts = append(parts, cmp.Or(t.Labels[part], human(part)))
		}
	}
	return strings.Join(parts, ": ")
}

// human makes words of a name such as publicUrl.
func human(name string) string {
	var b strings.Builder
	for i, r := range name {
		switch {
		case i == 0:
			b.WriteRune(unicode.ToUpper(r))
		case unicode.IsUpper(r):
			b.WriteByte(' ')
			b.WriteRune(unicode.ToLower(r))
		default:
			b.WriteRune(r)
		}
	}
	return acronyms.Replace(b.String())
}

var acronyms = strings.NewReplacer("Url", "URL", " url", " URL", "Ip ", "IP ", " ip", " IP", "Jwt", "JWT", "Api ", "API ", "Kid", "Key id")

// walk finds the leaves. A list of plain values is one of them.
func walk(list *[]said, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if path != "" {
				name = path + "." + name
			}
			walk(list, name, member)
		}
	case []any:
		walkList(list, path, v)
	default:
		*list = append(*list, said{path, plain(v)})
	}
}

func walkList(list *[]said, path string, v []any) {
	if texts, ok := plainList(v); ok {
		*list = append(*list, said{path, strings.Join(texts, ", ")})
		return
	}
	seen := map[string]int{}
	for i, e := range v {
		name := keyOf(i, e)
		if seen[name]++; seen[name] > 1 {
			name += " (" + strconv.Itoa(seen[name]) + ")"
		}
		walk(list, path+"["+name+"]", e)
	}
}

func plainList(v []any) ([]string, bool) {
	var texts []string
	for _, e := range v {
		switch e.(type) {
		case map[string]any, []any:
			return nil, false
		}
		texts = append(texts, plain(e))
	}
	return texts, true
}

func plain(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case bool:
		if v {
			return "Yes"
		}
		return "No"
	case string:
		if t, err := time.Parse(time.RFC3339Nano, v); err == nil {
			return ui.Absolute(t)
		}
		return v
	}
	return fmt.Sprint(v)
}

// keyOf tells an element of a list from the others: by what names it, as its place moves when others come and go.
func keyOf(i int, e any) string {
	m, _ := e.(map[string]any)
	for _, names := range [][]string{{"errorType"}, {"method", "path"}, {"name"}, {"key"}, {"environment"}, {"policy"}, {"policyGroup"}, {"owner"}} {
		var parts []string
		for _, name := range names {
			if text, ok := m[name].(string); ok && text != "" {
				parts = append(parts, strings.NewReplacer("[", "(", "]", ")", ".", "·").Replace(text))
			}
		}
		if len(parts) == len(names) {
			return strings.Join(parts, " ")
		}
	}
	return strconv.Itoa(i + 1)
}

// compareNatural puts [2] before [10].
func compareNatural(a, b string) int {
	for a != "" && b != "" {
		x, restA := lead(a)
		y, restB := lead(b)
		n, err1 := strconv.Atoi(x)
		m, err2 := strconv.Atoi(y)
		if c := cmp.Compare(x, y); err1 == nil && err2 == nil && n != m {
			return cmp.Compare(n, m)
		} else if c != 0 {
			return c
		}
		a, b = restA, restB
	}
	return cmp.Compare(a, b)
}

// lead cuts off the digits, or what is before the next ones.
func lead(s string) (part, rest string) {
	digit := func(r rune) bool { return r >= '0' && r <= '9' }
	i := strings.IndexFunc(s, digit)
	if i == 0 {
		if i = strings.IndexFunc(s, func(r rune) bool { return !digit(r) }); i < 0 {
			i = len(s)
		}
	} else if i < 0 {
		i = len(s)
	}
	return s[:i], s[i:]
}
