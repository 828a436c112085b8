package identity

import (
	"context"
	"time"

	"github.com/gatewright/gatewright/engine/secret"
)

// Tester is a source that can show an administrator, step by step, how a login
// goes. It asks the source anew whatever is cached.
type Tester interface {
	// Test logs somebody in. Without a password it only looks the name up, where
	// the source can; without a name it only tries the connection. Nothing in
	// the report is secret.
	Test(ctx context.Context, name string, password secret.Text) Report
}

// Report is what a test found.
type Report struct {
	// Steps are in the order in which they were tried. The test ends with the
	// first that fails, unless there is another way, such as a second server.
	Steps []Step
	// Identity is who it turned out to be; its Name is empty when nobody.
	Identity Identity
	// Accepted means that a login with these words would let them in.
	Accepted bool
}

// Step is one thing that was tried.
type Step struct {
	// Text says what, in words for an administrator: "Search for the user".
	Text string
	OK   bool
	// Detail is what came of it, or why it failed and what would help.
	Detail string
	Took   time.Duration
}
