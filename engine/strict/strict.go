// Package strict owns the reading of JSON that people and programs write: it
// refuses what encoding/json lets pass, and says which member is wrong.
package strict

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gatewright/gatewright/engine/problem"
)

// Decode reads one JSON object into the struct that into points to, over the
// values that are there. What encoding/json lets pass is refused: members that
// are unknown, repeated or spelled in another letter case, broken UTF-8, and
// anything that follows. Two readers of one document would otherwise see two
// things. The word says what the document is, such as "policy". Errors are a
// problem.List.
func Decode(raw []byte, into any, word string) error {
	return decode(raw, into, word, false)
}

// DecodeValues is Decode for documents in which null is no way of saying nothing:
// in the place of text, a number or a truth value it is refused.
func DecodeValues(raw []byte, into any, word string) error {
	return decode(raw, into, word, true)
}

func decode(raw []byte, into any, word string, values bool) error {
	if !utf8.Valid(raw) {
		return broken("The " + word + " is not valid UTF-8.")
	}
	if err := checkMembers(raw, reflect.TypeOf(into), word, values); err != nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return problem.List{{Field: fieldOf(err, reflect.TypeOf(into)), Message: sentence(err, word)}}
	}
	return nil
}

func broken(text string) error { return problem.List{{Message: text}} }

// maxDepth is how deep objects and arrays may stand in one another. Each level
// costs a call and a longer path, so a few kilobytes of brackets would take
// gigabytes.
const maxDepth = 200

// members walks a document beside the type that it is to be read into.
type members struct {
	d     *json.Decoder
	list  problem.List
	depth int
	// values tells that null is none.
	values bool
}

func checkMembers(raw []byte, t reflect.Type, word string, values bool) error {
	m := members{d: json.NewDecoder(bytes.NewReader(raw)), values: values}
	if err := m.value("", t); err != nil {
		return broken(sentence(err, word))
	}
	if _, err := m.d.Token(); !errors.Is(err, io.EOF) {
		m.list.Add("", "Remove what follows the JSON object of the %s.", word)
	}
	return m.list.Err()
}

// moment reports a time that is none: encoding/json does not say whose it is.
func (m *members) moment(path string, t reflect.Type, token json.Token) {
	text, isText := token.(string)
	if !isText || t == nil || t != reflect.TypeFor[time.Time]() && t != reflect.TypeFor[*time.Time]() {
		return
	}
	if _, err := time.Parse(time.RFC3339, text); err != nil {
		m.list.Add(path, "Give a time such as 2026-01-31T08:00:00Z.")
	}
}

// null reports one in the place of text, a number or a truth value: encoding/json
// would leave the member as it was, as if nobody had said anything of it.
func (m *members) null(path string, t reflect.Type, token json.Token) {
	if !m.values || token != nil || t == nil {
		return
	}
	if k := t.Kind(); k >= reflect.Bool && k <= reflect.Float64 || k == reflect.String {
		m.list.Add(path, "Give %s, or leave the member out.", inWords(t))
	}
}

func (m *members) value(path string, t reflect.Type) error {
	token, err := m.d.Token()
	if err != nil {
		return err
	}
	if m.depth++; m.depth > maxDepth {
		return fmt.Errorf("it is nested more than %d levels deep", maxDepth)
	}
	defer func() { m.depth-- }()
	switch token {
	case json.Delim('{'):
		err = m.object(path, t)
	case json.Delim('['):
		err = m.array(path, t)
	default:
		m.moment(path, t, token)
		m.null(path, t, token)
		return nil
	}
	if err != nil {
		return err
	}
	_, err = m.d.Token() // the end of the object or array
	return err
}

func (m *members) object(path string, t reflect.Type) error {
	known, free := memberTypes(t)
	seen := map[string]bool{}
	for m.d.More() {
		token, err := m.d.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string) // Decoder gives the names of an object as strings
		at := strings.TrimPrefix(path+"."+name, ".")
		kind, ok := known[name]
		switch {
		case seen[name]:
			m.list.Add(at, "The member is here twice; remove one.")
		case !ok && free == nil && known != nil:
			m.list.Add(at, "%s", unknownMember(name, known))
		case !ok:
			kind = free
		}
		seen[name] = true
		if err := m.value(at, kind); err != nil {
			return err
		}
	}
	return nil
}

