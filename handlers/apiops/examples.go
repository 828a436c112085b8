package apiops

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"sync"
)

// The examples of the document are what a scenario has sent and was answered. A test
// walks it and fails when an example is not what comes today; what changes from run to
// run (ids, times, keys) is fixed in both.
//
//go:embed examples.json
var recorded []byte

// example is one request and its answer.
type example struct {
	ID string `json:"operationId"`
	// Path and Query are the parameters by their names.
	Path  map[string]string `json:"path,omitempty"`
	Query map[string]string `json:"query,omitempty"`
	// Request is the body: JSON, or the fields of a form as an object.
	Request json.RawMessage `json:"request,omitempty"`
	// Answer is JSON, or a text; absent where it is a file.
	Answer json.RawMessage `json:"answer,omitempty"`
}

// examples are those of the operations, by their ids.
var examples = sync.OnceValue(func() map[string]example {
	var list []example
	if err := json.Unmarshal(recorded, &list); err != nil {
		panic(fmt.Sprintf("apiops: examples.json: %v", err)) // it is a part of the program
	}
	byID := make(map[string]example, len(list))
	for _, e := range list {
		byID[e.ID] = e
	}
	return byID
})

func (o operation) example() example { return examples()[o.id] }

// orAbsent is the example of a parameter; nil where there is none.
func orAbsent(of map[string]string, name string) any {
	if value, ok := of[name]; ok {
		return value
	}
	return nil
}

// example is the one of a parameter of the query, as the JSON of its kind.
func (p parameter) example(of map[string]string) any {
	value, ok := of[p.name]
	if _, isText := p.kind.(string); !ok || isText {
		return orAbsent(of, p.name)
	}
	return json.RawMessage(value) // a number or a truth value
}

// rawOrNil is an example as the document takes it: nil, and not an empty text, for none.
func rawOrNil(raw json.RawMessage) any {
	if raw == nil {
		return nil
	}
	return raw
}
