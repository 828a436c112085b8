// Package words says what is edited, runs or ran in the words of the pages, for
// pages and the management API alike.
package words

import (
	"fmt"
	"strings"
	"time"

	"github.com/gatewright/gatewright/engine/headers"
	"github.com/gatewright/gatewright/engine/jwtauth"
	"github.com/gatewright/gatewright/engine/policy"
	"github.com/gatewright/gatewright/models"
	headersform "github.com/gatewright/gatewright/web/headers"
	jwtform "github.com/gatewright/gatewright/web/jwtauth"
	"github.com/gatewright/gatewright/web/policies"
)

// forms ties each type of policy to its form. A new type needs one line here.
var forms = map[string]policies.Form{
	jwtauth.TypeName: jwtform.Form{},
	headers.TypeName: headersform.Form{},
}

// TypeAndForm is the type of policy of a name, with its form.
func TypeAndForm(types policy.Set, name string) (policy.Type, policies.Form, error) {
	t, known := types.Find(name)
	f := forms[name]
	if !known || f == nil {
		return policy.Type{}, nil, fmt.Errorf("policy type %q: %w", name, models.ErrNotFound)
	}
	return t, f, nil
}

// Lane is what people call a pipeline.
func Lane(p policy.Pipeline) string { return strings.ToLower(string(p)) + " lane" }

// Milliseconds is a timeout that is left to the standard where it is 0.
func Milliseconds(n int, standard time.Duration) string {
	if n == 0 {
		return fmt.Sprintf("%d ms (default)", standard.Milliseconds())
	}
	return fmt.Sprintf("%d ms", n)
}
