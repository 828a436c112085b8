package fault

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/condition"
)

func TestEveryRowSaysWhenItIsTheAnswerAndWhatHelps(t *testing.T) {
	t.Parallel()
	for _, row := range Rows() {
		e := meanings[row.Type]
		for part, text := range map[string]string{"Why": e.Why, "Fix": e.Fix} {
			if !strings.HasSuffix(text, ".") || len(text) < 30 || strings.Contains(text, "  ") || strings.ToUpper(text[:1]) != text[:1] {
				t.Errorf("%s: %s is %q; want whole sentences", row.Type, part, text)
			}
		}
	}
	for name := range meanings {
		if !name.Known() {
			t.Errorf("there is no row for the meaning of %s", name)
		}
	}
}

// cause knows more than the row.
type cause struct {
	said  Explanation
	panic bool
}

func (cause) Error() string { return "cause" }

func (c cause) Explain() Explanation {
	if c.panic {
		panic("out of words")
	}
	return c.said
}

func TestACauseThatKnowsMoreIsHeardFirst(t *testing.T) {
	t.Parallel()
	row := meanings[RoleMissing]
	tests := map[string]struct {
		of    Type
		cause error
		want  Explanation
	}{
		"no cause":                    {RoleMissing, nil, row},
		"a cause that is only a text": {RoleMissing, errors.New("x"), row},
		"a cause that knows all":      {RoleMissing, cause{said: Explanation{"a", "b"}}, Explanation{"a", "b"}},
		"a cause that knows why":      {RoleMissing, cause{said: Explanation{Why: "a"}}, Explanation{"a", row.Fix}},
		"a cause that knows the fix":  {RoleMissing, cause{said: Explanation{Fix: "b"}}, Explanation{row.Why, "b"}},
		"a cause within others":       {RoleMissing, fmt.Errorf("x: %w", cause{said: Explanation{"a", "b"}}), Explanation{"a", "b"}},
		"a cause that panics":         {RoleMissing, cause{panic: true}, row},
		"a condition that is not met": {ConditionUnmet, &condition.UnmetError{Held: []string{"a is 1"}, Failed: []string{"b is 2", "c is 3"}},
			Explanation{meanings[ConditionUnmet].Why + " What did not hold: b is 2; c is 3. What held: a is 1.", meanings[ConditionUnmet].Fix}},
		"a type that is not in the list": {"NO_SUCH_TYPE", nil, meanings[Unexpected]},
	}
	for name, tt := range tests {
		if diff := cmp.Diff(tt.want, Explain(tt.of, tt.cause)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// ATTACK: the names in a token are the attacker's words, put before the eyes of
// the people who look into it.
func TestNamesOfStrangersAreClippedAndSpeltOut(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"orders":                   `"orders"`,
		"":                         `""`,
		"jörg":                     `"jörg"`,
		"a\r\n\x00\x1b[31mb":       `"a\r\n\x00\x1b[31mb"`,
		"\u202eadmin\u200b":        `"\u202eadmin\u200b"`,
		`a" is fine`:               `"a\" is fine"`,
		"\xff":                     `"\xff"`,
		strings.Repeat("x", 64):    `"` + strings.Repeat("x", 64) + `"`,
		strings.Repeat("x", 65):    `"` + strings.Repeat("x", 64) + `…"`,
		strings.Repeat("€", 1e4):   `"` + strings.Repeat("€", 64) + `…"`,
		strings.Repeat("€", 64):    `"` + strings.Repeat("€", 64) + `"`,
		"<script>alert(1)</script": `"<script>alert(1)</script"`,
	} {
		if got := Quoted(name); got != want {
			t.Errorf("Quoted(%q) = %s, want %s", clipped(name), got, want)
		}
	}
	many := make([]string, 1000)
	for i := range many {
		many[i] = strings.Repeat("r", 255)
	}
	if got := Listed(many); len(got) > 1000 || !strings.HasSuffix(got, " and 990 more") {
		t.Errorf("Listed of many is %q", got)
	}
	if got := Listed([]string{"a", "b"}) + Listed(nil); got != "a, b" {
		t.Errorf("Listed is %q", got)
	}
}

func TestTimesAreSaidToTwoUnits(t *testing.T) {
	t.Parallel()
	for seconds, want := range map[int64]string{
		0: "0 s", 43: "43 s", 119: "119 s", 120: "2 min", 183: "3 min 3 s", 7199: "119 min 59 s", 7200: "2 h", 12_000: "3 h 20 min",
		172_799: "47 h 59 min", 172_800: "2 days", 251_000_000_000: "2905092 days",
	} {
		if got := Lasting(seconds); got != want {
			t.Errorf("Lasting(%d) = %q, want %q", seconds, got, want)
		}
	}
}
