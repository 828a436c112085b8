package condition

import (
	"net/textproto"
	"regexp"
	"strings"

	"github.com/gatewright/gatewright/engine/jsonpath"
	"github.com/gatewright/gatewright/engine/problem"
)

// Validate reports everything wrong with a normalised condition, by the paths
// of its JSON form. Variables of the project are not looked up here, and values
// that hold ${NAME} are judged once they are resolved.
func (c *Condition) Validate() problem.List {
	v := validation{}
	v.rules("", c.Rules, 1)
	if v.count > MaxRules {
		return problem.List{{Field: "conditionRuleList", Message: "Use at most 200 rules. Several policies can share the work."}}
	}
	return v.list
}

type validation struct {
	list  problem.List
	count int
}

func (v *validation) rules(prefix string, rules []Rule, depth int) {
	for i := range rules {
		if v.count++; v.count > MaxRules {
			return
		}
		path := rulePath(prefix, i)
		if depth > MaxDepth {
			v.list.Add(path, "Nest groups at most 10 deep.")
			return
		}
		v.rule(path, &rules[i], depth)
	}
}

func (v *validation) rule(path string, r *Rule, depth int) {
	switch r.Criteria {
	case Value:
		v.list.Append(path, r.validate())
	case And, Or, Not:
		if len(r.Rules) == 0 {
			v.list.Add(path+".conditionRuleList", "Add a rule to this group, or remove the group.")
		}
		v.rules(path, r.Rules, depth+1)
	case "":
		v.list.Add(path+".conditionCriteria", "Choose VALUE, AND, OR or NOT.")
	default:
		v.list.Add(path+".conditionCriteria", "There is no criteria %q. Choose VALUE, AND, OR or NOT.", string(r.Criteria))
	}
}

func (r *Rule) validate() problem.List {
	var l problem.List
	if r.First == nil {
		l.Add("firstVariable", "Choose a variable.")
	} else {
		l.Append("firstVariable", r.First.Validate())
	}
	info, ok := r.Operator.Info()
	switch {
	case r.Operator == "":
		l.Add("valueComparisonOperator", "Choose an operator.")
	case !ok:
		l.Add("valueComparisonOperator", "There is no operator %q.", string(r.Operator))
	case info.Unary:
	case !known(r.DataType):
		l.Add("variableDataType", "Choose STRING, NUMERIC or DATE.")
	case !info.takes(r.DataType):
		l.Add("valueComparisonOperator", "%q compares no %s. Choose another operator or data type.", info.Label, r.DataType.word())
	default:
		r.validateSecond(&l, info)
	}
	return l
}

func known(t DataType) bool { return t == String || t == Numeric || t == Date }

func (t DataType) word() string {
	switch t {
	case Numeric:
		return "numbers"
	case Date:
		return "dates"
	}
	return "texts"
}

func (r *Rule) validateSecond(l *problem.List, info OperatorInfo) {
	if r.DataType == Date {
		if _, err := Layout(r.DateFormat); err != nil {
			l.Add("dateFormat", "Write a pattern such as yyyy-MM-dd or yyyy-MM-dd HH:mm:ss.")
			return
		}
	}
	switch r.Source {
	case FromVariable:
		r.validateSecondVariable(l, info)
	case FromValue:
		if msg := r.valueProblem(info); msg != "" {
			l.Add("secondValue", "%s", msg)
		}
	default:
		l.Add("secondValueSource", "Choose VALUE or VARIABLE.")
	}
}

func (r *Rule) validateSecondVariable(l *problem.List, info OperatorInfo) {
	switch {
	case r.Second == nil:
		l.Add("secondVariable", "Choose a variable.")
	case info.positive == MatchesRegex:
		l.Add("secondValueSource", "Write the regular expression here: one that the caller sends could be made to take long.")
	default:
		l.Append("secondVariable", r.Second.Validate())
	}
}

// valueProblem says what is wrong with the second value, or "".
func (r *Rule) valueProblem(info OperatorInfo) string {
	switch {
	case len(r.SecondValue) > maxText:
		return "Shorten the value to 4096 bytes."
	case holdsEnvironment(r.SecondValue):
		return ""
	case info.List && len(elements(r.SecondValue)) == 0:
		return "Enter the elements of the list, separated by #."
	case r.First != nil && r.comparesAddress(info.positive):
		return addressProblem(info.positive, r.SecondValue)
	case r.DataType == String:
		return textProblem(info.positive, r.SecondValue)
	case r.SecondValue == "":
		return "Enter a value."
	}
	if r.First == nil { // said already; there is no zone to read a date in
		return ""
	}
	if _, err := r.fixed(info.positive); err == nil {
		return ""
	}
	if r.DataType == Date {
		return "Enter a date in the format " + r.DateFormat + "."
	}
	return "Enter a number, such as 18 or 99.5."
}

