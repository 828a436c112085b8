package engine

import (
	"math/rand/v2"
	"net/netip"
	"strings"

	"github.com/gatewright/gatewright/engine/wire"
)

// CorrelationHeader carries the correlation id of a call, to the caller and
// to the upstream.
const CorrelationHeader = "X-Correlation-Id"

// peerAddr is the address at the other end of the connection.
func peerAddr(remote string) netip.Addr {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}

func within(list []netip.Prefix, a netip.Addr) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// ClientAddr is the address of whoever sent a request: the peer's, given as
// http.Request.RemoteAddr, unless trusted proxies vouch for another one in the
// values of X-Forwarded-For.
func ClientAddr(remote string, forwarded []string, trusted []netip.Prefix) netip.Addr {
	return clientAddr(peerAddr(remote), forwarded, trusted)
}

// clientAddr walks the forwarding header from its right end, where the
// nearest proxy writes, for as long as a trusted proxy vouches for the next
// address. What stands further left anybody can have written.
func clientAddr(peer netip.Addr, forwarded []string, trusted []netip.Prefix) netip.Addr {
	client := peer
	for i := len(forwarded) - 1; i >= 0; i-- {
		list := forwarded[i]
		for more := true; more; {
			if !within(trusted, client) {
				return client
			}
			cut := strings.LastIndexByte(list, ',')
			next, ok := forwardedAddr(list[cut+1:])
			if !ok {
				return client
			}
			client = next
			more = cut >= 0
			list = list[:max(cut, 0)]
		}
	}
	return client
}

// forwardedAddr reads one address, with or without a port.
func forwardedAddr(s string) (netip.Addr, bool) {
	s = strings.TrimSpace(s)
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return a.Unmap(), true
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap(), true
	}
	return netip.Addr{}, false
}

// correlationID takes a trusted proxy's id over and makes one otherwise. A
// stranger's could be made to look like another call's, or to break a log.
func (ids *newIDs) correlationID(in *wire.Fields, trusted bool) string {
	if given := in.Values(CorrelationHeader); trusted && len(given) == 1 && saneID(given[0]) {
		return given[0]
	}
	return ids.next()
}

func saneID(id string) bool {
	for i := range len(id) {
		if !unreserved(id[i]) || id[i] == '~' {
			return false
		}
	}
	return id != "" && len(id) <= 64
}

// newIDs are ids that nobody has yet, some in one piece of memory.
type newIDs string

// next is 128 random bits in hex: unique, not secret.
func (ids *newIDs) next() string {
	const digits, size, many = "0123456789abcdef", 32, 8
	if *ids == "" {
		var text [many * size]byte
		for i := 0; i < len(text); i += 16 {
			for j, n := i, rand.Uint64(); j < i+16; j++ {
				text[j] = digits[n&15]
				n >>= 4
			}
		}
		*ids = newIDs(text[:])
	}
	id := (*ids)[:size]
	*ids = (*ids)[size:]
	return string(id)
}
