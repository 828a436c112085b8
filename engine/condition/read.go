package condition

import (
	"net/textproto"
	"net/url"
	"strings"
	"time"
)

// reader finds a variable's value; false means that it is missing. An error
// means that nobody can tell, so that the request cannot go on.
type reader func(*Request) (value string, ok bool, err error)

// reader compiles a valid variable.
func (v *Variable) reader() reader {
	switch v.Type {
	case Header:
		name := textproto.CanonicalMIMEHeaderKey(v.HeaderName)
		return func(r *Request) (string, bool, error) {
			value, ok := r.field(name)
			return value, ok, nil
		}
	case Parameter:
		return v.parameter()
	case Body:
		return v.bodyReader()
	case Context:
		return v.context()
	}
	return unresolved
}

// Reader finds a valid variable's value in requests; false means that it is
// missing.
func (v *Variable) Reader() func(*Request) (value string, ok bool, err error) { return v.reader() }

// unresolved stands for what Validate refuses.
func unresolved(*Request) (string, bool, error) { return "", false, errUnresolved }

func (v *Variable) parameter() reader {
	name := v.ParamName
	switch v.ParamType {
	case Form:
		return func(r *Request) (string, bool, error) { return r.formValue(name) }
	case Path:
		template := v.ParamPath
		return func(r *Request) (string, bool, error) {
			t := template
			if t == "" {
				t = r.EndpointPath
			}
			value, ok := pathValue(t, r.Below(), name)
			return value, ok, nil
		}
	}
	return func(r *Request) (string, bool, error) {
		value, ok := queryValue(r.RawQuery, name)
		return value, ok, nil
	}
}

func (v *Variable) context() reader {
	info, ok := v.ContextValue.Info()
	switch {
	case !ok:
		return unresolved
	case info.at != nil:
		zone, at := v.zone(), info.at
		return func(r *Request) (string, bool, error) { return at(r.Time.In(zone)), true, nil }
	case info.list != nil:
		list := info.list
		return func(r *Request) (string, bool, error) {
			all := list(r)
			return strings.Join(all, ","), len(all) > 0, nil
		}
	}
	get := info.get
	return func(r *Request) (string, bool, error) {
		value, ok := get(r)
		return value, ok, nil
	}
}

// zone is valid where Validate found it so.
func (v *Variable) zone() *time.Location {
	if zone, err := loadZone(v.ZoneID); err == nil {
		return zone
	}
	return time.UTC
}

// loadZone does not know "Local": a rule means the same on every node.
func loadZone(id string) (*time.Location, error) {
	if id == "Local" {
		return nil, errZone
	}
	return time.LoadLocation(id)
}

// queryValue is the first value of a parameter of the query, decoded. A part
// that cannot be decoded is not there, as for the token service.
func queryValue(query, name string) (string, bool) {
	for query != "" {
		var part string
		part, query, _ = strings.Cut(query, "&")
		key, value, _ := strings.Cut(part, "=")
		if k, err := unescape(key); err != nil || k != name || part == "" {
			continue
		}
		if v, err := unescape(value); err == nil {
			return v, true
		}
	}
	return "", false
}

// unescape costs nothing where nothing is escaped.
func unescape(text string) (string, error) {
	if !strings.ContainsAny(text, "%+") {
		return text, nil
	}
	return url.QueryUnescape(text)
}

// pathValue is what stands in a decoded path where the template has {name}.
func pathValue(template, path, name string) (string, bool) {
	template, path = strings.Trim(template, "/"), strings.Trim(path, "/")
	found, has := "", false
	for {
		t, restT, moreT := strings.Cut(template, "/")
		p, restP, moreP := strings.Cut(path, "/")
		switch {
		case isParameter(t):
			if t[1:len(t)-1] == name && !has {
				found, has = p, true
			}
			if p == "" {
				return "", false
			}
		case t != p:
			return "", false
		}
		if moreT != moreP {
			return "", false
		}
		if !moreT {
			return found, has
		}
		template, path = restT, restP
	}
}

func isParameter(segment string) bool {
	return len(segment) > 2 && segment[0] == '{' && segment[len(segment)-1] == '}'
}
