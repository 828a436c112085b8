package condition

import (
	"strings"

	"github.com/gatewright/gatewright/engine/problem"
)

// Resolve gives the condition with the project's variables put in and every
// ${NAME} replaced, which is what is deployed. Names of variables compare
// without case (D17). What is missing, and what is wrong with a value once it
// is known, comes back as a list.
func (c *Condition) Resolve(variable func(name string) (Variable, bool), environment func(name string) (string, bool)) (Condition, problem.List) {
	out := c.clone()
	var l problem.List
	out.Walk(func(path string, r *Rule) {
		l.Append(path+".firstVariable", resolveVariable(r.First, variable))
		l.Append(path+".secondVariable", resolveVariable(r.Second, variable))
		value, missing := expand(r.SecondValue, environment)
		for _, name := range missing {
			l.Add(path+".secondValue", "The environment has no variable %s.", name)
		}
		r.SecondValue = value
	})
	if len(l) == 0 {
		l = out.Validate()
	}
	return out, l
}

func resolveVariable(v *Variable, variable func(string) (Variable, bool)) problem.List {
	if v == nil || !v.Reference() {
		return nil
	}
	found, ok := variable(v.Name)
	if !ok || found.Reference() {
		return problem.List{{Field: "name", Message: "The project has no variable " + v.Name + "."}}
	}
	found.Description = "" // a change of it changes nothing that runs
	*v = found
	return nil
}

// expand replaces ${NAME}. Anything else after a dollar sign stands for itself.
func expand(text string, environment func(string) (string, bool)) (out string, missing []string) {
	var b strings.Builder
	for {
		before, name, after, ok := cutEnvironment(text)
		b.WriteString(before)
		if !ok {
			return b.String(), missing
		}
		value, known := environment(name)
		if !known {
			missing = append(missing, name)
		}
		b.WriteString(value)
		text = after
	}
}

// EnvironmentNames are the NAMEs of every ${NAME} in a text.
func EnvironmentNames(text string) []string {
	var names []string
	_, _ = expand(text, func(name string) (string, bool) {
		names = append(names, name)
		return "", true
	})
	return names
}

func holdsEnvironment(text string) bool {
	_, _, _, ok := cutEnvironment(text)
	return ok
}

// cutEnvironment finds the first ${NAME}.
func cutEnvironment(text string) (before, name, after string, ok bool) {
	for from := 0; ; {
		i := strings.Index(text[from:], "${")
		if i < 0 {
			return text, "", "", false
		}
		i += from
		name, after, ok = strings.Cut(text[i+2:], "}")
		if ok && EnvironmentName(name) {
			return text[:i], name, after, true
		}
		from = i + 2
	}
}

// EnvironmentName tells whether a text can be the name of an environment
// variable: letters, digits and underscores, not beginning with a digit.
func EnvironmentName(name string) bool {
	for i := range len(name) {
		c := name[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != "" && len(name) <= 255
}
