package condition

// Condition decides whether something applies to a request. All rules at its
// top must be met; without any it is always met.
type Condition struct {
	Rules []Rule `json:"conditionRuleList"`
}

// Empty tells that there is no condition.
func (c *Condition) Empty() bool { return len(c.Rules) == 0 }

// IsZero leaves no condition out of JSON where that is asked for.
func (c Condition) IsZero() bool { return len(c.Rules) == 0 }

// Criteria is what a rule is: a comparison or a group of rules.
type Criteria string

// The criteria. A NOT over several rules is met unless all of them are.
const (
	Value Criteria = "VALUE"
	And   Criteria = "AND"
	Or    Criteria = "OR"
	Not   Criteria = "NOT"
)

// Rule is a comparison of a variable with a second value, or a group.
type Rule struct {
	Criteria Criteria `json:"conditionCriteria"`
	// Rules are a group's.
	Rules []Rule `json:"conditionRuleList,omitempty"`

	// The rest is a comparison's.
	First    *Variable `json:"firstVariable,omitempty"`
	DataType DataType  `json:"variableDataType,omitempty"`
	// DateFormat is a Java pattern such as yyyy-MM-dd; DATE only.
	DateFormat string   `json:"dateFormat,omitempty"`
	Operator   Operator `json:"valueComparisonOperator,omitempty"`
	// Source says where the second value comes from; absent for operators that
	// need none.
	Source      ValueSource `json:"secondValueSource,omitempty"`
	SecondValue string      `json:"secondValue,omitempty"`
	Second      *Variable   `json:"secondVariable,omitempty"`
}

// group tells a group from a comparison.
func (r *Rule) group() bool { return r.Criteria != Value }

// DataType is how both sides of a comparison are read.
type DataType string

// The data types. DATE values without a zone of their own are read in that of
// the variable, UTC by default: nodes may stand in different zones.
const (
	String  DataType = "STRING"
	Numeric DataType = "NUMERIC"
	Date    DataType = "DATE"
)

// ValueSource is where the second value comes from.
type ValueSource string

// The sources of a second value.
const (
	FromValue    ValueSource = "VALUE"
	FromVariable ValueSource = "VARIABLE"
)

// Bounds of a condition. They keep a compiled one cheap and its page usable.
const (
	MaxDepth = 10
	MaxRules = 200
	maxText  = 4096 // bytes of a second value
)

// Walk visits every rule before those in it, with its path in the JSON form
// such as conditionRuleList[0].conditionRuleList[2].
func (c *Condition) Walk(visit func(path string, r *Rule)) { walk("", c.Rules, visit) }

func walk(prefix string, rules []Rule, visit func(string, *Rule)) {
	for i := range rules {
		path := rulePath(prefix, i)
		visit(path, &rules[i])
		walk(path, rules[i].Rules, visit)
	}
}

// Names are the variables of the project that the condition refers to, each
// once, in their order.
func (c *Condition) Names() []string {
	var names []string
	seen := map[string]bool{}
	c.Walk(func(_ string, r *Rule) {
		for _, v := range []*Variable{r.First, r.Second} {
			if v != nil && v.Reference() && !seen[v.Name] {
				seen[v.Name] = true
				names = append(names, v.Name)
			}
		}
	})
	return names
}

// clone shares nothing with c.
func (c *Condition) clone() Condition { return Condition{Rules: cloneRules(c.Rules)} }

func cloneRules(rules []Rule) []Rule {
	if rules == nil {
		return nil
	}
	out := make([]Rule, len(rules))
	for i, r := range rules {
		r.Rules, r.First, r.Second = cloneRules(r.Rules), r.First.clone(), r.Second.clone()
		out[i] = r
	}
	return out
}
