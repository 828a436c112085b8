package conditions

import (
	"strings"

	"github.com/gatewright/gatewright/engine/condition"
	"github.com/gatewright/gatewright/engine/policy"
)

// Sentence reads a condition back.
func Sentence(c condition.Condition) string {
	if c.Empty() {
		return "Applies to every request."
	}
	return "Applies when " + c.Words() + "."
}

// UnmetWords say what an unmet condition does.
func UnmetWords(a policy.UnmetAction) string {
	if a == policy.Reject {
		return "The request is answered 403, token requests too."
	}
	return "The request goes on without this policy."
}

func (v *view) sentence() string {
	if v.broken {
		return "The JSON cannot be read as a condition."
	}
	return Sentence(v.cond)
}

// unfinished tells that a rule lacks something, so that the sentence has gaps.
func (v *view) unfinished() bool { return !v.broken && len(v.cond.Validate()) > 0 }

// Writable names what a condition reads that the caller writes: anybody can leave it out or make it up. What has no
// name yet is left out.
func Writable(c condition.Condition) []string {
	var names []string
	seen := map[string]bool{}
	c.Walk(func(_ string, r *condition.Rule) {
		for _, v := range []*condition.Variable{r.First, r.Second} {
			if v != nil && writable(v) && !seen[v.Words()] && len(v.Validate()) == 0 {
				seen[v.Words()] = true
				names = append(names, v.Words())
			}
		}
	})
	return names
}

// writable counts a variable of the project too: what it points to may change.
func writable(v *condition.Variable) bool {
	if v.Type != condition.Context {
		return true
	}
	switch v.ContextValue {
	case "REQUEST_XFORWARDED_FOR", "REQUEST_QUERY_STRING", "REQUEST_CONTENT_TYPE", "REQUEST_CHARACTER_ENCODING", "REQUEST_CONTENT_LENGTH",
		"REQUEST_IS_XWWW_FORM_URL_ENCODED", "REQUEST_IS_FORM_DATA", "REQUEST_GZIP", "REQUEST_DEFLATE", "REQUEST_BR", "REQUEST_ZSTD", "MESSAGE_CORRELATION_ID":
		return true
	}
	return false
}

// opens says what leaving out the policy leads to.
func (v *view) opens() string {
	names := Writable(v.cond)
	if len(names) == 0 {
		return "No token is asked for where the condition is not met: the API is open to those requests unless another policy guards it."
	}
	which, them := names[0], "it"
	if len(names) > 1 {
		which, them = strings.Join(names[:len(names)-1], ", ")+" and "+names[len(names)-1], "them"
	}
	return "The caller writes " + which + ", and can leave " + them + " out or make " + them + " up. Whoever does so avoids this policy, and the API is open to them unless another policy guards it."
}

func lowerFirst(text string) string { return strings.ToLower(text[:1]) + text[1:] }
