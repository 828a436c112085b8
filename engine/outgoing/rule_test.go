package outgoing_test

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/gatewright/gatewright/engine/outgoing"
)

func rule(t testing.TB, entries ...string) outgoing.Rule {
	t.Helper()
	r, err := outgoing.Parse(entries)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTheRuleWithoutASettingAllowsPublicAddressesOnly(t *testing.T) {
	t.Parallel()
	tests := []struct{ addr, why string }{
		{"8.8.8.8", ""}, {"2606:4700:4700::1111", ""}, {"::ffff:8.8.8.8", ""},
		{"64:ff9b::808:808", ""}, {"2002:808:808::1", ""}, {"169.253.255.255", ""}, {"172.32.0.1", ""}, {"100.128.0.1", ""},

		{"127.0.0.1", "loopback"}, {"127.255.255.254", "loopback"}, {"::1", "loopback"},
		{"10.1.2.3", "private"}, {"172.16.0.1", "private"}, {"172.31.255.255", "private"}, {"192.168.1.1", "private"},
		{"fc00::1", "private"}, {"fdff::1", "private"},
		{"169.254.1.1", "link-local"}, {"fe80::1", "link-local"}, {"fe80::1%eth0", "link-local"},
		{"100.64.0.1", "provider's network"}, {"100.127.255.255", "provider's network"},
		{"0.1.2.3", "reserved"}, {"192.0.2.1", "reserved"}, {"198.18.0.1", "reserved"}, {"240.0.0.1", "reserved"},
		{"2001:db8::1", "reserved"}, {"3fff::1", "reserved"}, {"fec0::1", "reserved"}, {"4000::1", "reserved"},
		{"0.0.0.0", "never called"}, {"::", "never called"}, {"255.255.255.255", "never called"},
		{"224.0.0.1", "never called"}, {"239.1.1.1", "never called"}, {"ff02::1", "never called"},

		{"169.254.169.254", "metadata"}, {"fd00:ec2::254", "metadata"}, {"100.100.100.200", "metadata"}, {"168.63.129.16", "metadata"},
		{"fe80::a9fe:a9fe%eth0", "metadata"}, {"169.254.42.42", "metadata"}, {"fd00:42::42", "metadata"},
		{"::ffff:169.254.169.254", "metadata"}, {"64:ff9b::a9fe:a9fe", "NAT64"}, {"2002:a9fe:a9fe::", "6to4"},

		{"::ffff:127.0.0.1", "loopback"}, {"::ffff:10.0.0.1", "private"}, {"::7f00:1", "IPv4-compatible"},
		{"64:ff9b::7f00:1", "NAT64"}, {"64:ff9b:1::808:808", "reserved"}, {"2002:7f00:1::", "6to4"},
		{"2001:0:7f00:1::1", "reserved"},         // Teredo
		{"2606:4700::5efe:a00:1", "ISATAP"},      // 10.0.0.1
		{"2606:4700::200:5efe:7f00:1", "ISATAP"}, // 127.0.0.1
	}
	for _, tt := range tests {
		t.Run(tt.addr, func(t *testing.T) {
			t.Parallel()
			err := outgoing.Rule{}.Allow(netip.MustParseAddr(tt.addr))
			checkRefusal(t, err, tt.why)
		})
	}
}

func checkRefusal(t *testing.T, err error, why string) {
	t.Helper()
	if why == "" {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	var refused *outgoing.Refused
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), why) {
		t.Fatalf("got %v; want a refusal that says %q", err, why)
	}
	if !strings.Contains(err.Error(), outgoing.Setting) && !strings.Contains(err.Error(), "never") {
		t.Errorf("%q does not name the setting", err)
	}
}

