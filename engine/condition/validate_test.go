package condition_test

import (
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/condition"
)

func TestValidateNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	const rule = "conditionRuleList[0]."
	env := header("X-Environment")
	good := leaf(env, "EQ", "production")
	variable := func(v condition.Variable) condition.Rule { return leaf(&v, "EQ", "1") }
	with := func(change func(*condition.Rule)) condition.Rule {
		r := good
		change(&r)
		return r
	}
	nested := good
	for range condition.MaxDepth {
		nested = group(condition.And, nested)
	}
	tests := map[string]struct {
		rule  condition.Rule
		field string // "" for none
	}{
		"a good rule":                         {good, ""},
		"no criteria":                         {condition.Rule{}, "conditionCriteria"},
		"an unknown criteria":                 {condition.Rule{Criteria: "XOR"}, "conditionCriteria"},
		"an empty group":                      {group(condition.And), "conditionRuleList"},
		"a fault deep inside":                 {group(condition.Or, good, group(condition.Not, with(func(r *condition.Rule) { r.First = nil }))), "conditionRuleList[1].conditionRuleList[0].firstVariable"},
		"groups in groups without end":        {nested, strings.Repeat("conditionRuleList[0].", condition.MaxDepth) + "conditionRuleList[0]"},
		"no variable":                         {with(func(r *condition.Rule) { r.First = nil }), "firstVariable"},
		"no variable for a date":              {with(func(r *condition.Rule) { r.First, r.DataType, r.DateFormat = nil, condition.Date, "yyyy" }), "firstVariable"},
		"no operator":                         {with(func(r *condition.Rule) { r.Operator = "" }), "valueComparisonOperator"},
		"an unknown operator":                 {with(func(r *condition.Rule) { r.Operator = "LIKE" }), "valueComparisonOperator"},
		"an unknown data type":                {with(func(r *condition.Rule) { r.DataType = "MONEY" }), "variableDataType"},
		"a data type of older documents":      {with(func(r *condition.Rule) { r.DataType, r.SecondValue = "NUMBER", "1" }), ""},
		"an operator of another type":         {typed(condition.Numeric, env, "CONTAINS", "1", ""), "valueComparisonOperator"},
		"an unknown source":                   {with(func(r *condition.Rule) { r.Source = "GUESS" }), "secondValueSource"},
		"no second variable":                  {with(func(r *condition.Rule) { r.Source = condition.FromVariable }), "secondVariable"},
		"an expression from the caller":       {against(env, "MATCHES_REGEX", env), "secondValueSource"},
		"no number":                           {typed(condition.Numeric, env, "LT", "ten", ""), "secondValue"},
		"a number of another language":        {typed(condition.Numeric, env, "LT", "0x10", ""), "secondValue"},
		"no number at all":                    {typed(condition.Numeric, env, "LT", "", ""), "secondValue"},
		"an environment's number":             {typed(condition.Numeric, env, "LT", "${LIMIT}", ""), ""},
		"a list with no number":               {typed(condition.Numeric, env, "IN", "1#x", ""), "secondValue"},
		"an empty list":                       {leaf(env, "IN", "##"), "secondValue"},
		"no date format":                      {typed(condition.Date, env, "LT", "2026-01-01", ""), "dateFormat"},
		"a format of another language":        {typed(condition.Date, env, "LT", "2026-01-01", "2006-01-02"), "dateFormat"},
		"a format with unknown letters":       {typed(condition.Date, env, "LT", "2026-01-01", "YYYY-ww"), "dateFormat"},
		"a date in another format":            {typed(condition.Date, env, "LT", "01.01.2026", "yyyy-MM-dd"), "secondValue"},
		"a date that there is not":            {typed(condition.Date, env, "LT", "2026-02-30", "yyyy-MM-dd"), "secondValue"},
		"a format with a text":                {typed(condition.Date, env, "LT", "2026-01-01T10:00:00Z", "yyyy-MM-dd'T'HH:mm:ssXXX"), ""},
		"a network for EQ":                    {leaf(contextValue(condition.ClientAddress), "EQ", "10.0.0.0/8"), "secondValue"},
		"no network":                          {leaf(contextValue(condition.ClientAddress), "IN", "10.0.0.0/8#office"), "secondValue"},
		"a path without a slash":              {leaf(env, "MATCHES_PATH", "api/*"), "secondValue"},
		"a star within a segment":             {leaf(env, "MATCHES_PATH", "/api/v*/x"), "secondValue"},
		"an expression that is none":          {leaf(env, "MATCHES_REGEX", "(a"), "secondValue"},
		"an expression that RE2 has not":      {leaf(env, "MATCHES_REGEX", `(?=a)b`), "secondValue"},
		"a part that every text has":          {leaf(env, "CONTAINS", ""), "secondValue"},
		"the empty text to equal":             {leaf(env, "EQ", ""), ""},
		"a value too long":                    {leaf(env, "EQ", strings.Repeat("x", 4097)), "secondValue"},
		"a header without a name":             {variable(condition.Variable{Type: condition.Header}), "firstVariable.headerName"},
		"a header that is none":               {variable(condition.Variable{Type: condition.Header, HeaderName: "X Environment"}), "firstVariable.headerName"},
		"a header with a line break":          {variable(condition.Variable{Type: condition.Header, HeaderName: "X-A\r\n"}), "firstVariable.headerName"},
		"a parameter of no place":             {variable(condition.Variable{Type: condition.Parameter, ParamName: "a"}), "firstVariable.paramType"},
		"a parameter without a name":          {variable(condition.Variable{Type: condition.Parameter, ParamType: condition.Query}), "firstVariable.paramName"},
		"a template without the name":         {variable(condition.Variable{Type: condition.Parameter, ParamType: condition.Path, ParamName: "id", ParamPath: "/a/{b}"}), "firstVariable.paramPath"},
		"a template without a slash":          {variable(condition.Variable{Type: condition.Parameter, ParamType: condition.Path, ParamName: "id", ParamPath: "{id}"}), "firstVariable.paramPath"},
		"a body of no kind":                   {variable(condition.Variable{Type: condition.Body}), "firstVariable.messageContentType"},
		"no JSONPath":                         {variable(condition.Variable{Type: condition.Body, ContentType: condition.JSON, JSONPath: "a.b"}), "firstVariable.jsonPathValue"},
		"a JSONPath that takes long":          {variable(condition.Variable{Type: condition.Body, ContentType: condition.JSON, JSONPath: "$..*..*"}), "firstVariable.jsonPathValue"},
		"no XPath":                            {variable(condition.Variable{Type: condition.Body, ContentType: condition.XML, XPath: "//["}), "firstVariable.xpathValue"},
		"an XPath that takes long":            {variable(condition.Variable{Type: condition.Body, ContentType: condition.XML, XPath: "//a//b//c"}), "firstVariable.xpathValue"},
		"an XPath to the last":                {variable(condition.Variable{Type: condition.Body, ContentType: condition.XML, XPath: "//a[last ()]"}), "firstVariable.xpathValue"},
		"an XPath that goes back":             {variable(condition.Variable{Type: condition.Body, ContentType: condition.XML, XPath: "//a[../b='c']"}), "firstVariable.xpathValue"},
		"an XPath from the top for each node": {variable(condition.Variable{Type: condition.Body, ContentType: condition.XML, XPath: "//a[/b/c='d']"}), "firstVariable.xpathValue"},
		"an XPath of every pair":              {variable(condition.Variable{Type: condition.Body, ContentType: condition.XML, XPath: "/a[b=c]"}), "firstVariable.xpathValue"},
		"an XPath of every pair of values":    {variable(condition.Variable{Type: condition.Body, ContentType: condition.XML, XPath: "/a/b != /a/c"}), "firstVariable.xpathValue"},
		"an XPath of two":                     {variable(condition.Variable{Type: condition.Body, ContentType: condition.XML, XPath: "/a/b | /a/c"}), "firstVariable.xpathValue"},
		"an XPath of pairs behind a number":   {variable(condition.Variable{Type: condition.Body, ContentType: condition.XML, XPath: "/a[b2>c]"}), "firstVariable.xpathValue"},
		"an unknown context value":            {variable(condition.Variable{Type: condition.Context, ContextValue: "REQUEST_MOOD"}), "firstVariable.contextValue"},
		"a zone that there is not":            {variable(condition.Variable{Type: condition.Context, ContextValue: "DATETIME_HOUR", ZoneID: "Europe/Atlantis"}), "firstVariable.zoneId"},
		"the node's own zone":                 {variable(condition.Variable{Type: condition.Context, ContextValue: "DATETIME_HOUR", ZoneID: "Local"}), "firstVariable.zoneId"},
		"a script":                            {variable(condition.Variable{Type: "CUSTOM"}), "firstVariable.type"},
		"neither name nor type":               {variable(condition.Variable{}), "firstVariable.name"},
		"a variable of the project":           {variable(condition.Variable{Name: "env"}), ""},
		"a fault in the second variable":      {against(env, "EQ", &condition.Variable{Type: condition.Header}), "secondVariable.headerName"},
		"an existence needs nothing more":     {condition.Rule{Criteria: condition.Value, First: env, Operator: "IS_EXISTS", SecondValue: "left over", DataType: "MONEY"}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := roundTrip(t, of(tt.rule))
			c.Normalize()
			l := c.Validate()
			want := tt.field
			if want != "" && !strings.HasPrefix(want, "conditionRuleList[0].") {
				want = rule + want
			}
			switch {
			case tt.field == "" && len(l) > 0:
				t.Errorf("problems: %v", l)
			case tt.field != "" && (len(l) != 1 || l[0].Field != want || !strings.HasSuffix(l[0].Message, ".")):
				t.Errorf("problems %v, want one of %s", l, want)
			}
		})
	}
}

