package api

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/gatewright/gatewright/engine/identity/api"
	"github.com/gatewright/gatewright/engine/problem"
)

// A separator may be a blank or a line break, which fields of one line show badly or lose.
var (
	escapes   = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`)
	unescapes = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\r`, "\r", `\t`, "\t")
)

func writeSeparator(text string) string { return escapes.Replace(cmp.Or(text, api.DefaultSeparator)) }

func readSeparator(text string) string { return unescapes.Replace(text) }

// statusList is what the field of several statuses holds.
func statusList(statuses []int) string {
	texts := make([]string, len(statuses))
	for i, s := range statuses {
		texts[i] = strconv.Itoa(s)
	}
	return strings.Join(texts, ", ")
}

// readStatuses reads the list. What is wrong is said of the whole field and left out: the configuration sorts its list,
// so that a place in it is no place in the text.
func readStatuses(l *problem.List, text string) []int {
	list := []int{}
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" ,;\t\r\n", r) }) {
		status, err := strconv.Atoi(word)
		wrong := statusProblem(status)
		switch {
		case err != nil:
			l.Add("refusedStatuses", "Enter statuses with commas between them, such as 401, 403; %q is none.", word)
		case wrong != "":
			l.Add("refusedStatuses", "%s", wrong)
		default:
			list = append(list, status)
			continue
		}
		return list // one sentence beside one field
	}
	return list
}

// statusProblem asks the configuration, which knows the rule.
func statusProblem(status int) string {
	c := api.Config{RefusedStatuses: []int{status}}
	return c.Validate().For("refusedStatuses[0]")
}
