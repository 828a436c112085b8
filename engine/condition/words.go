package condition

import (
	"strconv"
	"strings"
)

// Words is the condition as a sentence without its end: "header X-Environment
// equals "production" and (path matches the path /api/admin/* or client address
// is one of 10.0.0.0/8)". It names every rule; "" when there is none.
func (c *Condition) Words() string { return joinWords(c.Rules, And, false) }

// Words is the rule as it stands in the sentence of its condition.
func (r *Rule) Words() string { return r.words(false) }

// words puts a group of several rules into brackets where it stands in another.
func (r *Rule) words(nested bool) string {
	switch r.Criteria {
	case And, Or:
		return joinWords(r.Rules, r.Criteria, nested)
	case Not:
		return "not (" + joinWords(r.Rules, And, false) + ")"
	}
	return r.comparisonWords()
}

func joinWords(rules []Rule, criteria Criteria, nested bool) string {
	parts := make([]string, len(rules))
	for i := range rules {
		parts[i] = rules[i].words(len(rules) > 1)
	}
	text := strings.Join(parts, " "+strings.ToLower(string(criteria))+" ")
	if nested && len(rules) > 1 {
		return "(" + text + ")"
	}
	return text
}

func (r *Rule) comparisonWords() string {
	words := "a variable"
	if r.First != nil {
		words = r.First.Words()
	}
	info, ok := r.Operator.Info()
	if !ok {
		return words + " " + strings.ToLower(string(r.Operator))
	}
	if info.Unary {
		return words + " " + info.Words
	}
	return words + " " + info.wordsFor(r.DataType) + " " + r.secondWords(info)
}

// dateWords are the words of operators for dates.
var dateWords = map[Operator]string{Less: "is before", LessOrEqual: "is not after", Greater: "is after", GreaterOrEqual: "is not before"}

func (o OperatorInfo) wordsFor(t DataType) string {
	if words := dateWords[o.Operator]; t == Date && words != "" {
		return words
	}
	return o.Words
}

// secondWords tells texts, numbers and dates apart: texts are quoted.
func (r *Rule) secondWords(info OperatorInfo) string {
	switch {
	case r.Source == FromVariable && r.Second != nil:
		return r.Second.Words() + r.typeWords(" as a number")
	case r.DataType == String && info.List:
		return strings.Join(quotedAll(elements(r.SecondValue)), ", ")
	case r.DataType == String:
		return strconv.Quote(r.SecondValue)
	}
	return strings.ReplaceAll(r.SecondValue, listSeparator, ", ") + r.typeWords("")
}

func (r *Rule) typeWords(number string) string {
	switch r.DataType {
	case Numeric:
		return number
	case Date:
		return " (" + r.DateFormat + ")"
	}
	return ""
}

func quotedAll(list []string) []string {
	out := make([]string, len(list))
	for i, e := range list {
		out[i] = strconv.Quote(e)
	}
	return out
}

// Words names what the variable points to.
func (v *Variable) Words() string {
	words := v.place()
	if v.ZoneID != "" {
		words += " in " + v.ZoneID
	}
	return words
}

func (v *Variable) place() string {
	switch v.Type {
	case Header:
		return "header " + v.HeaderName
	case Parameter:
		return strings.ToLower(string(v.ParamType)) + " parameter " + v.ParamName
	case Body:
		switch v.ContentType {
		case JSON:
			return "JSON body " + v.JSONPath
		case XML:
			return "XML body " + v.XPath
		}
		return "body"
	case Context:
		if info, ok := v.ContextValue.Info(); ok {
			return info.Label
		}
		return string(v.ContextValue)
	}
	return "variable " + v.Name
}
