package apiops

import (
	"net/http"
	"strconv"
	"strings"
)

// Versions of things travel as entity tags (RFC 9110 section 8.8.3): a GET
// answers one, and a write with If-Match goes through only while it is still
// that (D17). A write without If-Match takes what is there when it begins; a
// writer that is faster still makes it fail with 409.

// tagOf is the entity tag of what stands at these versions.
func tagOf(versions ...int) string {
	parts := make([]string, len(versions))
	for i, v := range versions {
		parts[i] = strconv.Itoa(v)
	}
	return `"` + strings.Join(parts, ".") + `"`
}

// tag answers the version.
func (c *call) tag(versions ...int) { c.g.Header("ETag", tagOf(versions...)) }

// conditional tells whether the write is only for a certain version.
func (c *call) conditional() bool {
	wanted := c.g.GetHeader("If-Match")
	return wanted != "" && wanted != "*"
}

// matches refuses a write whose If-Match is not the current version.
func (c *call) matches(versions ...int) error {
	if !c.conditional() {
		return nil
	}
	for tag := range strings.SplitSeq(c.g.GetHeader("If-Match"), ",") {
		if strings.TrimSpace(tag) == tagOf(versions...) { // weak tags never match here, RFC 9110 section 13.1.1
			return nil
		}
	}
	c.tag(versions...)
	return &refusal{
		status: http.StatusPreconditionFailed, code: "precondition_failed",
		text: "It is not at the version of If-Match any more; the header ETag has the current one. Read it again and repeat.",
	}
}
