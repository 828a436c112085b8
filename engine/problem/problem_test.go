package problem_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewright/gatewright/engine/problem"
)

func TestListNamesEveryFieldUnderItsPrefix(t *testing.T) {
	t.Parallel()
	var inner, outer problem.List
	inner.Add("path", "Start with %q.", "/")
	inner.Add("", "Choose one.")
	outer.Append("endpoints[2]", inner)

	want := problem.List{
		{Field: "endpoints[2].path", Message: `Start with "/".`},
		{Field: "endpoints[2]", Message: "Choose one."},
	}
	if diff := cmp.Diff(want, outer); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	if got := outer.For("endpoints[2]"); got != "Choose one." {
		t.Errorf("For = %q", got)
	}
}

func TestListIsAnErrorOnlyWhenSomethingIsWrong(t *testing.T) {
	t.Parallel()
	var l problem.List
	if err := l.Err(); err != nil {
		t.Fatalf("empty list is the error %v", err)
	}
	l.Add("name", "Enter a name.")
	err := fmt.Errorf("save policy: %w", l.Err())
	if diff := cmp.Diff(l, problem.Of(err)); diff != "" {
		t.Errorf("Of through a wrap (-want +got):\n%s", diff)
	}
	if got, want := l.Error(), "name: Enter a name."; got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
	if got := problem.Of(fmt.Errorf("other")); got != nil {
		t.Errorf("Of(other) = %v", got)
	}
}
