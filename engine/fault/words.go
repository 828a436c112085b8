package fault

import (
	"strconv"
	"strings"
)

const (
	// maxName is how many characters of a name an explanation shows.
	maxName = 64
	// maxListed is how many names of a list.
	maxListed = 10
)

// Quoted is a name for explanations. Whoever wrote a token chose the names in it:
// they are clipped, and what cannot be seen or turns text round is spelt out.
func Quoted(name string) string { return strconv.Quote(clipped(name)) }

// Listed are names that hold neither blanks nor quotes, such as roles: "a, b and
// 3 more".
func Listed(names []string) string {
	shown := make([]string, 0, maxListed)
	for _, name := range names[:min(len(names), maxListed)] {
		shown = append(shown, clipped(name))
	}
	text := strings.Join(shown, ", ")
	if more := len(names) - len(shown); more > 0 {
		text += " and " + strconv.Itoa(more) + " more"
	}
	return text
}

func clipped(name string) string {
	if len(name) <= maxName {
		return name
	}
	count := 0
	for i := range name {
		if count == maxName {
			return name[:i] + "…"
		}
		count++
	}
	return name
}

// Lasting is a number of seconds as people say it, to two units.
func Lasting(seconds int64) string {
	n := func(count int64, unit string) string { return strconv.FormatInt(count, 10) + " " + unit }
	two := func(count int64, unit string, rest int64, lesser string) string {
		if rest == 0 {
			return n(count, unit)
		}
		return n(count, unit) + " " + n(rest, lesser)
	}
	switch {
	case seconds < 120:
		return n(seconds, "s")
	case seconds < 2*60*60:
		return two(seconds/60, "min", seconds%60, "s")
	case seconds < 2*24*60*60:
		return two(seconds/3600, "h", seconds%3600/60, "min")
	}
	return n(seconds/86400, "days")
}
