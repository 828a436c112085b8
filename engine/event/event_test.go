package event_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gatewright/gatewright/engine/event"
)

func TestDiscardIsASinkThatKeepsNothing(t *testing.T) {
	var s event.Sink = event.Discard{}
	access, token := event.Access{Time: time.Now(), Path: "/orders"}, event.Token{Time: time.Now(), ClientID: "orders"}
	if n := testing.AllocsPerRun(100, func() {
		s.Access(access)
		s.Token(token)
	}); n != 0 {
		t.Errorf("%v allocations for events that nobody wants", n)
	}
}

// Events are stored, exported and shown to people: there must be no place in
// them for what is secret.
func TestEventsHaveNoPlaceForSecrets(t *testing.T) {
	t.Parallel()
	for _, e := range []any{event.Access{}, event.Token{}} {
		typ := reflect.TypeOf(e)
		for i := range typ.NumField() {
			f := typ.Field(i)
			for _, word := range []string{"secret", "password", "body", "header", "query", "accesstoken", "refreshtoken"} {
				if strings.Contains(strings.ToLower(f.Name), word) {
					t.Errorf("%s has the field %s", typ, f.Name)
				}
			}
			if f.Name == "Cause" {
				continue // put into words later; who makes one takes copies
			}
			if k := f.Type.Kind(); k == reflect.Map || k == reflect.Slice || k == reflect.Pointer || k == reflect.Interface {
				t.Errorf("%s.%s is a %s: an event is passed by value and shares no memory with the request", typ, f.Name, k)
			}
		}
	}
}
