package identity

import (
	"context"
	"errors"
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

// ErrNoTest means that a source cannot be tested.
var ErrNoTest = errors.New("sources of this kind cannot be tested")

// Try opens a source of its own, past every cache and limit of the gateway, and
// tests it within its own time. A password without a name is no login. What only
// opening shows to be wrong is a problem.List.
func Try(ctx context.Context, c Config, d Deps, name string, password secret.Text) (Report, error) {
	if name == "" {
		password = secret.Text{}
	}
	source, err := c.Open(d)
	if err != nil {
		return Report{}, err
	}
	defer source.Close()
	tester, ok := source.(Tester)
	if !ok {
		return Report{}, ErrNoTest
	}
	ctx, cancel := context.WithTimeout(ctx, c.Base().Timeout())
	defer cancel()
	return tester.Test(ctx, name, password), nil
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
