package engine

import (
	"net/http"
	"net/netip"
	"testing"
)

func TestClientAddressIsWhatTrustedProxiesVouchFor(t *testing.T) {
	t.Parallel()
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	tests := []struct {
		name, peer string
		forwarded  []string
		want       string
	}{
		{"a stranger is believed nothing", "203.0.113.9", []string{"1.1.1.1"}, "203.0.113.9"},
		{"a proxy without the field is the client", "10.0.0.1", nil, "10.0.0.1"},
		{"a proxy names the client", "10.0.0.1", []string{"198.51.100.7"}, "198.51.100.7"},
		{"what the client wrote itself stands further left", "10.0.0.1", []string{"1.1.1.1, 198.51.100.7"}, "198.51.100.7"},
		{"a chain of proxies is walked", "10.0.0.1", []string{"1.1.1.1, 198.51.100.7, 10.0.0.3, 10.0.0.2"}, "198.51.100.7"},
		{"lines are one list", "10.0.0.1", []string{"1.1.1.1, 198.51.100.7", "10.0.0.3", "10.0.0.2"}, "198.51.100.7"},
		{"proxies alone end at the outermost", "10.0.0.1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"a word ends the walk", "10.0.0.1", []string{"1.1.1.1, unknown"}, "10.0.0.1"},
		{"an empty item ends the walk", "10.0.0.1", []string{"1.1.1.1,"}, "10.0.0.1"},
		{"a port is left out", "10.0.0.1", []string{"198.51.100.7:4711"}, "198.51.100.7"},
		{"IPv6 with a port", "10.0.0.1", []string{"[2001:db8::1]:4711"}, "2001:db8::1"},
		{"IPv6 in brackets", "10.0.0.1", []string{"[2001:db8::1]"}, "2001:db8::1"},
		{"an IPv4 address in IPv6 clothes is IPv4", "10.0.0.1", []string{"1.1.1.1, ::ffff:10.0.0.2"}, "1.1.1.1"},
		{"a trusted IPv6 peer", "fd00::1", []string{"198.51.100.7"}, "198.51.100.7"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := clientAddr(netip.MustParseAddr(tt.peer), tt.forwarded, trusted)
			if got != netip.MustParseAddr(tt.want) {
				t.Errorf("clientAddr = %s, want %s", got, tt.want)
			}
		})
	}
}

func TestCorrelationIDIsTakenOverFromTrustedProxiesOnly(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		given   []string
		trusted bool
		taken   bool
	}{
		{"a plain id of a trusted proxy", []string{"Order-7.a_b"}, true, true},
		{"a plain id of a stranger", []string{"Order-7.a_b"}, false, false},
		{"two ids", []string{"a", "b"}, true, false},
		{"an empty id", []string{""}, true, false},
		{"a line break", []string{"a\nb"}, true, false},
		{"a blank", []string{"a b"}, true, false},
		{"a tilde", []string{"a~b"}, true, false},
		{"64 characters", []string{"0123456789012345678901234567890123456789012345678901234567890123"}, true, true},
		{"65 characters", []string{"01234567890123456789012345678901234567890123456789012345678901234"}, true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := new(newIDs).correlationID(fieldsOf(http.Header{CorrelationHeader: tt.given}), tt.trusted)
			if taken := got == tt.given[0]; taken != tt.taken {
				t.Errorf("correlationID = %q, taken over: %v", got, taken)
			}
			if !saneID(got) {
				t.Errorf("correlationID = %q", got)
			}
		})
	}
}

func TestOwnIDsDiffer(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	var ids newIDs
	for range 1000 {
		id := ids.next()
		if len(id) != 32 || seen[id] {
			t.Fatalf("newID = %q, seen before: %v", id, seen[id])
		}
		seen[id] = true
	}
}
