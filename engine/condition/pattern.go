package condition

import "strings"

// pattern is a path with wildcards (D11): * and {name} stand for one segment,
// ** for any number of them, and a * at the end for everything below, with the
// folder itself: whoever guards /api/admin/* guards /api/admin too.
type pattern []string

const anyDepth = "**"

func compilePattern(text string) pattern {
	parts := strings.Split(strings.Trim(text, "/"), "/")
	for i, p := range parts {
		if isParameter(p) {
			parts[i] = "*"
		}
	}
	if last := len(parts) - 1; parts[last] == "*" {
		parts[last] = anyDepth
	}
	if len(parts) == 1 && parts[0] == "" {
		return nil
	}
	return parts
}

// matches takes time in proportion to both lengths, whatever the pattern: where
// a part fails, only the last ** is widened.
func (p pattern) matches(path string) bool {
	if !strings.HasPrefix(path, "/") {
		return false
	}
	path = strings.Trim(path, "/")
	more := path != ""
	i, retry, retryAt := 0, -1, ""
	for more {
		segment, rest, next := strings.Cut(path, "/")
		switch {
		case i < len(p) && p[i] == anyDepth:
			retry, retryAt = i, path
			i++
			continue
		case i < len(p) && (p[i] == "*" || p[i] == segment):
			i, path, more = i+1, rest, next
			continue
		case retry < 0:
			return false
		}
		_, path, more = strings.Cut(retryAt, "/")
		i, retryAt = retry+1, path
	}
	for i < len(p) && p[i] == anyDepth {
		i++
	}
	return i == len(p)
}

// patternProblem says what is wrong with a pattern, or "".
func patternProblem(text string) string {
	if !strings.HasPrefix(text, "/") {
		return "Begin with a slash, such as /api/admin/*."
	}
	for part := range strings.SplitSeq(strings.Trim(text, "/"), "/") {
		if strings.Contains(part, "*") && part != "*" && part != anyDepth {
			return "Let * stand for a whole part of the path, such as /api/*/items."
		}
	}
	return ""
}