func unknownMember(name string, known map[string]reflect.Type) string {
	for other := range known {
		if strings.EqualFold(name, other) {
			return fmt.Sprintf("Spell this member %s.", other)
		}
	}
	return "Unknown member; remove it."
}

func (m *members) array(path string, t reflect.Type) error {
	element := elementType(t)
	for i := 0; m.d.More(); i++ {
		if err := m.value(fmt.Sprintf("%s[%d]", path, i), element); err != nil {
			return err
		}
	}
	return nil
}

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// memberTypes are the members that an object may have by name, or the type of
// all when any name will do. Of a type that reads itself, or that is no object,
// nothing is known.
func memberTypes(t reflect.Type) (known map[string]reflect.Type, free reflect.Type) {
	t = pointed(t)
	switch {
	case t == nil || reflect.PointerTo(t).Implements(unmarshaler):
		return nil, nil
	case t.Kind() == reflect.Map:
		return nil, t.Elem()
	case t.Kind() != reflect.Struct:
		return nil, nil
	}
	if have, there := structs.Load(t); there {
		return have.(map[string]reflect.Type), nil
	}
	known = map[string]reflect.Type{}
	for i := range t.NumField() {
		addMember(known, t.Field(i))
	}
	structs.Store(t, known)
	return known, nil
}

// structs are the members of types by reflect.Type: a start reads ten thousand
// documents of a few types.
var structs sync.Map

func addMember(known map[string]reflect.Type, f reflect.StructField) {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	switch {
	case name == "-":
	case f.Anonymous && name == "":
		embedded, _ := memberTypes(f.Type)
		for n, t := range embedded {
			known[n] = t
		}
	case f.IsExported() && name == "":
		known[f.Name] = f.Type
	case f.IsExported():
		known[name] = f.Type
	}
}

func elementType(t reflect.Type) reflect.Type {
	t = pointed(t)
	if t == nil || t.Kind() != reflect.Slice && t.Kind() != reflect.Array {
		return nil
	}
	return t.Elem()
}

func pointed(t reflect.Type) reflect.Type {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// fieldOf is the member that has a value of the wrong type. encoding/json puts
// the names of embedded structs before it, which the document does not have.
func fieldOf(err error, t reflect.Type) string {
	var te *json.UnmarshalTypeError
	if !errors.As(err, &te) {
		return ""
	}
	embedded := embeddedNames(pointed(t))
	path := strings.Split(te.Field, ".")
	for len(path) > 1 && slices.Contains(embedded, path[0]) {
		path = path[1:]
	}
	return strings.Join(path, ".")
}

func embeddedNames(t reflect.Type) []string {
	if t.Kind() != reflect.Struct {
		return nil
	}
	var names []string
	for i := range t.NumField() {
		if f := t.Field(i); f.Anonymous && f.Tag.Get("json") == "" {
			names = append(names, f.Name)
		}
	}
	return names
}

func sentence(err error, word string) string {
	var te *json.UnmarshalTypeError
	if errors.As(err, &te) {
		return fmt.Sprintf("A JSON %s does not fit here; give %s.", te.Value, inWords(te.Type))
	}
	return "The " + word + " is not valid JSON: " + syntax(err) + "."
}

func inWords(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a text in quotes"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number within its limits"
	case reflect.Slice, reflect.Array:
		return "an array"
	}
	return "an object"
}

func syntax(err error) string {
	var se *json.SyntaxError
	if errors.As(err, &se) {
		return fmt.Sprintf("%s at byte %d", se.Error(), se.Offset)
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}

// Name reads the one text member that says which kind of thing a document is,
// such as "type", and makes sure that there is an object. The example shows
// what the member may be. Errors are a problem.List.
func Name(raw []byte, member, word, example string) (string, error) {
	if !utf8.Valid(raw) {
		return "", broken("The " + word + " is not valid UTF-8.")
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(raw, &object); err != nil {
		return "", broken(notAnObject(err, word))
	}
	var name string
	if err := json.Unmarshal(object[member], &name); err != nil || name == "" {
		return "", problem.List{{Field: member, Message: fmt.Sprintf("Name the %s of the %s, such as %q.", member, word, example)}}
	}
	return name, nil
}

func notAnObject(err error, word string) string {
	var te *json.UnmarshalTypeError
	if errors.As(err, &te) {
		return fmt.Sprintf("The %s is a JSON object, not a JSON %s.", word, te.Value)
	}
	return sentence(err, word)
}
