package condition_test

import (
	"net/netip"
	"testing"

	"github.com/gatewright/gatewright/engine/condition"
)

// Every operator of reference 4.3 on values that are there.
func TestOperatorsCompareValues(t *testing.T) {
	t.Parallel()
	env, number, date := header("X-Environment"), header("X-Number"), header("X-Date")
	path, client := contextValue(condition.RequestPath), contextValue(condition.ClientAddress)
	text := func(v *condition.Variable, o condition.Operator, value string) condition.Rule {
		return leaf(v, o, value)
	}
	num := func(o condition.Operator, value string) condition.Rule {
		return typed(condition.Numeric, number, o, value, "")
	}
	day := func(o condition.Operator, value, format string) condition.Rule {
		return typed(condition.Date, date, o, value, format)
	}
	tests := map[string]struct {
		rule condition.Rule
		want string
	}{
		"EQ":                       {text(env, "EQ", "production"), "met"},
		"EQ another":               {text(env, "EQ", "Production"), "unmet"},
		"EQ the empty text":        {text(header("X-Empty"), "EQ", ""), "met"},
		"NE":                       {text(env, "NE", "test"), "met"},
		"NE the same":              {text(env, "NE", "production"), "unmet"},
		"LT":                       {text(env, "LT", "q"), "met"},
		"LT itself":                {text(env, "LT", "production"), "unmet"},
		"LE itself":                {text(env, "LE", "production"), "met"},
		"GT":                       {text(env, "GT", "p"), "met"},
		"GE itself":                {text(env, "GE", "production"), "met"},
		"GE a greater one":         {text(env, "GE", "q"), "unmet"},
		"CONTAINS":                 {text(env, "CONTAINS", "duct"), "met"},
		"NOT_CONTAINS":             {text(env, "NOT_CONTAINS", "duct"), "unmet"},
		"STARTS_WITH":              {text(env, "STARTS_WITH", "prod"), "met"},
		"NOT_STARTS_WITH":          {text(env, "NOT_STARTS_WITH", "prod"), "unmet"},
		"ENDS_WITH":                {text(env, "ENDS_WITH", "tion"), "met"},
		"NOT_ENDS_WITH":            {text(env, "NOT_ENDS_WITH", "tion"), "unmet"},
		"IN":                       {text(env, "IN", "#test# production #"), "met"},
		"IN a long list":           {text(env, "IN", "1#2#3#4#5#6#7#8#9#production"), "met"},
		"IN without it":            {text(env, "IN", "1#2#3#4#5#6#7#8#9#10"), "unmet"},
		"IN is no substring":       {text(env, "IN", "productions"), "unmet"},
		"NOT_IN":                   {text(env, "NOT_IN", "test#production"), "unmet"},
		"EQ_IGNORE_CASE":           {text(env, "EQ_IGNORE_CASE", "PRODUCTION"), "met"},
		"NE_IGNORE_CASE":           {text(env, "NE_IGNORE_CASE", "PRODUCTION"), "unmet"},
		"CONTAINS_IGNORE_CASE":     {text(env, "CONTAINS_IGNORE_CASE", "DUCT"), "met"},
		"NOT_CONTAINS_IGNORE_CASE": {text(env, "NOT_CONTAINS_IGNORE_CASE", "DUCT"), "unmet"},
		"STARTS_WITH_IGNORE_CASE":  {text(env, "STARTS_WITH_IGNORE_CASE", "PROD"), "met"},
		"NOT_STARTS_WITH_IGNORE":   {text(env, "NOT_STARTS_WITH_IGNORE_CASE", "PROD"), "unmet"},
		"ENDS_WITH_IGNORE_CASE":    {text(env, "ENDS_WITH_IGNORE_CASE", "TION"), "met"},
		"NOT_ENDS_WITH_IGNORE":     {text(env, "NOT_ENDS_WITH_IGNORE_CASE", "TION"), "unmet"},
		"IN_IGNORE_CASE":           {text(env, "IN_IGNORE_CASE", "TEST#PRODUCTION"), "met"},
		"NOT_IN_IGNORE_CASE":       {text(env, "NOT_IN_IGNORE_CASE", "TEST#PRODUCTION"), "unmet"},
		"cases beyond ASCII":       {text(path, "CONTAINS_IGNORE_CASE", "CAFÉ"), "met"},
		"a Kelvin sign is a k":     {text(header("X-Api-Key"), "NE_IGNORE_CASE", "\u212A"), "met"},
		"MATCHES_PATH":             {text(path, "MATCHES_PATH", "/shop/api/admin/*"), "met"},
		"NOT_MATCHES_PATH":         {text(path, "NOT_MATCHES_PATH", "/shop/api/admin/*"), "unmet"},
		"MATCHES_REGEX":            {text(header("X-Api-Key"), "MATCHES_REGEX", "^PROD_[0-9]+$"), "met"},
		"NOT_MATCHES_REGEX":        {text(header("X-Api-Key"), "NOT_MATCHES_REGEX", "^PROD_[0-9]+$"), "unmet"},

		"numbers EQ":              {num("EQ", "18.0"), "met"},
		"numbers EQ, exponent":    {num("EQ", "1.8e1"), "met"},
		"numbers NE":              {num("NE", "18"), "unmet"},
		"numbers LT as numbers":   {num("LT", "9"), "unmet"},
		"numbers LE":              {num("LE", "18"), "met"},
		"numbers GT as numbers":   {num("GT", "9"), "met"},
		"numbers GE":              {num("GE", "18.5"), "unmet"},
		"numbers IN":              {num("IN", "7#18.00"), "met"},
		"numbers NOT_IN":          {num("NOT_IN", "7#18"), "unmet"},
		"a number that is none":   {typed(condition.Numeric, env, "EQ", "1", ""), "no number"},
		"an empty number":         {typed(condition.Numeric, header("X-Empty"), "EQ", "1", ""), "no number"},
		"a negative one too":      {typed(condition.Numeric, env, "NE", "1", ""), "no number"},
		"large numbers are exact": {typed(condition.Numeric, &condition.Variable{Type: condition.Body, ContentType: condition.JSON, JSONPath: "$.order.id"}, "EQ", "12345678901234568", ""), "unmet"},

		"dates EQ":                {day("EQ", "2026-03-01", "yyyy-MM-dd"), "met"},
		"dates NE":                {day("NE", "2026-03-01", "yyyy-MM-dd"), "unmet"},
		"dates LT":                {day("LT", "2026-10-01", "yyyy-MM-dd"), "met"},
		"dates LE":                {day("LE", "2026-03-01", "yyyy-MM-dd"), "met"},
		"dates GT":                {day("GT", "2025-12-31", "yyyy-MM-dd"), "met"},
		"dates GE":                {day("GE", "2026-03-02", "yyyy-MM-dd"), "unmet"},
		"a date in another form":  {day("EQ", "01.03.2026", "dd.MM.yyyy"), "no date"},
		"a date that is none":     {typed(condition.Date, env, "LT", "2026-03-01", "yyyy-MM-dd"), "no date"},
		"the date of the request": {typed(condition.Date, contextValue("DATE_FORMATTED_TEXT"), "GE", "2026-01-01", "yyyy-MM-dd"), "met"},

		"an address EQ":                {text(client, "EQ", "10.1.2.3"), "met"},
		"an address in other letters":  {text(client, "EQ", "::ffff:10.1.2.3"), "met"},
		"an address NE":                {text(client, "NE", "10.1.2.3"), "unmet"},
		"an address IN a network":      {text(client, "IN", "192.168.0.0/16#10.0.0.0/8"), "met"},
		"an address NOT_IN a network":  {text(client, "NOT_IN", "10.0.0.0/8"), "unmet"},
		"an address by its text":       {text(client, "STARTS_WITH", "10.1."), "met"},
		"an address of another family": {text(client, "IN", "::/0"), "unmet"},

		"any role":      {text(contextValue(condition.CallerRoles), "EQ", "admin"), "met"},
		"no such role":  {text(contextValue(condition.CallerRoles), "EQ", "adm"), "unmet"},
		"none of roles": {text(contextValue(condition.CallerRoles), "NOT_IN", "boss#guest"), "met"},
		"not this role": {text(contextValue(condition.CallerRoles), "NE", "admin"), "unmet"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := decide(t, of(tt.rule), sample()); got != tt.want {
				t.Errorf("%s: %s, want %s", tt.rule.Words(), got, tt.want)
			}
		})
	}
}

