// Package outgoing owns the one rule about where calls of ours may go when an
// administrator, and not the operator, names the address: identity sources of
// every kind, and documents of APIs. It keeps a console user from turning the gateway into a door to
// what only the gateway's machine can reach (server-side request forgery).
package outgoing

import (
	"fmt"
	"net/netip"
	"strings"
)

// Setting is the flag that the rule comes from; errors name it.
const Setting = "--identity-targets"

// Rule says which addresses may be called. The zero Rule allows public ones
// only. It does not change and is safe for concurrent use.
type Rule struct {
	allowed []netip.Prefix
	all     bool
}

// Parse reads the setting: networks such as "10.0.0.0/8" and addresses that may
// be reached beside public ones, or the one word "all". Empty entries are
// ignored.
func Parse(entries []string) (Rule, error) {
	var r Rule
	for _, e := range entries {
		e = strings.TrimSpace(e)
		if e == "" {
			continue
		}
		if err := r.add(e); err != nil {
			return Rule{}, err
		}
	}
	return r, nil
}

func (r *Rule) add(entry string) error {
	if strings.EqualFold(entry, "all") {
		r.all = true
		return nil
	}
	prefix, err := parsePrefix(entry)
	if err != nil {
		return fmt.Errorf("%s %q: write a network such as 10.0.0.0/8, an address, or all", Setting, entry)
	}
	if c := classify(prefix.Addr()); c.never && prefix.Bits() >= c.network.Bits() {
		return fmt.Errorf("%s %q: a %s is never called", Setting, entry, c.name)
	}
	r.allowed = append(r.allowed, prefix)
	return nil
}

// parsePrefix writes the IPv4-mapped form (::ffff:10.0.0.0/104) as IPv4, which
// is how addresses are compared.
func parsePrefix(entry string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(entry); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(entry)
	if err != nil {
		return netip.Prefix{}, err
	}
	if prefix.Addr().Is4In6() {
		if prefix.Bits() < 96 {
			return netip.Prefix{}, fmt.Errorf("%s holds more than IPv4 addresses", entry)
		}
		prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-96)
	}
	return prefix.Masked(), nil
}

// Refused is the error about an address that the rule does not allow.
type Refused struct {
	// Addr is the address that was to be called.
	Addr netip.Addr
	// Reason says what it is and what the operator could do, as the end of a
	// sentence that begins with the address.
	Reason string
}

// Error implements error.
func (e *Refused) Error() string { return fmt.Sprintf("%s %s", e.Addr, e.Reason) }

// Allow returns nil when the address may be called, else a *Refused. An IPv6
// address that carries an IPv4 address (mapped, NAT64, 6to4, ISATAP) must be
// allowed in both readings: which of them the network follows is not ours to
// know.
func (r Rule) Allow(addr netip.Addr) error {
	if !addr.IsValid() {
		return &Refused{addr, "is no address"}
	}
	if reason := r.reason(addr.Unmap().WithZone("")); reason != "" {
		return &Refused{addr, reason}
	}
	inner, how := embedded(addr.Unmap().WithZone(""))
	if !inner.IsValid() {
		return nil
	}
	if reason := r.reason(inner); reason != "" {
		return &Refused{addr, fmt.Sprintf("carries %s (%s), which %s", inner, how, reason)}
	}
	return nil
}

// reason says why one reading of an address is refused, or "".
func (r Rule) reason(addr netip.Addr) string {
	c := classify(addr)
	switch {
	case c.never:
		return fmt.Sprintf("is a %s, which is never called", c.name)
	case c.metadata && !r.named(addr):
		return fmt.Sprintf("is a %s: allow it by naming this one address in %s", c.name, Setting)
	case c.metadata || c.public() || r.all || r.contains(addr):
		return ""
	}
	return fmt.Sprintf("is a %s: allow its network with %s", c.name, Setting)
}

// named tells whether the setting has this very address. A network around it
// is not enough for metadata services: fc00::/7 is an ordinary thing to allow,
// and whoever did would not expect the machine's cloud credentials in it.
func (r Rule) named(addr netip.Addr) bool {
	for _, p := range r.allowed {
		if p.IsSingleIP() && p.Addr() == addr {
			return true
		}
	}
	return false
}

func (r Rule) contains(addr netip.Addr) bool {
	for _, p := range r.allowed {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}
