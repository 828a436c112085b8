package console

import (
	"github.com/gatewright/gatewright/engine/identity"
	webidentity "github.com/gatewright/gatewright/web/identity"
)

// WithSourceForm ties a kind to a form unless it has one. It must be called
// before the first test.
func WithSourceForm(kind identity.KindName, f webidentity.Form) bool {
	if sourceForms[kind] == nil {
		sourceForms[kind] = f
	}
	return true
}
