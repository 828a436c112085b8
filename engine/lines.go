package engine

import (
	"slices"

	"github.com/gatewright/gatewright/engine/policy"
)

// lines are the steps of the three pipelines in the order in which they run
// (reference 3.9). Requests go inwards: group, proxy, endpoint. Answers of the
// API come outwards: endpoint, proxy, group. An error turns round where it
// happens, so the error line runs as a whole from right to left: endpoint, proxy,
// group, and on each level the last policy first. A policy group is one place
// there, and its own policies run in their order.
type lines struct{ request, response, errors []step }

// with binds one more policy, or policy group, at the end of its lane.
func (l lines) with(p policy.Pipeline, steps []step) lines {
	switch p {
	case policy.Response:
		l.response = join(l.response, steps)
	case policy.Error:
		l.errors = join(steps, l.errors)
	default:
		l.request = append(l.request, steps...)
	}
	return l
}

// around are the lines of a level and of one inside it.
func (l lines) around(inner lines) lines {
	return lines{
		request:  join(l.request, inner.request),
		response: join(inner.response, l.response),
		errors:   join(inner.errors, l.errors),
	}
}

// join shares what it is given where that is all there is, as nearly always: an
// owner may have thousands of endpoints.
func join(a, b []step) []step {
	switch {
	case len(a) == 0:
		return slices.Clip(b)
	case len(b) == 0:
		return slices.Clip(a)
	}
	return slices.Concat(a, b)
}