// The null table of reference 4.3: no missing value meets a positive operator,
// every one meets a negative one.
func TestAMissingValueMeetsNegativeOperatorsOnly(t *testing.T) {
	t.Parallel()
	second := map[condition.Operator]string{"MATCHES_PATH": "/a", "NOT_MATCHES_PATH": "/a"}
	for _, o := range condition.Operators {
		if o.Unary {
			continue
		}
		for _, dataType := range o.Types {
			value, format := second[o.Operator], ""
			if value == "" {
				value = "1"
			}
			if dataType == condition.Date {
				value, format = "2026-03-01", "yyyy-MM-dd"
			}
			want := "unmet"
			if o.Negative() {
				want = "met"
			}
			if got := decide(t, of(typed(dataType, header("X-Missing"), o.Operator, value, format)), sample()); got != want {
				t.Errorf("%s of %s: %s, want %s", o.Operator, dataType, got, want)
			}
		}
	}
}

func TestOperatorsWithoutASecondValue(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]map[condition.Operator]string{
		"X-Missing":     {"IS_EXISTS": "unmet", "IS_NOT_EXISTS": "met", "IS_EMPTY": "met", "IS_NOT_EMPTY": "unmet", "EXISTS_AND_EMPTY": "unmet"},
		"X-Empty":       {"IS_EXISTS": "met", "IS_NOT_EXISTS": "unmet", "IS_EMPTY": "met", "IS_NOT_EMPTY": "unmet", "EXISTS_AND_EMPTY": "met"},
		"X-Environment": {"IS_EXISTS": "met", "IS_NOT_EXISTS": "unmet", "IS_EMPTY": "unmet", "IS_NOT_EMPTY": "met", "EXISTS_AND_EMPTY": "unmet"},
	} {
		for o, verdict := range want {
			rule := condition.Rule{Criteria: condition.Value, First: header(name), Operator: o}
			if got := decide(t, of(rule), sample()); got != verdict {
				t.Errorf("%s %s: %s, want %s", name, o, got, verdict)
			}
		}
	}
}

