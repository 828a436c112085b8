package api

import (
	"context"
	"net/http"
	"net/url"
	"strings"
)

// call is one request with everything filled in, which can be sent again.
type call struct {
	url    *url.URL
	header http.Header
	body   string
}

// render fills the templates in. Errors are an *unfit.
func (s *source) render(v values) (*call, error) {
	if err := fit(v); err != nil {
		return nil, err
	}
	if s.config.UsernamePath == "" && strings.TrimSpace(v.username) != v.username {
		return nil, &unfit{username, "has a blank at its start or end, and tokens would have it so"}
	}
	u, err := s.address.render(v)
	if err != nil {
		return nil, err
	}
	c := &call{url: u, header: http.Header{}}
	if err := s.renderHeaders(c.header, v); err != nil {
		return nil, err
	}
	c.body, err = s.body.render(v, s.bodyPlace())
	return c, err
}

// fit refuses what no place can carry or no service should have to.
func fit(v values) error {
	switch {
	case len(v.username) > maxName:
		return &unfit{username, "is too long"}
	case hasControl(v.username):
		return &unfit{username, "has control characters or broken UTF-8"}
	case len(v.password.Reveal()) > maxPassword:
		return &unfit{password, "is too long"}
	}
	return nil
}

func (s *source) renderHeaders(h http.Header, v values) error {
	h.Set("Accept", "application/json")
	h.Set("User-Agent", "Gatewright")
	switch s.config.BodyType {
	case JSONBody:
		h.Set("Content-Type", "application/json")
	case FormBody:
		h.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, t := range s.headers {
		value, err := t.value.render(v, inHeader)
		if err != nil {
			return err
		}
		h.Set(t.name, value)
	}
	if !s.config.BasicAuth {
		return nil
	}
	value, err := basic(v)
	h.Set("Authorization", value)
	return err
}

func (s *source) bodyPlace() place {
	if s.config.BodyType == JSONBody {
		return inJSON
	}
	return inQuery
}

// request can be repeated by the standard library, which does so only when a
// kept connection turns out to be dead before anything was sent on it, or for a
// GET.
func (c *call) request(ctx context.Context, method string) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.url.String(), strings.NewReader(c.body))
	if err != nil {
		return nil, err
	}
	r.URL, r.Header = c.url, c.header.Clone() // c.url, as another parser might write it another way
	return r, nil
}
