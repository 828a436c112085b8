// Package packages owns the pages on which a project is exported and a package is
// imported.
package packages

import (
	"strconv"

	"github.com/gatewright/gatewright/engine/problem"
	"github.com/gatewright/gatewright/web/ui"
)

// Hub is where both begin.
type Hub struct {
	Export, All string
	Import      string // "" for whoever may not import
}

// Choose is where the objects of a package are chosen.
type Choose struct {
	Action, Review string
	Kinds          []ui.Option
	Kind, Query    string
	Label          string // of the kind, in the plural
	Rows           []ChooseRow
	Total          int
	// Chosen are the ones that are not among the rows, so that nothing chosen is
	// lost by looking for something else.
	Chosen   []ui.Option
	Problems problem.List
}

// ChooseRow is an object that can be chosen. Value is KIND/name.
type ChooseRow struct {
	Value, Name, Text string
	Chosen            bool
}

// Item is an object by kind and name.
type Item struct{ Kind, Name string }

// ExportReview is the last look before a package is made.
type ExportReview struct {
	Action, Back string
	Hidden       []ui.Hidden
	Objects      []Item
	// Dependencies are what the objects name; Taken are the values of those that
	// go along.
	Dependencies []ui.Option
	Taken        []string
	FileName     string
	Notes        []string
	Problems     problem.List
}

// Upload is where a package is taken.
type Upload struct {
	Action, Cancel, Most string
	Problems             problem.List
}

// Unlock asks for the passphrase of a package that was uploaded.
type Unlock struct {
	Action, Again string
	Problems      problem.List
}

// Plan is what an import would do.
type Plan struct {
	Action, Again, Apply            string
	From, Project                   string
	Creates, Updates, Skips, Wanted int
	Lines                           []Line
	More                            int // lines that are not shown
	Changed                         bool
	Digest                          string
}

// Total is how many objects the package has.
func (p Plan) Total() int { return p.Creates + p.Updates + p.Skips + p.Wanted }

// Line is one object of the plan. Index is that of the object in the package.
type Line struct {
	Index              int
	Kind, Name, Target string
	Action             string // create, update, skip or refused
	Exists             bool
	Changes            string
	Wish, NewName      string
	BasePath           string // "" for what has none
	OtherPath          string // the one that was typed instead
	Secrets            []Secret
	Problems           problem.List
}

// Secret is one that can be given with an identity source.
type Secret struct {
	Field, Label     string
	Multiline, Given bool
}

// FieldName is the form's name of a member of the line.
func (l Line) FieldName(member string) string { return FieldName(l.Index, member) }

// FieldName is the form's name of a member of an object of the package.
func FieldName(index int, member string) string { return member + "." + strconv.Itoa(index) }

// Open tells whether the choices of a line are shown from the start.
func (l Line) Open() bool { return len(l.Problems) > 0 || l.Wish != "" || len(l.Secrets) > 0 }

// Result is what an import has done.
type Result struct {
	Creates, Updates, Skips int
	KeyPairs                []KeyPair
	Redeploy                []Redeploy
	Unresolved              []string
	Lines                   []Line
	Proxies, Again          string
}

// KeyPair is that of a new proxy or group, shown this once.
type KeyPair struct{ Kind, Name, ClientID, Secret string }

// Redeploy is an owner that has to be deployed again.
type Redeploy struct{ Kind, Name, Href, Environments string }

func tone(action string) ui.Tone {
	switch action {
	case "create":
		return ui.ToneSuccess
	case "update":
		return ui.ToneInfo
	case "refused":
		return ui.ToneDanger
	}
	return ui.ToneNeutral
}

func actionWord(action string) string {
	switch action {
	case "create":
		return "Create"
	case "update":
		return "Update"
	case "refused":
		return "Action required"
	}
	return "Skip"
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

func takes(l Line) string {
	if l.Exists && l.Wish != "rename" {
		return "Update the one that is there, where it differs"
	}
	return "Create it"
}
