package strict_test

import (
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/engine/strict"
)

func TestNestingIsBounded(t *testing.T) {
	t.Parallel()
	type free struct {
		Any any `json:"any"`
	}
	for _, c := range []struct {
		name, text string
		refused    bool
	}{
		{"a hundred levels are read", `{"any":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, false},
		{"a thousand arrays are refused", `{"any":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}`, true},
		{"a thousand objects are refused", strings.Repeat(`{"any":`, 1000) + "1" + strings.Repeat("}", 1000), true},
		{"a million brackets that never close are refused at once", strings.Repeat("[", 1_000_000), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := strict.Decode([]byte(c.text), &free{}, "document")
			if refused := err != nil && strings.Contains(err.Error(), "nested more than 200 levels"); refused != c.refused {
				t.Errorf("err = %v", err)
			}
		})
	}
}

func TestAMapTakesNoList(t *testing.T) {
	t.Parallel()
	into := map[string]any{}
	if err := strict.Decode([]byte(`[]`), &into, "policy"); err == nil {
		t.Error("a list is read as an object")
	}
}

func TestNullIsNoValue(t *testing.T) {
	t.Parallel()
	type document struct {
		Text   string            `json:"text"`
		Number int               `json:"number"`
		Truth  bool              `json:"truth"`
		List   []string          `json:"list"`
		Maybe  *string           `json:"maybe"`
		Free   any               `json:"free"`
		Words  map[string]string `json:"words"`
	}
	for text, field := range map[string]string{
		`{"text":null}`: "text", `{"number":null}`: "number", `{"truth":null}`: "truth", `{"list":["a",null]}`: "list[1]", `{"words":{"a":null}}`: "words.a",
		`{"list":null,"maybe":null,"free":null,"words":null}`: "",
	} {
		if err := strict.Decode([]byte(text), &document{}, "document"); err != nil {
			t.Errorf("where null says nothing, %s: %v", text, err)
		}
		err := strict.DecodeValues([]byte(text), &document{}, "document")
		if list := problem.Of(err); (field == "") != (err == nil) || field != "" && (len(list) != 1 || list[0].Field != field) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
