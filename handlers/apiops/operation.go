package apiops

import (
	"net/http"
	"regexp"
	"strings"

	"github.com/gatewright/gatewright/handlers/visit"
)

// operation is one entry of the API: what serves it and what the document says
// of it.
type operation struct {
	method string
	// path is as the document has it: "/apiops/projects/{projectName}/".
	path string
	// id is the operationId, from which generators name their functions.
	id            string
	tag           string
	summary, text string
	right         visit.Right
	query         []parameter
	// header are names and sentences of what a request may carry beside the
	// headers that every operation takes.
	header [][2]string
	// body is a zero value of what is sent, nil for nothing; a file where it is
	// filePart. Optional tells that the operation also goes without.
	body     any
	optional bool
	// result is a zero value of what is answered with status (200 when it is 0);
	// nil for no JSON, then produces names the media types, with commas.
	result   any
	status   int
	produces string
	// also are the statuses it answers besides those that every operation has.
	also []int
	// versioned operations answer an ETag, and writes among them heed If-Match
	// (D17).
	versioned bool
	do        func(*call) (any, error)
}

// parameter is one of the query.
type parameter struct {
	name, text string
	// kind is a zero value of string, int, bool or time.Time.
	kind any
	enum []string
}

func (o operation) writes() bool { return o.method != http.MethodGet }

func (o operation) success() int {
	if o.status != 0 {
		return o.status
	}
	return http.StatusOK
}

var inBraces = regexp.MustCompile(`\{([A-Za-z]+)\}`)

// ginPaths are the path as gin spells it, with the slash at the end and without.
func (o operation) ginPaths() []string {
	path := inBraces.ReplaceAllString(o.path, ":$1")
	if bare := strings.TrimSuffix(path, "/"); bare != path {
		return []string{path, bare}
	}
	return []string{path}
}

// parameters are the names in the path, in order.
func (o operation) parameters() []string {
	var names []string
	for _, m := range inBraces.FindAllStringSubmatch(o.path, -1) {
		names = append(names, m[1])
	}
	return names
}