func addressProblem(o Operator, value string) string {
	if _, err := addressTest(o, value); err == nil {
		return ""
	}
	if o == In {
		return "Enter addresses or networks, separated by #, such as 10.0.0.0/8#192.0.2.10."
	}
	return "Enter an address such as 192.0.2.10. Use In for networks."
}

const maxRegex = 1000

func textProblem(o Operator, value string) string {
	switch {
	case o == MatchesPath:
		return patternProblem(value)
	case o == MatchesRegex && (value == "" || len(value) > maxRegex):
		return "Enter a regular expression of at most 1000 bytes."
	case o == MatchesRegex:
		if _, err := regexp.Compile(value); err != nil {
			return "Write a regular expression that RE2 knows, without look-ahead and back references."
		}
	case value == "" && (o == Contains || o == StartsWith || o == EndsWith || o == ContainsFold || o == StartsWithFold || o == EndsWithFold):
		return "Enter a value: every text holds the empty one."
	}
	return ""
}

// Validate reports what is wrong with a normalised variable.
func (v *Variable) Validate() problem.List {
	var l problem.List
	if v.Name != "" || v.Type == "" {
		if msg := problem.Name(v.Name); msg != "" {
			l.Add("name", "%s", msg)
		}
	}
	if msg := problem.Description(v.Description); msg != "" {
		l.Add("description", "%s", msg)
	}
	if field, msg := v.placeProblem(); msg != "" {
		l.Add(field, "%s", msg)
	}
	if _, err := loadZone(v.ZoneID); err != nil {
		l.Add("zoneId", "There is no time zone %q. Enter one such as Europe/Istanbul.", v.ZoneID)
	}
	return l
}

func (v *Variable) placeProblem() (field, msg string) {
	switch v.Type {
	case "":
		return "", "" // one of the project's
	case Header:
		return "headerName", headerProblem(v.HeaderName)
	case Parameter:
		return v.parameterProblem()
	case Body:
		return v.bodyProblem()
	case Context:
		if _, ok := v.ContextValue.Info(); !ok {
			return "contextValue", "Choose a context value, such as REQUEST_REMOTE_ADDRESS."
		}
		return "", ""
	case "CUSTOM":
		return "type", "Scripts are not run. Choose HEADER, PARAMETER, BODY or CONTEXT_VALUES."
	}
	return "type", "Choose HEADER, PARAMETER, BODY or CONTEXT_VALUES."
}

func headerProblem(name string) string {
	switch {
	case name == "":
		return "Enter the name of the header."
	case len(name) > 255 || !token(name):
		return "Enter the name of a header, such as X-Environment: letters, digits and hyphens."
	case textproto.CanonicalMIMEHeaderKey(name) == "Transfer-Encoding":
		return "This header belongs to the connection and no rule sees it."
	}
	return ""
}

// token is RFC 9110 section 5.6.2.
func token(name string) bool {
	return strings.Trim(name, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" && !strings.ContainsAny(name, " \t")
}

func (v *Variable) parameterProblem() (field, msg string) {
	switch {
	case v.ParamType != Query && v.ParamType != Path && v.ParamType != Form:
		return "paramType", "Choose QUERY, PATH or FORM."
	case v.ParamName == "" || len(v.ParamName) > 255:
		return "paramName", "Enter the name of the parameter."
	case v.ParamPath != "" && !strings.HasPrefix(v.ParamPath, "/"):
		return "paramPath", "Begin with a slash, such as /orders/{id}."
	case v.ParamPath != "" && !strings.Contains(v.ParamPath, "{"+v.ParamName+"}"):
		return "paramPath", "Name the parameter in the path, such as /orders/{" + v.ParamName + "}."
	}
	return "", ""
}

func (v *Variable) bodyProblem() (field, msg string) {
	switch v.ContentType {
	case JSON:
		if _, err := jsonpath.Compile(v.JSONPath); err != nil {
			return "jsonPathValue", err.Error()
		}
	case XML:
		if _, err := compileXPath(v.XPath); err != nil {
			return "xpathValue", err.Error()
		}
	case AllBody:
	default:
		return "messageContentType", "Choose JSON, XML or ALL_BODY."
	}
	return "", ""
}
