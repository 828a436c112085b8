package condition_test

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/condition"
)

// dice makes conditions and requests out of few names and values, so that both
// outcomes of every rule are common.
type dice struct{ *rand.Rand }

func pick[T any](d dice, from ...T) T { return from[d.IntN(len(from))] }

func (d dice) condition() condition.Condition {
	c := condition.Condition{Rules: []condition.Rule{}}
	for range d.IntN(4) {
		c.Rules = append(c.Rules, d.rule(4))
	}
	return c
}

func (d dice) rule(depth int) condition.Rule {
	if depth == 0 || d.IntN(3) > 0 {
		return d.leaf()
	}
	r := condition.Rule{Criteria: pick(d, condition.And, condition.Or, condition.Not)}
	for range 1 + d.IntN(3) {
		r.Rules = append(r.Rules, d.rule(depth-1))
	}
	return r
}

func (d dice) leaf() condition.Rule {
	r := condition.Rule{Criteria: condition.Value, First: d.variable(), DataType: pick(d, condition.String, condition.String, condition.Numeric, condition.Date)}
	for {
		info := pick(d, condition.Operators...)
		r.Operator = info.Operator
		if info.Unary {
			r.DataType = condition.String
			return r
		}
		for _, t := range info.Types {
			if t == r.DataType {
				d.second(&r)
				return r
			}
		}
	}
}

func (d dice) second(r *condition.Rule) {
	if r.DataType == condition.Date {
		r.DateFormat = "yyyy-MM-dd"
	}
	r.Source = condition.FromValue
	switch {
	case strings.HasSuffix(string(r.Operator), "MATCHES_PATH"):
		r.SecondValue = pick(d, "/a/*", "/*", "/a")
	case strings.HasSuffix(string(r.Operator), "MATCHES_REGEX"):
		r.SecondValue = pick(d, "^A", "1", "^$")
	case d.IntN(4) == 0:
		r.Source, r.Second = condition.FromVariable, d.variable()
	case r.DataType == condition.Numeric:
		r.SecondValue = pick(d, "1", "2", "1.50")
	case r.DataType == condition.Date:
		r.SecondValue = pick(d, "2026-01-01", "2026-12-31")
	case strings.HasPrefix(strings.TrimPrefix(string(r.Operator), "NOT_"), "IN"):
		r.SecondValue = pick(d, "a", "a#B", "1#2#/a")
	default:
		r.SecondValue = pick(d, "a", "A", "1", "/a")
	}
}

func (d dice) variable() *condition.Variable { return header(pick(d, "X-One", "X-Two", "X-Three")) }

func (d dice) request() *condition.Request {
	h := http.Header{}
	for _, name := range []string{"X-One", "X-Two", "X-Three"} {
		if d.IntN(4) > 0 {
			h.Set(name, pick(d, "", "a", "A", "ab", "BA", "1", "1.5", "2026-01-01", "/a", "/a/b"))
		}
	}
	return &condition.Request{Header: h, Time: noon}
}

// walk is the meaning of conditions written down once more, as plainly as
// possible: a value is a pointer that is nil when it is missing.
func walk(rules []condition.Rule, criteria condition.Criteria, h http.Header) string {
	for _, r := range rules {
		verdict := ""
		if r.Criteria == condition.Value {
			verdict = walkLeaf(r, h)
		} else {
			verdict = walk(r.Rules, r.Criteria, h)
		}
		switch {
		case verdict != "met" && verdict != "unmet":
			return verdict
		case criteria == condition.Or && verdict == "met":
			return "met"
		case criteria == condition.And && verdict == "unmet":
			return "unmet"
		case criteria == condition.Not && verdict == "unmet":
			return "met"
		}
	}
	if criteria == condition.And {
		return "met"
	}
	return "unmet"
}

func lookUp(v *condition.Variable, h http.Header) *string {
	if values, ok := h[v.HeaderName]; ok {
		return &values[0]
	}
	return nil
}

func word(met bool) string {
	if met {
		return "met"
	}
	return "unmet"
}

func walkLeaf(r condition.Rule, h http.Header) string {
	a := lookUp(r.First, h)
	switch r.Operator {
	case "IS_EXISTS":
		return word(a != nil)
	case "IS_NOT_EXISTS":
		return word(a == nil)
	case "IS_EMPTY":
		return word(a == nil || *a == "")
	case "IS_NOT_EMPTY":
		return word(a != nil && *a != "")
	case "EXISTS_AND_EMPTY":
		return word(a != nil && *a == "")
	}
	name, negative := strings.CutPrefix(string(r.Operator), "NOT_")
	if rest, ok := strings.CutPrefix(name, "NE"); ok {
		name, negative = "EQ"+rest, true
	}
	b := &r.SecondValue
	if r.Source == condition.FromVariable {
		b = lookUp(r.Second, h)
	}
	if a == nil || b == nil {
		return word((strings.HasPrefix(name, "EQ") && a == nil && b == nil) != negative)
	}
	met, fault := walkValues(r.DataType, name, *a, *b)
	if fault != "" {
		return fault
	}
	return word(met != negative)
}

