package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/gatewright/gatewright/engine/keys"
)

// other is a gateway that runs already, somebody else's.
type other struct {
	name, address, host, path string
	tokens                    []string
	pid                       int
}

var errNoURL = errors.New("comes after the -url that it belongs to")

func (s *settings) otherFlags(f *flag.FlagSet) {
	last := func(set func(*other, string) error) func(string) error {
		return func(value string) error {
			if len(s.others) == 0 {
				return errNoURL
			}
			return set(&s.others[len(s.others)-1], value)
		}
	}
	f.Func("url", "another gateway: the `URL`, http only, of a resource behind it (repeatable)", func(value string) error {
		o, err := newOther(value)
		s.others = append(s.others, o)
		return err
	})
	f.Func("token", "the `token` for the -url before it, or @FILE with one a line; without any it is called without", last((*other).setTokens))
	f.Func("name", "what the -url before it is called", last(func(o *other, value string) error { o.name = value; return nil }))
	f.Func("pid", "the process of the -url before it, for its processor time and memory", last(func(o *other, value string) (err error) {
		o.pid, err = strconv.Atoi(value)
		return err
	}))
}

func newOther(raw string) (other, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return other{}, err
	}
	if u.Scheme != "http" || u.Hostname() == "" {
		return other{}, fmt.Errorf("%q is not an http:// address", raw)
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	return other{name: u.Host, host: u.Host, address: net.JoinHostPort(u.Hostname(), port), path: u.RequestURI()}, nil
}

func (o *other) setTokens(value string) error {
	if name, ok := strings.CutPrefix(value, "@"); ok {
		raw, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		value = string(raw)
	}
	o.tokens = append(o.tokens, strings.Fields(value)...)
	return nil
}

// work is the name of the row that it takes part in: that of its tokens' algorithm,
// or RS256's where there is no such row.
func (o *other) work() string {
	if len(o.tokens) == 0 {
		return noCheck
	}
	head, _, _ := strings.Cut(o.tokens[0], ".")
	raw, _ := base64.RawURLEncoding.DecodeString(head)
	var says struct{ Alg keys.Algorithm }
	_ = json.Unmarshal(raw, &says)
	for _, alg := range algorithms {
		if says.Alg == alg {
			return string(alg)
		}
	}
	return string(keys.RS256)
}

func (o *other) target() *target {
	t := &target{name: o.name, order: order{Address: o.address, Host: o.host, Path: o.path, Tokens: o.tokens}}
	if o.pid != 0 {
		t.process = processOf(o.pid)
	}
	return t
}
