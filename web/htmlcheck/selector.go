package htmlcheck

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// compound is what one element must meet, and how it stands to the one before it.
type compound struct {
	child bool // the parent itself must match, not any ancestor
	tag   string
	tests []test
}

// test is one condition on an attribute; the operator is "", "=", "^=", "$=", "*=" or "~=".
type test struct{ name, operator, value string }

var (
	simple   = regexp.MustCompile(`^(?:([a-zA-Z][\w-]*|\*)|#([\w:.-]+)|\.([\w-]+)|\[([\w:-]+)(?:([~^$*]?=)(?:"([^"]*)"|'([^']*)'|([^\]"']*)))?\])`)
	joint    = regexp.MustCompile(`^\s*(>|,|\s)\s*`)
	operator = map[string]func(have, want string) bool{
		"":   func(string, string) bool { return true },
		"=":  func(have, want string) bool { return have == want },
		"^=": strings.HasPrefix,
		"$=": strings.HasSuffix,
		"*=": strings.Contains,
		"~=": func(have, want string) bool { return slices.Contains(strings.Fields(have), want) },
	}
)

// parseSelector reads the alternatives of a selector, each a list of compounds from the outermost to the element.
func parseSelector(selector string) ([][]compound, error) {
	rest := strings.TrimSpace(selector)
	alternatives := [][]compound{{{}}}
	for rest != "" {
		if m := simple.FindStringSubmatch(rest); m != nil {
			last := &alternatives[len(alternatives)-1]
			(*last)[len(*last)-1].add(m)
			rest = rest[len(m[0]):]
			continue
		}
		m := joint.FindStringSubmatch(rest)
		if m == nil {
			return nil, fmt.Errorf("cannot read %q in the selector %q", rest, selector)
		}
		alternatives = join(alternatives, m[1])
		rest = rest[len(m[0]):]
	}
	return alternatives, check(alternatives, selector)
}

func join(alternatives [][]compound, sign string) [][]compound {
	if sign == "," {
		return append(alternatives, []compound{{}})
	}
	last := len(alternatives) - 1
	alternatives[last] = append(alternatives[last], compound{child: sign == ">"})
	return alternatives
}

// check refuses a selector with a gap, such as "a > ", which would otherwise match everything.
func check(alternatives [][]compound, selector string) error {
	for _, a := range alternatives {
		for _, c := range a {
			if c.tag == "" && c.tests == nil {
				return fmt.Errorf("the selector %q has an empty part", selector)
			}
		}
	}
	return nil
}

func (c *compound) add(m []string) {
	switch {
	case m[1] != "":
		c.tag = strings.ToLower(m[1])
	case m[2] != "":
		c.tests = append(c.tests, test{"id", "=", m[2]})
	case m[3] != "":
		c.tests = append(c.tests, test{"class", "~=", m[3]})
	default:
		c.tests = append(c.tests, test{strings.ToLower(m[4]), m[5], m[6] + m[7] + m[8]})
	}
}

func (c compound) matches(n *html.Node) bool {
	if n.Type != html.ElementNode || (c.tag != "" && c.tag != "*" && c.tag != n.Data) {
		return false
	}
	for _, t := range c.tests {
		have, ok := attribute(n, t.name)
		if !ok || !operator[t.operator](have, t.value) {
			return false
		}
	}
	return true
}

func matchesAny(alternatives [][]compound, n, root *html.Node) bool {
	return slices.ContainsFunc(alternatives, func(a []compound) bool { return matches(a, n, root) })
}

// matches walks from the element outwards, as far as root.
func matches(path []compound, n, root *html.Node) bool {
	last := path[len(path)-1]
	if !last.matches(n) {
		return false
	}
	if len(path) == 1 {
		return true
	}
	for up := n.Parent; up != nil; up = up.Parent {
		if matches(path[:len(path)-1], up, root) {
			return true
		}
		if last.child || up == root {
			return false
		}
	}
	return false
}
