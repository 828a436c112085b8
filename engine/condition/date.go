package condition

import (
	"strings"
	"time"
)

// javaLetters are the letters of Java's date patterns in Go's layouts, by their
// number. A fraction of a second is only possible after a dot or comma.
var javaLetters = map[byte]map[int]string{
	'y': {4: "2006", 2: "06"}, 'u': {4: "2006", 2: "06"},
	'M': {1: "1", 2: "01", 3: "Jan", 4: "January"}, 'L': {1: "1", 2: "01", 3: "Jan", 4: "January"},
	'd': {1: "2", 2: "02"}, 'D': {3: "002"},
	'E': {1: "Mon", 2: "Mon", 3: "Mon", 4: "Monday"},
	'H': {1: "15", 2: "15"}, 'h': {1: "3", 2: "03"}, 'a': {1: "PM"},
	'm': {1: "4", 2: "04"}, 's': {1: "5", 2: "05"},
	'S': {1: "0", 2: "00", 3: "000", 6: "000000", 9: "000000000"},
	'X': {1: "Z07", 2: "Z0700", 3: "Z07:00"}, 'x': {1: "-07", 2: "-0700", 3: "-07:00"}, 'Z': {1: "-0700", 3: "-0700"},
}

// Layout translates a Java date pattern (reference 4.2) into Go's.
func Layout(java string) (string, error) {
	var out strings.Builder
	for i := 0; i < len(java); {
		c := java[i]
		switch {
		case c == '\'':
			text, n, ok := quoted(java[i:])
			if !ok || strings.ContainsAny(text, "0123456789") || !plainText(text) {
				return "", errDateFormat
			}
			out.WriteString(text)
			i += n
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
			n := 1
			for i+n < len(java) && java[i+n] == c {
				n++
			}
			layout, ok := javaLetters[c][n]
			if !ok || c == 'S' && (i == 0 || java[i-1] != '.' && java[i-1] != ',') {
				return "", errDateFormat
			}
			out.WriteString(layout)
			i += n
		case '0' <= c && c <= '9', c >= 0x80:
			return "", errDateFormat
		default:
			out.WriteByte(c)
			i++
		}
	}
	if out.Len() == 0 {
		return "", errDateFormat
	}
	return out.String(), nil
}

// quoted reads 'text', where two quotes stand for one.
func quoted(from string) (text string, n int, ok bool) {
	if strings.HasPrefix(from, "''") {
		return "'", 2, true
	}
	text, _, ok = strings.Cut(from[1:], "'")
	return text, len(text) + 2, ok
}

// plainText tells that Go's layouts read nothing into a text.
func plainText(text string) bool {
	return time.Date(2001, 11, 30, 22, 47, 58, 0, time.UTC).Format(text) == text
}

// dates compares moments that are written in one format.
type dates struct {
	layout string
	zone   *time.Location
}

func (d dates) parse(text string) (time.Time, bool) {
	t, err := time.ParseInLocation(d.layout, text, d.zone)
	return t, err == nil
}

func (d dates) fixed(o Operator, second string) (fixed, error) {
	limit, ok := d.parse(second)
	if !ok {
		return nil, errDateConfigured
	}
	holds := ordered[o]
	return func(v string) (bool, error) {
		t, ok := d.parse(v)
		if !ok {
			return false, ErrDate
		}
		return holds(t.Compare(limit)), nil
	}, nil
}

func (d dates) compare(o Operator) compare {
	holds := ordered[o]
	return func(value, second string) (bool, error) {
		v, okV := d.parse(value)
		s, okS := d.parse(second)
		if !okV || !okS {
			return false, ErrDate
		}
		return holds(v.Compare(s)), nil
	}
}