func TestTooManyRulesAreRefusedAtOnce(t *testing.T) {
	t.Parallel()
	rules := make([]condition.Rule, 100_000)
	for i := range rules {
		rules[i] = leaf(header("X-A"), "EQ", "1")
	}
	c := of(rules...)
	if l := c.Validate(); len(l) != 1 || l[0].Field != "conditionRuleList" {
		t.Errorf("%d problems, the first %v", len(l), l[:min(1, len(l))])
	}
}

func TestNormalizeKeepsOnlyWhatActs(t *testing.T) {
	t.Parallel()
	messy := of(condition.Rule{
		First: &condition.Variable{
			Name: "ip", Type: condition.Context, ContextValue: "CLIENT_IP", HeaderName: "X", JSONPath: "$", ParamType: condition.Query,
		},
		DataType: "BOOLEAN", DateFormat: "yyyy", Operator: "IN", SecondValue: "# 10.0.0.0/8 ##192.0.2.1#", Second: header("X"),
	}, condition.Rule{Criteria: condition.Not, Operator: "EQ", SecondValue: "x", Rules: []condition.Rule{
		{Criteria: condition.Value, First: header("X"), Operator: "IS_EMPTY", Source: condition.FromValue, SecondValue: "x", DataType: "DATE", DateFormat: "yyyy"},
	}})
	messy.Rules[0].Source = condition.FromValue
	messy.Normalize()
	clean := of(
		condition.Rule{
			Criteria: condition.Value, First: &condition.Variable{Name: "ip", Type: condition.Context, ContextValue: condition.ClientAddress},
			DataType: condition.String, Operator: "IN", Source: condition.FromValue, SecondValue: "10.0.0.0/8#192.0.2.1",
		},
		group(condition.Not, condition.Rule{Criteria: condition.Value, First: header("X"), DataType: condition.String, Operator: "IS_EMPTY"}),
	)
	if !messy.Equal(&clean) {
		t.Errorf("normalised: %s", messy.Words())
	}
	var none condition.Condition
	none.Normalize()
	if none.Rules == nil || !none.Empty() || none.Words() != "" {
		t.Errorf("no condition: %#v", none)
	}
}