func walkValues(t condition.DataType, name, a, b string) (met bool, fault string) {
	switch t {
	case condition.Numeric:
		x, err := strconv.ParseFloat(a, 64)
		if err != nil {
			return false, "no number"
		}
		return walkList(name, b, func(name, b string) (bool, string) {
			y, err := strconv.ParseFloat(b, 64)
			if err != nil {
				return false, "no number"
			}
			return order(name, x, y), ""
		})
	case condition.Date:
		x, errX := time.Parse(time.DateOnly, a)
		y, errY := time.Parse(time.DateOnly, b)
		if errX != nil || errY != nil {
			return false, "no date"
		}
		return order(name, x.Unix(), y.Unix()), ""
	}
	if plain, ok := strings.CutSuffix(name, "_IGNORE_CASE"); ok {
		name, a, b = plain, strings.ToLower(a), strings.ToLower(b)
	}
	switch name {
	case "CONTAINS":
		return strings.Contains(a, b), ""
	case "STARTS_WITH":
		return strings.HasPrefix(a, b), ""
	case "ENDS_WITH":
		return strings.HasSuffix(a, b), ""
	case "MATCHES_PATH":
		return b == "/*" && strings.HasPrefix(a, "/") || b != "/*" && a == "/a" || b == "/a/*" && strings.HasPrefix(a, "/a/"), ""
	case "MATCHES_REGEX":
		return b == "^A" && strings.HasPrefix(a, "A") || b == "1" && strings.Contains(a, "1") || b == "^$" && a == "", ""
	}
	return walkList(name, b, func(name, b string) (bool, string) { return order(name, a, b), "" })
}

func walkList(name, b string, one func(name, b string) (bool, string)) (bool, string) {
	if name != "IN" {
		return one(name, b)
	}
	list, any := strings.Split(b, "#"), false
	for _, e := range list {
		if e == "" {
			continue
		}
		met, fault := one("EQ", e)
		if fault != "" {
			return false, fault
		}
		any = any || met
	}
	return any, ""
}

func order[T float64 | int64 | string](name string, a, b T) bool {
	switch name {
	case "EQ":
		return a == b
	case "LT":
		return a < b
	case "LE":
		return a <= b
	case "GT":
		return a > b
	}
	return a >= b
}

// The compiled condition, its trace, its JSON form read again and a walk written
// down separately say the same of a hundred thousand random pairs.
func TestPropertyCompiledTracedWalkedAndReadAgainAgree(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	for seed := range uint64(20_000) {
		d := dice{rand.New(rand.NewPCG(seed, 1))}
		c := d.condition()
		c.Normalize()
		again := roundTrip(t, c)
		if !c.Equal(&again) {
			t.Fatalf("seed %d: the JSON form read again differs", seed)
		}
		p, q := compile(t, c), compile(t, again)
		for range 5 {
			r := d.request()
			want := walk(c.Rules, condition.And, r.Header.(http.Header))
			out, err := c.Trace(r)
			if err != nil {
				t.Fatal(err)
			}
			met, metErr := p.Met(r)
			metAgain, errAgain := q.Met(r)
			got := []string{verdict(met, metErr), verdict(metAgain, errAgain), verdict(out.Met, out.Err)}
			if got[0] != want || got[1] != want || got[2] != want {
				raw, _ := json.Marshal(c)
				t.Fatalf("seed %d: walked %s; compiled, read again and traced %v\n%s\n%v", seed, want, got, raw, r.Header)
			}
			seen[want]++
		}
	}
	for _, verdict := range []string{"met", "unmet", "no number", "no date"} {
		if seen[verdict] < 1000 {
			t.Errorf("%s came up %d times only", verdict, seen[verdict])
		}
	}
}

func TestPropertyTheSentenceNamesEveryRule(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2000) {
		c := dice{rand.New(rand.NewPCG(seed, 2))}.condition()
		c.Normalize()
		words := c.Words()
		c.Walk(func(path string, r *condition.Rule) {
			if r.Criteria == condition.Value && !strings.Contains(words, r.Words()) {
				t.Fatalf("seed %d: %s is not in %q", seed, path, words)
			}
		})
		if strings.Count(words, "(") != strings.Count(words, ")") {
			t.Fatalf("seed %d: %q", seed, words)
		}
	}
}

// Two conditions that mean different things never read alike.
func TestPropertyTheSentenceTellsConditionsApart(t *testing.T) {
	t.Parallel()
	read := map[string]condition.Condition{}
	for seed := range uint64(5000) {
		d := dice{rand.New(rand.NewPCG(seed, 3))}
		c := d.condition()
		c.Normalize()
		words := c.Words()
		other, ok := read[words]
		read[words] = c
		if !ok {
			continue
		}
		for range 50 {
			h := d.request().Header.(http.Header)
			a, b := walk(c.Rules, condition.And, h), walk(other.Rules, condition.And, h)
			if (a == "met") != (b == "met") {
				t.Fatalf("seed %d: %q is %s and %s", seed, words, a, b)
			}
		}
	}
}
