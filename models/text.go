package models

import (
	"bytes"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/gatewright/gatewright/engine/problem"
)

const (
	defaultPerPage = 25
	maxPerPage     = 500
	maxSearch      = 200 // characters of a search that are looked at
)

// page turns a page number from 1 and a page size into what SQL wants. Zero
// and nonsense mean the first page and the default size.
func page(number, size int) (limit, offset int) {
	if size < 1 {
		size = defaultPerPage
	}
	size = min(size, maxPerPage)
	number = min(max(number, 1), 1_000_000)
	return size, (number - 1) * size
}

var likeSpecials = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// containing is the ILIKE pattern for text that contains what people typed,
// literally.
func containing(typed string) string {
	return "%" + likeSpecials.Replace(truncated(strings.TrimSpace(typed), maxSearch)) + "%"
}

// truncated is text that the database can hold, of at most n characters.
// PostgreSQL refuses NUL and broken UTF-8, which arrive in addresses and
// searches and must not become server errors.
func truncated(text string, n int) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n])
}

// abridged is the beginning of a name that nobody here has: enough to see who
// was guessed at, too little when it was a password in the wrong field.
func abridged(name string) string {
	runes := []rune(truncated(name, 100))
	return string(runes[:min(3, (len(runes)+1)/2)]) + "…"
}

// storable tells whether text could be the name of anything here.
func storable(text string) bool {
	return utf8.ValidString(text) && !strings.Contains(text, "\x00")
}

// isID tells whether text could be one of our ids. Asking the database for
// anything else is an error there, where it should be "not found".
func isID(text string) bool {
	return len(text) == 36 && uuid.Validate(text) == nil
}

// newID is a UUID whose beginning is the time, so that rows made together
// stand together in the index.
func newID() string { return uuid.Must(uuid.NewV7()).String() }

// document is a JSON column; nil is null.
type document []byte

// unstorable reports the texts of a JSON document that jsonb cannot hold, which
// are those with NUL, by their paths.
func unstorable(raw []byte) problem.List {
	if !bytes.Contains(raw, []byte(`\u0000`)) {
		return nil
	}
	var l problem.List
	var whole any
	if err := json.Unmarshal(raw, &whole); err != nil {
		l.Add("", "It cannot be read as JSON.")
		return l
	}
	findNUL(&l, "", whole)
	return l
}

func findNUL(l *problem.List, path string, value any) {
	switch v := value.(type) {
	case string:
		if strings.Contains(v, "\x00") {
			l.Add(path, "Remove the NUL characters (U+0000).")
		}
	case []any:
		for i, e := range v {
			findNUL(l, fmt.Sprintf("%s[%d]", path, i), e)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			findNUL(l, strings.TrimPrefix(path+"."+name, "."), v[name])
		}
	}
}

// Scan implements sql.Scanner.
func (d *document) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*d = nil
	case string:
		*d = document(v)
	case []byte:
		*d = append(document(nil), v...)
	default:
		return fmt.Errorf("scan JSON from %T", src)
	}
	return nil
}

// Value implements driver.Valuer.
func (d document) Value() (driver.Value, error) {
	if d == nil {
		return nil, nil
	}
	return string(d), nil
}