func TestVariablesAndEnvironmentsArePutInWhenDeployed(t *testing.T) {
	t.Parallel()
	project := map[string]condition.Variable{
		"env": {Name: "env", Description: "Where.", Type: condition.Header, HeaderName: "X-Environment"},
		"ip":  {Name: "ip", Type: condition.Context, ContextValue: condition.ClientAddress},
	}
	variable := func(name string) (condition.Variable, bool) {
		v, ok := project[strings.ToLower(name)]
		return v, ok
	}
	environment := func(name string) (string, bool) {
		v, ok := map[string]string{"STAGE": "production", "NETS": "10.0.0.0/8", "EMPTY": ""}[name]
		return v, ok
	}
	ref := func(name string) *condition.Variable { return &condition.Variable{Name: name} }
	c := of(leaf(ref("ENV"), "EQ", "${STAGE}"), group(condition.Not, leaf(ref("ip"), "IN", "${NETS}#192.0.2.1")), leaf(header("X-A"), "NE", "$5 ${} ${a b} ${EMPTY}$"))
	c.Normalize()
	if l := c.Validate(); len(l) > 0 {
		t.Fatal(l)
	}
	if names := c.Names(); strings.Join(names, " ") != "ENV ip" {
		t.Errorf("names %v", names)
	}
	got, problems := c.Resolve(variable, environment)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	const want = `header X-Environment equals "production" and not (client address is one of "10.0.0.0/8", "192.0.2.1") and header X-A does not equal "$5 ${} ${a b} $"`
	if got.Words() != want || got.Rules[0].First.Description != "" {
		t.Errorf("resolved to %s", got.Words())
	}
	if c.Rules[0].First.Type != "" || c.Rules[0].SecondValue != "${STAGE}" {
		t.Error("the condition itself was changed")
	}
	if decide(t, got, sample()) != "unmet" {
		t.Error("the resolved condition does not act")
	}
	for name, tt := range map[string]struct {
		rule  condition.Rule
		field string
	}{
		"an unknown variable":             {leaf(ref("nobody"), "EQ", "1"), "conditionRuleList[0].firstVariable.name"},
		"an unknown second variable":      {against(ref("env"), "EQ", ref("nobody")), "conditionRuleList[0].secondVariable.name"},
		"an environment without it":       {leaf(ref("env"), "EQ", "${MISSING}"), "conditionRuleList[0].secondValue"},
		"a value that does not fit":       {typed(condition.Numeric, ref("env"), "LT", "${STAGE}", ""), "conditionRuleList[0].secondValue"},
		"a value that the variable needs": {leaf(ref("ip"), "IN", "office"), "conditionRuleList[0].secondValue"},
	} {
		c := of(tt.rule)
		if _, l := c.Resolve(variable, environment); len(l) != 1 || l[0].Field != tt.field {
			t.Errorf("%s: %v", name, l)
		}
	}
	for _, rule := range []condition.Rule{leaf(ref("env"), "NE", "1"), against(header("X-A"), "NE", ref("env"))} {
		if _, err := condition.Compile(of(rule)); err == nil {
			t.Error("a reference that nobody resolved is compiled")
		}
	}
}