func TestTheSettingAllowsWhatItNames(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		setting []string
		addr    string
		why     string
	}{
		{"a network", []string{"10.0.0.0/8"}, "10.1.2.3", ""},
		{"public ones as before", []string{"10.0.0.0/8"}, "11.0.0.1", ""},
		{"not another private one", []string{"10.0.0.0/8"}, "192.168.0.1", "private"},
		{"the mapped form of it", []string{"10.0.0.0/8"}, "::ffff:10.1.2.3", ""},
		{"written in the mapped form", []string{"::ffff:10.0.0.0/104"}, "10.1.2.3", ""},
		{"NAT64 of it", []string{"10.0.0.0/8"}, "64:ff9b::a01:203", ""},
		{"local NAT64 needs both", []string{"64:ff9b:1::/48"}, "64:ff9b:1::a01:203", "NAT64"},
		{"local NAT64 with both", []string{"64:ff9b:1::/48", "10.0.0.0/8"}, "64:ff9b:1::a01:203", ""},
		{"one address", []string{" 192.168.7.7 "}, "192.168.7.7", ""},
		{"one address and not the next", []string{"192.168.7.7"}, "192.168.7.8", "private"},
		{"a network with host bits", []string{"10.9.9.9/8"}, "10.1.2.3", ""},
		{"unique local", []string{"fd12::/16"}, "fd12::1", ""},
		{"loopback", []string{"127.0.0.0/8"}, "127.0.0.1", ""},
		{"loopback of IPv4 only", []string{"127.0.0.0/8"}, "::1", "loopback"},
		{"all: private", []string{"all"}, "10.1.2.3", ""},
		{"all: loopback", []string{"ALL"}, "::1", ""},
		{"all: not metadata", []string{"all"}, "169.254.169.254", "naming this one address"},
		{"all: not metadata in NAT64", []string{"all"}, "64:ff9b::a9fe:a9fe", "naming this one address"},
		{"all: not multicast", []string{"all"}, "224.0.0.1", "never"},
		{"all: not the unspecified address", []string{"all", "0.0.0.0/0", "::/0"}, "0.0.0.0", "never"},
		{"all: not the unspecified address, mapped", []string{"all"}, "::ffff:0.0.0.0", "never"},
		{"a network around metadata", []string{"169.254.0.0/16"}, "169.254.169.254", "naming this one address"},
		{"a network around metadata in IPv6", []string{"fc00::/7"}, "fd00:ec2::254", "naming this one address"},
		{"metadata by itself", []string{"169.254.169.254/32"}, "169.254.169.254", ""},
		{"nothing but blanks", []string{"", " "}, "10.0.0.1", "private"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			checkRefusal(t, rule(t, tt.setting...).Allow(netip.MustParseAddr(tt.addr)), tt.why)
		})
	}
}

func TestNoAddressIsRefusedAndDoesNotPanic(t *testing.T) {
	t.Parallel()
	if err := rule(t, "all").Allow(netip.Addr{}); err == nil {
		t.Error("the zero address is allowed")
	}
}

func TestAMalformedSettingIsRefusedByName(t *testing.T) {
	t.Parallel()
	for _, entry := range []string{"intranet", "10.0.0.0/99", "10.0.0.0-10.1.0.0", "ldap.example.com", "fe80::1%eth0", "::ffff:0:0/64", "224.0.0.0/4", "239.0.0.0/8", "0.0.0.0", "ff02::1"} {
		t.Run(entry, func(t *testing.T) {
			t.Parallel()
			_, err := outgoing.Parse([]string{"10.0.0.0/8", entry})
			if err == nil || !strings.Contains(err.Error(), outgoing.Setting) || !strings.Contains(err.Error(), entry) {
				t.Errorf("got %v; want an error that names setting and entry", err)
			}
		})
	}
}

// FuzzEmbeddedFormsAreNoWayAround: an IPv4 address that is refused is refused
// in every IPv6 spelling that some network translates to it.
func FuzzEmbeddedFormsAreNoWayAround(f *testing.F) {
	for _, s := range []string{"127.0.0.1", "10.0.0.1", "169.254.169.254", "8.8.8.8", "0.0.0.0", "224.0.0.1", "100.64.0.1"} {
		b := netip.MustParseAddr(s).As4()
		f.Add(binary.BigEndian.Uint32(b[:]), uint64(0x2606470000000000), false)
	}
	f.Fuzz(func(t *testing.T, v4 uint32, prefix uint64, listed bool) {
		var four [4]byte
		binary.BigEndian.PutUint32(four[:], v4)
		plain := netip.AddrFrom4(four)
		r := outgoing.Rule{}
		if listed {
			r = rule(t, "10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "::/0")
		}
		if r.Allow(plain) == nil {
			return
		}
		for form, addr := range spellings(four, prefix) {
			if addr == netip.IPv6Loopback() {
				continue // an address of its own, although it looks like 0.0.0.1
			}
			if err := r.Allow(addr); err == nil {
				t.Errorf("%s is refused, but as %s %s it is allowed", plain, form, addr)
			}
		}
	})
}

func spellings(four [4]byte, prefix uint64) map[string]netip.Addr {
	at := func(head []byte, i int) netip.Addr {
		var b [16]byte
		copy(b[:], head)
		copy(b[i:], four[:])
		return netip.AddrFrom16(b)
	}
	isatap := binary.BigEndian.AppendUint64(nil, prefix)
	isatap = append(isatap, 0, 0, 0x5e, 0xfe)
	return map[string]netip.Addr{
		"mapped":      at([]byte{10: 0xff, 11: 0xff}, 12),
		"compatible":  at(nil, 12),
		"NAT64":       at([]byte{0, 0x64, 0xff, 0x9b}, 12),
		"local NAT64": at([]byte{0, 0x64, 0xff, 0x9b, 0, 1}, 12),
		"6to4":        at([]byte{0x20, 0x02}, 2),
		"ISATAP":      at(isatap, 12),
	}
}
