package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gatewright/gatewright/engine/identity"
	"github.com/gatewright/gatewright/engine/jsonpath"
	"github.com/gatewright/gatewright/engine/problem"
)

// Limits of what an answer may put into a token, whose whole size is bounded.
const (
	maxRoles       = 500
	maxClaim       = 2048     // bytes of JSON
	maxClaimsBytes = 4096     // bytes of JSON of all
	maxWhole       = 16 << 10 // bytes of an answer that is passed on whole
)

// wholeResponse is the member that an answer is passed on in.
const wholeResponse = "X-ApiResponse"

// mapping turns an answer into an identity.
type mapping struct {
	name, roles jsonpath.Path // no expression: not mapped
	separator   string
	claims      []claimPath
	whole       bool
}

type claimPath struct {
	jsonpath.Path
	claim, source string
}

func (c *Config) compileMapping() (m mapping, err error) {
	m = mapping{separator: c.RolesSeparator, whole: c.WholeResponseClaim}
	if m.separator == "" {
		m.separator = DefaultSeparator
	}
	if c.UsernamePath != "" {
		if m.name, err = jsonpath.Compile(c.UsernamePath); err != nil {
			return m, err
		}
	}
	if c.RolesPath != "" {
		if m.roles, err = jsonpath.Compile(c.RolesPath); err != nil {
			return m, err
		}
	}
	for _, cm := range c.Claims {
		p, err := jsonpath.Compile(cm.Source)
		if err != nil {
			return m, err
		}
		m.claims = append(m.claims, claimPath{p, cm.Claim, cm.Source})
	}
	return m, nil
}

func (m *mapping) needsDocument() bool {
	return !m.name.IsZero() || !m.roles.IsZero() || len(m.claims) > 0
}

// identity maps an answer that accepts. The typed name stands unless another is
// mapped.
func (m *mapping) identity(a *answer, typed string, w *watch) (identity.Identity, error) {
	id := identity.Identity{Name: typed}
	var err error
	if !m.name.IsZero() {
		if id.Name, err = m.userName(a.document); err != nil {
			w.step(false, "User name", "%s.", err)
			return identity.Identity{}, err
		}
	}
	w.step(true, "User name", "%s", id.Name)
	if id.Roles, err = m.roleNames(a.document, w); err != nil {
		w.step(false, "Roles", "%s.", err)
		return identity.Identity{}, err
	}
	if id.Claims, err = m.claimValues(a.document, w); err != nil {
		w.step(false, "Claims", "%s.", err)
		return identity.Identity{}, err
	}
	if id.Response, err = m.response(a); err != nil {
		w.step(false, "Response", "%s.", err)
		return identity.Identity{}, err
	}
	return id, nil
}

func (m *mapping) userName(document any) (string, error) {
	found := m.name.Values(document)
	if len(found) != 1 {
		return "", fmt.Errorf("the answer has %d user names at the path of the user name, not one", len(found))
	}
	switch found[0].(type) {
	case string, int64:
	default:
		return "", errors.New("the user name in the answer is neither a text nor a whole number")
	}
	name := jsonpath.Text(found[0])
	if name == "" || utf8.RuneCountInString(name) > problem.MaxName || hasControl(name) || strings.TrimSpace(name) != name {
		return "", fmt.Errorf("the user name in the answer is empty, longer than %d characters, or has blanks around it or control characters", problem.MaxName)
	}
	return name, nil
}

// roleNames leaves out what is not fit for a token (D14): fewer rights than
// meant, but never others.
func (m *mapping) roleNames(document any, w *watch) ([]string, error) {
	if m.roles.IsZero() {
		return nil, nil
	}
	var out, left []string
	for _, name := range m.roleTexts(document) {
		switch {
		case identity.RoleProblem(name) != "":
			left = append(left, name)
		case !slices.Contains(out, name):
			out = append(out, name)
		}
		if len(out) > maxRoles {
			return nil, fmt.Errorf("the answer has more than %d roles", maxRoles)
		}
	}
	w.roles(out, left)
	return out, nil
}

// roleTexts flattens arrays and parts texts.
func (m *mapping) roleTexts(document any) []string {
	var out []string
	for _, v := range m.roles.Values(document) {
		list, ok := v.([]any)
		if !ok {
			list = []any{v}
		}
		for _, e := range list {
			if text, ok := e.(string); ok {
				out = append(out, m.split(text)...)
			} else {
				out = append(out, jsonpath.Text(e))
			}
		}
	}
	return out
}

func (m *mapping) split(text string) []string {
	var out []string
	for _, part := range strings.Split(text, m.separator) {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

func (m *mapping) claimValues(document any, w *watch) (map[string]any, error) {
	var out map[string]any
	total := 0
	for _, c := range m.claims {
		found := c.Values(document)
		if len(found) == 0 {
			w.step(true, "Claim "+c.claim, "%s finds nothing; the claim is left out.", c.source)
			continue
		}
		var value any = found
		if len(found) == 1 {
			value = found[0]
		}
		raw, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("claim %s: %w", c.claim, err)
		}
		if total += len(raw); len(raw) > maxClaim || total > maxClaimsBytes {
			return nil, fmt.Errorf("claim %s is too large: one claim may have %d bytes of JSON and all together %d", c.claim, maxClaim, maxClaimsBytes)
		}
		if out == nil {
			out = map[string]any{}
		}
		out[c.claim] = value
		w.step(true, "Claim "+c.claim, "%s", raw)
	}
	return out, nil
}

// response passes the whole answer on, as JSON where it is.
func (m *mapping) response(a *answer) (map[string]any, error) {
	switch {
	case !m.whole:
		return nil, nil
	case len(a.body) > maxWhole:
		return nil, fmt.Errorf("the answer has %d bytes, more than the %d that are passed on whole", len(a.body), maxWhole)
	case a.document != nil:
		return map[string]any{wholeResponse: a.document}, nil
	case !utf8.Valid(a.body):
		return nil, errors.New("the answer to be passed on whole is neither JSON nor text")
	}
	return map[string]any{wholeResponse: string(a.body)}, nil
}
