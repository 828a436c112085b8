package condition

import (
	"cmp"
	"math"
	"strconv"
)

// number is a decimal number: whole ones are exact, others have the precision
// of float64.
type number struct {
	whole int64
	real  float64
	exact bool
}

// parseNumber reads what JSON calls a number, with a plus sign allowed. Other
// spellings that Go reads, such as 0x1p-2, inf and 1_000, are none.
func parseNumber(text string) (number, bool) {
	if !numeric(text) {
		return number{}, false
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return number{whole: n, real: float64(n), exact: true}, true
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) {
		return number{}, false
	}
	return number{real: f}, true
}

func numeric(text string) bool {
	if text != "" && (text[0] == '-' || text[0] == '+') {
		text = text[1:]
	}
	text, ok := digits(text)
	if ok && text != "" && text[0] == '.' {
		text, ok = digits(text[1:])
	}
	if ok && text != "" && (text[0] == 'e' || text[0] == 'E') {
		text = text[1:]
		if text != "" && (text[0] == '-' || text[0] == '+') {
			text = text[1:]
		}
		text, ok = digits(text)
	}
	return ok && text == ""
}

// digits takes at least one digit off.
func digits(text string) (rest string, ok bool) {
	n := 0
	for n < len(text) && '0' <= text[n] && text[n] <= '9' {
		n++
	}
	return text[n:], n > 0
}

func (n number) compare(m number) int {
	if n.exact && m.exact {
		return cmp.Compare(n.whole, m.whole)
	}
	return cmp.Compare(n.real, m.real)
}

// ordered are the operators that an order decides.
var ordered = map[Operator]func(order int) bool{
	Equal:          func(o int) bool { return o == 0 },
	Less:           func(o int) bool { return o < 0 },
	LessOrEqual:    func(o int) bool { return o <= 0 },
	Greater:        func(o int) bool { return o > 0 },
	GreaterOrEqual: func(o int) bool { return o >= 0 },
}

func fixedNumber(o Operator, second string) (fixed, error) {
	if o == In {
		return fixedNumbers(second)
	}
	limit, ok := parseNumber(second)
	if !ok {
		return nil, errNumberConfigured
	}
	holds := ordered[o]
	return func(v string) (bool, error) {
		n, ok := parseNumber(v)
		if !ok {
			return false, ErrNumber
		}
		return holds(n.compare(limit)), nil
	}, nil
}

func fixedNumbers(list string) (fixed, error) {
	var all []number
	for _, e := range elements(list) {
		n, ok := parseNumber(e)
		if !ok {
			return nil, errNumberConfigured
		}
		all = append(all, n)
	}
	return func(v string) (bool, error) {
		n, ok := parseNumber(v)
		if !ok {
			return false, ErrNumber
		}
		for _, m := range all {
			if n.compare(m) == 0 {
				return true, nil
			}
		}
		return false, nil
	}, nil
}

// compareNumbers is for a second value that the request gives.
func compareNumbers(o Operator) compare {
	return func(value, second string) (bool, error) {
		if _, ok := parseNumber(value); !ok {
			return false, ErrNumber
		}
		test, err := fixedNumber(o, second)
		if err != nil {
			return false, ErrNumber
		}
		return test(value)
	}
}