func TestTwoVariablesAreCompared(t *testing.T) {
	t.Parallel()
	missing, other := header("X-Missing"), header("X-Gone")
	env, key := header("X-Environment"), header("X-Api-Key")
	tests := map[string]struct {
		rule condition.Rule
		want string
	}{
		"both missing EQ":              {against(missing, "EQ", other), "met"},
		"both missing NE":              {against(missing, "NE", other), "unmet"},
		"both missing EQ_IGNORE_CASE":  {against(missing, "EQ_IGNORE_CASE", other), "met"},
		"both missing CONTAINS":        {against(missing, "CONTAINS", other), "unmet"},
		"both missing NOT_CONTAINS":    {against(missing, "NOT_CONTAINS", other), "met"},
		"the first missing EQ":         {against(missing, "EQ", env), "unmet"},
		"the first missing NE":         {against(missing, "NE", env), "met"},
		"the first missing LT":         {against(missing, "LT", env), "unmet"},
		"the first missing NOT_IN":     {against(missing, "NOT_IN", env), "met"},
		"the second missing EQ":        {against(env, "EQ", missing), "unmet"},
		"the second missing NE":        {against(env, "NE", missing), "met"},
		"the second missing GE":        {against(env, "GE", missing), "unmet"},
		"the same":                     {against(env, "EQ", contextValue("ENVIRONMENT_NAME")), "met"},
		"different":                    {against(env, "EQ", key), "unmet"},
		"a path that the caller sends": {against(contextValue(condition.RequestPath), "MATCHES_PATH", header("X-Empty")), "unmet"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := decide(t, of(tt.rule), sample()); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
	numbers := against(header("X-Number"), "LT", header("Content-Length"))
	numbers.DataType = condition.Numeric
	if got := decide(t, of(numbers), sample()); got != "met" {
		t.Errorf("18 < 42: %s", got)
	}
	numbers.Second = env
	if got := decide(t, of(numbers), sample()); got != "no number" {
		t.Errorf("18 < production: %s", got)
	}
	dates := against(contextValue("DATE_FORMATTED_TEXT"), "EQ", header("X-Date"))
	dates.DataType, dates.DateFormat = condition.Date, "yyyy-MM-dd"
	if got := decide(t, of(dates), sample()); got != "met" {
		t.Errorf("today: %s", got)
	}
}

func TestAnUnknownAddressIsInNoNetwork(t *testing.T) {
	t.Parallel()
	unknown := func(r *condition.Request) { r.Client = netip.Addr{} }
	for o, want := range map[condition.Operator]string{"IN": "unmet", "NOT_IN": "met"} {
		if got := decide(t, of(leaf(contextValue(condition.ClientAddress), o, "0.0.0.0/0#::/0")), sample(unknown)); got != want {
			t.Errorf("%s: %s", o, got)
		}
	}
}

func TestPathsMatchWholeSegments(t *testing.T) {
	t.Parallel()
	tests := map[string]map[string]bool{
		"/api/admin/*":       {"/api/admin": true, "/api/admin/": true, "/api/admin/x": true, "/api/admin/x/y": true, "/api/administrator": false, "/v1/api/admin/x": false},
		"/api/*/items":       {"/api/a/items": true, "/api/a/b/items": false, "/api/items": false, "/api/a/items/1": false},
		"/api/{id}/items/*":  {"/api/a/items": true, "/api/a/items/1/2": true, "/api/a": false},
		"/**/admin":          {"/admin": true, "/a/admin": true, "/a/b/admin": true, "/a/admin/b": false, "/a/admin/b/admin": true},
		"/a/**/b/**/c":       {"/a/b/c": true, "/a/x/b/y/z/c": true, "/a/c/b": false, "/a/b/b/c/d": false, "/a/b/c/d/b/c": true},
		"/":                  {"/": true, "/a": false},
		"/*":                 {"/": true, "/a/b": true},
		"/exact":             {"/exact": true, "/exact/": true, "/exact/x": false, "/Exact": false},
		"/caf\u00e9/{id}/**": {"/caf\u00e9/1": true, "/caf\u00e9/1/2/3": true, "/cafe/1": false},
	}
	for pattern, paths := range tests {
		for path, want := range paths {
			at := func(r *condition.Request) { r.DecodedPath = path }
			if got := decide(t, of(leaf(contextValue(condition.RequestPath), "MATCHES_PATH", pattern)), sample(at)); (got == "met") != want {
				t.Errorf("%s on %s: %s", pattern, path, got)
			}
		}
	}
}