func TestATraceShowsWhatEveryRuleSaw(t *testing.T) {
	t.Parallel()
	c := of(group(condition.Or,
		leaf(header("X-Environment"), "EQ", "production"),
		leaf(header("X-Missing"), "EQ", "x"),
		typed(condition.Numeric, header("X-Environment"), "EQ", "1", ""),
		group(condition.Not, against(header("X-Number"), "EQ", header("Content-Length"))),
	))
	out, err := c.Trace(sample())
	if err != nil {
		t.Fatal(err)
	}
	or := out.Rules[0]
	if !out.Met || !or.Met || or.Err != nil {
		t.Errorf("the whole: %+v", out)
	}
	first, missing, number, not := or.Rules[0], or.Rules[1], or.Rules[2], or.Rules[3]
	if !first.Met || *first.First != "production" || missing.Met || missing.First != nil || verdict(number.Met, number.Err) != "no number" {
		t.Errorf("rules %+v", or.Rules)
	}
	if pair := not.Rules[0]; !not.Met || pair.Met || *pair.First != "18" || *pair.Second != "42" {
		t.Errorf("the pair %+v", not)
	}
}

func TestConditionsReadAsSentences(t *testing.T) {
	t.Parallel()
	env := leaf(header("X-Environment"), "EQ", "production")
	path := leaf(contextValue(condition.RequestPath), "MATCHES_PATH", "/api/admin/*")
	inside := leaf(contextValue(condition.ClientAddress), "IN", "10.0.0.0/8")
	hours := contextValue("DATETIME_HOUR")
	hours.ZoneID = "Europe/Istanbul"
	for want, c := range map[string]condition.Condition{
		"": of(),
		`(header X-Environment equals "production" and path matches the path "/api/admin/*") or client address is one of "10.0.0.0/8"`: of(group(condition.Or, group(condition.And, env, path), inside)),
		`header X-Environment equals "production" and not (client address is one of "10.0.0.0/8")`:                                     of(env, group(condition.Not, inside)),
		`hour in Europe/Istanbul is at least 9 and hour in Europe/Istanbul is less than 18`:                                            of(typed(condition.Numeric, hours, "GE", "9", ""), typed(condition.Numeric, hours, "LT", "18", "")),
		`date is before 2026-12-31 (yyyy-MM-dd)`:                                                                                       of(typed(condition.Date, contextValue("DATE_FORMATTED_TEXT"), "LT", "2026-12-31", "yyyy-MM-dd")),
		`query parameter debug exists`:                                                                                                 of(condition.Rule{Criteria: condition.Value, First: &condition.Variable{Type: condition.Parameter, ParamType: condition.Query, ParamName: "debug"}, Operator: "IS_EXISTS"}),
		`variable tenant equals header X-Tenant`:                                                                                       of(against(&condition.Variable{Name: "tenant"}, "EQ", header("X-Tenant"))),
	} {
		if got := c.Words(); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}

// What is refused for its time leaves what people write.
func TestOrdinaryXPathsAreTaken(t *testing.T) {
	t.Parallel()
	body := `<order id="7"><customer country="DE">a/b|c</customer><item><price>12</price></item><item><price>8</price></item></order>`
	for path, want := range map[string]string{
		"/order/@id": "7", "//item[price<10]/price": "8", "//item[10 < price]/price": "12", "count(//item)": "2", "//item[2]/price": "8",
		"/order[@id='7']/customer[@country!='FR']": "a/b|c", "//customer[.='a/b|c']/@country": "DE", "//item[price = '8' or price=99]/price": "8",
		"/order[item[price>11]]/@id": "7", "sum(//price)": "20", "//*[contains(., 'a/b')]/@id": "7",
	} {
		v := &condition.Variable{Type: condition.Body, ContentType: condition.XML, XPath: path}
		if l := v.Validate(); len(l) > 0 {
			t.Errorf("%s: %v", path, l)
			continue
		}
		if got := decide(t, of(leaf(v, "EQ", want)), sample(withBody("text/xml", body))); got != "met" {
			t.Errorf("%s: %s", path, got)
		}
	}
}

// ATTACK: the library panics where a document has two nodes for a function that
// takes a text. The request is refused and not dropped.
func TestAttackAnXPathThatTheLibraryCannotTakeStopsTheRequest(t *testing.T) {
	t.Parallel()
	v := &condition.Variable{Type: condition.Body, ContentType: condition.XML, XPath: "/a[contains(b, c)]"}
	p := compile(t, of(leaf(v, "NE", "x")))
	_, err := p.Met(sample(withBody("text/xml", "<a><b>x</b><c>x</c></a>")))
	if err == nil {
		t.Error("the rule was decided")
	}
}
