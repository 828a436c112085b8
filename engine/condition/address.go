package condition

import (
	"net/netip"
	"strings"
)

// parseNetworks reads a list of addresses and networks.
func parseNetworks(list []string) ([]netip.Prefix, bool) {
	out := make([]netip.Prefix, 0, len(list))
	for _, e := range list {
		p, ok := parseNetwork(e)
		if !ok {
			return nil, false
		}
		out = append(out, p)
	}
	return out, len(out) > 0
}

func parseNetwork(text string) (netip.Prefix, bool) {
	if strings.Contains(text, "/") {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return p, false
		}
		if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
		}
		return p.Masked(), true
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, false
	}
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()), true
}

// addressTest compares the caller's address as an address and not as a text:
// one address has many spellings. IN takes networks too.
func addressTest(o Operator, second string) (test, error) {
	list := []string{strings.TrimSpace(second)}
	if o == In {
		list = elements(second)
	}
	networks, ok := parseNetworks(list)
	if !ok || o == Equal && !networks[0].IsSingleIP() {
		return nil, errAddress
	}
	return func(r *Request) (bool, error) {
		client := r.Client.Unmap().WithZone("")
		for _, n := range networks {
			if n.Contains(client) {
				return true, nil
			}
		}
		return false, nil
	}, nil
}

// comparesAddress tells that a rule compares the caller's address with a value.
func (r *Rule) comparesAddress(o Operator) bool {
	return r.First.Type == Context && r.First.ContextValue.canonical() == ClientAddress && r.Source == FromValue && (o == Equal || o == In)
}
