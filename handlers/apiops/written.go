package apiops

import (
	"net/http"
	"reflect"
	"time"

	"github.com/gatewright/gatewright/models"
)

// written says when and by whom a thing was made and changed last.
type written struct {
	CreatedAt time.Time `json:"createdAt"`
	CreatedBy string    `json:"createdBy"`
	UpdatedAt time.Time `json:"updatedAt"`
	UpdatedBy string    `json:"updatedBy"`
}

func writtenOf(s models.Stamp) written {
	return written{s.CreatedAt.UTC(), s.CreatedBy, s.UpdatedAt.UTC(), s.UpdatedBy}
}

// changed says when and by whom settings were changed last; both are left out
// while they are as they come.
type changed struct {
	UpdatedAt time.Time `json:"updatedAt,omitzero"`
	UpdatedBy string    `json:"updatedBy,omitempty"`
}

// orEmpty makes a list that is none an empty one: a member of an answer is never
// null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// whole makes every list and map that is none, in a struct that v points to and
// in those within, an empty one.
func whole(v any) { fill(reflect.ValueOf(v).Elem()) }

func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i))
			}
		}
	case reflect.Slice:
		if v.IsNil() {
			v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		}
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.Map:
		if v.IsNil() {
			v.Set(reflect.MakeMap(v.Type()))
		}
	}
}

// isNew refuses an If-Match on what is yet to be made: it has no version that
// could match (RFC 9110 section 13.1.1).
func (c *call) isNew() error {
	if c.g.GetHeader("If-Match") == "" {
		return nil
	}
	return &refusal{status: http.StatusPreconditionFailed, code: "precondition_failed", text: "What is yet to be made has no version; leave If-Match out."}
}
