package condition

import "fmt"

// test decides a rule.
type test func(*Request) (bool, error)

// Program is a compiled condition. It never changes and is safe for concurrent
// use; a Request is one goroutine's. The zero Program is always met.
type Program struct {
	met  test
	body bool
}

// Compile turns a valid condition, whose references are resolved, into a
// program. An error names the rule that cannot be compiled.
func Compile(c Condition) (Program, error) {
	if c.Empty() {
		return Program{}, nil
	}
	var p Program
	met, err := p.all("", c.Rules)
	p.met = met
	return p, err
}

// Met tells whether the condition holds. Rules are asked from left to right, as
// few as are needed. Errors are ErrNumber, ErrDate, a BodyError or that of
// Request.Content.
func (p *Program) Met(r *Request) (bool, error) {
	if p.met == nil {
		return true, nil
	}
	return p.met(r)
}

// Always tells that there is no condition.
func (p *Program) Always() bool { return p.met == nil }

// ReadsBody tells that the condition may want the body.
func (p *Program) ReadsBody() bool { return p.body }

func (p *Program) rule(path string, r *Rule) (test, error) {
	switch r.Criteria {
	case And:
		return p.all(path, r.Rules)
	case Or:
		return p.any(path, r.Rules)
	case Not:
		met, err := p.all(path, r.Rules)
		return negated(met), err
	}
	met, err := p.comparison(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return met, nil
}

func (p *Program) rules(prefix string, rules []Rule) ([]test, error) {
	tests := make([]test, len(rules))
	for i := range rules {
		var err error
		if tests[i], err = p.rule(rulePath(prefix, i), &rules[i]); err != nil {
			return nil, err
		}
	}
	return tests, nil
}

func (p *Program) all(prefix string, rules []Rule) (test, error) {
	tests, err := p.rules(prefix, rules)
	if len(tests) == 1 {
		return tests[0], err
	}
	return func(r *Request) (bool, error) {
		for _, t := range tests {
			if met, err := t(r); !met || err != nil {
				return false, err
			}
		}
		return true, nil
	}, err
}

func (p *Program) any(prefix string, rules []Rule) (test, error) {
	tests, err := p.rules(prefix, rules)
	return func(r *Request) (bool, error) {
		for _, t := range tests {
			if met, err := t(r); met || err != nil {
				return met && err == nil, err
			}
		}
		return false, nil
	}, err
}

func negated(t test) test {
	return func(r *Request) (bool, error) {
		met, err := t(r)
		return !met && err == nil, err
	}
}

// comparison compiles a rule that is no group. A negative operator is its
// positive one turned round, so that every value, also a missing one, meets
// exactly one of the two.
func (p *Program) comparison(r *Rule) (test, error) {
	info, ok := r.Operator.Info()
	switch {
	case !ok || r.First == nil || !info.Unary && !info.takes(r.DataType):
		return nil, errOperator
	case r.First.Reference() || r.Second != nil && r.Second.Reference():
		return nil, errUnresolved
	case r.Second != nil && r.Second.ReadsBody() || r.First.ReadsBody():
		p.body = true
	}
	met, err := r.positive(info)
	if err != nil {
		return nil, err
	}
	if info.Negative() {
		return negated(met), nil
	}
	return met, nil
}

func (r *Rule) positive(info OperatorInfo) (test, error) {
	first := r.First.reader()
	switch {
	case info.Unary:
		return presence(info.Operator, first), nil
	case r.comparesAddress(info.positive):
		return addressTest(info.positive, r.SecondValue)
	case r.Source == FromVariable:
		return r.withVariable(info.positive, first)
	}
	holds, err := r.fixed(info.positive)
	if err != nil {
		return nil, err
	}
	if list := r.First.list(); list != nil {
		return anyOf(list, holds), nil
	}
	return func(q *Request) (bool, error) {
		value, ok, err := first(q)
		if !ok || err != nil {
			return false, err
		}
		return holds(value)
	}, nil
}

// presence is for the operators without a second value.
func presence(o Operator, first reader) test {
	var holds func(value string, ok bool) bool
	switch o {
	case Exists:
		holds = func(_ string, ok bool) bool { return ok }
	case NotExists:
		holds = func(_ string, ok bool) bool { return !ok }
	case Empty:
		holds = func(value string, _ bool) bool { return value == "" }
	case NotEmpty:
		holds = func(value string, _ bool) bool { return value != "" }
	default:
		holds = func(value string, ok bool) bool { return ok && value == "" }
	}
	return func(r *Request) (bool, error) {
		value, ok, err := first(r)
		return err == nil && holds(value, ok), err
	}
}

// list is the values of a variable that has several, nil for others.
func (v *Variable) list() func(*Request) []string {
	if v.Type != Context {
		return nil
	}
	info, _ := v.ContextValue.Info()
	return info.list
}

func anyOf(list func(*Request) []string, holds fixed) test {
	return func(r *Request) (bool, error) {
		for _, value := range list(r) {
			if met, err := holds(value); met || err != nil {
				return met, err
			}
		}
		return false, nil
	}
}

// fixed compiles a comparison with a value that is known now.
func (r *Rule) fixed(o Operator) (fixed, error) {
	switch r.DataType {
	case Numeric:
		return fixedNumber(o, r.SecondValue)
	case Date:
		d, err := r.dates()
		if err != nil {
			return nil, err
		}
		return d.fixed(o, r.SecondValue)
	}
	return fixedText(o, r.SecondValue)
}

func (r *Rule) dates() (dates, error) {
	layout, err := Layout(r.DateFormat)
	return dates{layout, r.First.zone()}, err
}

// withVariable compares two values of the request. Two that are missing are
// equal (reference 4.3).
func (r *Rule) withVariable(o Operator, first reader) (test, error) {
	if r.Second == nil {
		return nil, errUnresolved
	}
	second := r.Second.reader()
	holds, err := r.comparing(o)
	if err != nil {
		return nil, err
	}
	return func(q *Request) (bool, error) {
		a, okA, err := first(q)
		if err != nil {
			return false, err
		}
		b, okB, err := second(q)
		switch {
		case err != nil:
			return false, err
		case !okA || !okB:
			return (o == Equal || o == EqualFold) && !okA && !okB, nil
		}
		return holds(a, b)
	}, nil
}

func (r *Rule) comparing(o Operator) (compare, error) {
	switch r.DataType {
	case Numeric:
		return compareNumbers(o), nil
	case Date:
		d, err := r.dates()
		return d.compare(o), err
	}
	if o == MatchesPath {
		return func(v, s string) (bool, error) { return compilePattern(s).matches(v), nil }, nil
	}
	holds, ok := textCompare[o]
	if !ok { // a caller who writes the expression could make it a heavy one
		return nil, errOperator
	}
	return func(v, s string) (bool, error) { return holds(v, s), nil }, nil
}

func rulePath(prefix string, i int) string {
	path := fmt.Sprintf("conditionRuleList[%d]", i)
	if prefix != "" {
		path = prefix + "." + path
	}
	return path
}
