package proxies

import (
	"strconv"
	"strings"

	"github.com/gatewright/gatewright/web/ui"
)

// MemberRow is a member of a group in its form, or a proxy that can be one. One that
// is gone has an id only.
type MemberRow struct{ ID, Name, Description, BasePath, Href string }

// Title is the name, or what to say of one that is gone.
func (m MemberRow) Title() string {
	if m.Name == "" {
		return "A proxy that is gone"
	}
	return m.Name
}

// Direct are the proxies that are deployed by themselves in an environment, where
// calls at their own addresses reach them.
type Direct struct {
	Environment string
	Proxies     []string
}

func (f Form) noun() string {
	if f.Group {
		return "proxy group"
	}
	return "proxy"
}

// behind says what comes after the base path.
func (f Form) behind() string {
	if f.Group {
		return "a member's endpoint is looked for. The members' own base paths and hosts play no part here"
	}
	return "the upstream is called"
}

func (f Form) blockDirect() ui.Field {
	return ui.Field{
		Name: "blockDirectAccess", Label: "Block direct access to members", Error: f.Problems.For("blockDirectAccess"), Attrs: f.attrs("blockDirectAccess"),
		Help: "Calls at the members' own base paths are refused with 403 (ERR-134) wherever this group is deployed. Off: members that are deployed themselves answer there too.",
	}
}

// Blocked says what blocking direct access does, and to how many.
func Blocked(members int, direct []Direct) string {
	if members == 0 {
		return "The group has no members yet."
	}
	if len(direct) == 0 {
		return "No member is deployed by itself: nobody calls them at their own base paths now."
	}
	parts := make([]string, len(direct))
	for i, d := range direct {
		parts[i] = counted(len(d.Proxies), "member", "members") + " in " + d.Environment + " (" + some(d.Proxies) + ")"
	}
	return "Callers of " + listed(parts) + " at their own base paths get 403 (ERR-134) from the next deploy of this group there."
}

// some names the first few and counts the rest.
func some(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:most], ", ") + " and " + strconv.Itoa(len(names)-most) + " more"
}
