package outgoing

import "net/netip"

// class is a kind of address.
type class struct {
	network netip.Prefix
	name    string
	// never is refused whatever the setting says, metadata unless it is named
	// by itself.
	never, metadata bool
}

// public tells the class of all addresses that no other class has.
func (c class) public() bool { return c.name == "" }

// classes are looked through in order; the first that contains an address is
// its class. They follow the IANA special-purpose registries (RFC 6890), where
// "globally reachable" is not true, and the metadata services of the clouds.
var classes = []class{
	{network: netip.MustParsePrefix("0.0.0.0/32"), name: "unspecified address", never: true}, // Linux connects it to itself
	{network: netip.MustParsePrefix("::/128"), name: "unspecified address", never: true},
	{network: netip.MustParsePrefix("255.255.255.255/32"), name: "broadcast address", never: true},
	{network: netip.MustParsePrefix("224.0.0.0/4"), name: "multicast address", never: true},
	{network: netip.MustParsePrefix("ff00::/8"), name: "multicast address", never: true},

	{network: netip.MustParsePrefix("169.254.169.254/32"), name: "cloud metadata address", metadata: true},
	{network: netip.MustParsePrefix("169.254.170.2/32"), name: "cloud metadata address", metadata: true},  // AWS ECS
	{network: netip.MustParsePrefix("169.254.170.23/32"), name: "cloud metadata address", metadata: true}, // AWS EKS
	{network: netip.MustParsePrefix("fd00:ec2::254/128"), name: "cloud metadata address", metadata: true},
	{network: netip.MustParsePrefix("fd00:ec2::23/128"), name: "cloud metadata address", metadata: true},
	{network: netip.MustParsePrefix("fd20:ce::254/128"), name: "cloud metadata address", metadata: true},    // Google
	{network: netip.MustParsePrefix("100.100.100.200/32"), name: "cloud metadata address", metadata: true},  // Alibaba
	{network: netip.MustParsePrefix("192.0.0.192/32"), name: "cloud metadata address", metadata: true},      // Oracle
	{network: netip.MustParsePrefix("168.63.129.16/32"), name: "cloud metadata address", metadata: true},    // Azure
	{network: netip.MustParsePrefix("fe80::a9fe:a9fe/128"), name: "cloud metadata address", metadata: true}, // OpenStack
	{network: netip.MustParsePrefix("169.254.42.42/32"), name: "cloud metadata address", metadata: true},    // Scaleway
	{network: netip.MustParsePrefix("fd00:42::42/128"), name: "cloud metadata address", metadata: true},     // Scaleway

	{network: netip.MustParsePrefix("127.0.0.0/8"), name: "loopback address"},
	{network: netip.MustParsePrefix("::1/128"), name: "loopback address"},
	{network: netip.MustParsePrefix("10.0.0.0/8"), name: "private address"},
	{network: netip.MustParsePrefix("172.16.0.0/12"), name: "private address"},
	{network: netip.MustParsePrefix("192.168.0.0/16"), name: "private address"},
	{network: netip.MustParsePrefix("fc00::/7"), name: "private address"}, // unique local, RFC 4193
	{network: netip.MustParsePrefix("169.254.0.0/16"), name: "link-local address"},
	{network: netip.MustParsePrefix("fe80::/10"), name: "link-local address"},
	{network: netip.MustParsePrefix("100.64.0.0/10"), name: "shared address of a provider's network"}, // RFC 6598
	{network: netip.MustParsePrefix("0.0.0.0/8"), name: "reserved address"},
	{network: netip.MustParsePrefix("192.0.0.0/24"), name: "reserved address"},
	{network: netip.MustParsePrefix("192.0.2.0/24"), name: "reserved address"},
	{network: netip.MustParsePrefix("192.88.99.0/24"), name: "reserved address"},
	{network: netip.MustParsePrefix("198.18.0.0/15"), name: "reserved address"},
	{network: netip.MustParsePrefix("198.51.100.0/24"), name: "reserved address"},
	{network: netip.MustParsePrefix("203.0.113.0/24"), name: "reserved address"},
	{network: netip.MustParsePrefix("240.0.0.0/4"), name: "reserved address"},
	{network: netip.MustParsePrefix("2001::/23"), name: "reserved address"}, // with Teredo and benchmarking
	{network: netip.MustParsePrefix("2001:db8::/32"), name: "reserved address"},
	{network: netip.MustParsePrefix("3fff::/20"), name: "reserved address"},

	// What carries IPv4 is as good as what it carries (embedded).
	{network: nat64}, {network: compatible},
	{network: netip.MustParsePrefix("2000::/3")}, {network: netip.MustParsePrefix("0.0.0.0/0")},
	{network: netip.MustParsePrefix("::/0"), name: "reserved address"}, // what IANA has given to nobody yet
}

func classify(addr netip.Addr) class {
	for _, c := range classes {
		if c.network.Contains(addr) {
			return c
		}
	}
	return class{name: "unknown kind of address", never: true} // no address comes here: the table ends with everything
}

var (
	nat64      = netip.MustParsePrefix("64:ff9b::/96")   // RFC 6052
	nat64Local = netip.MustParsePrefix("64:ff9b:1::/48") // RFC 8215
	compatible = netip.MustParsePrefix("::/96")          // RFC 4291 section 2.5.5.1
	sixToFour  = netip.MustParsePrefix("2002::/16")      // RFC 3056
)

// embedded is the IPv4 address that an IPv6 address stands for and the name of
// the way, or nothing. Teredo needs no rule: its whole network is reserved.
func embedded(addr netip.Addr) (inner netip.Addr, how string) {
	if !addr.Is6() {
		return netip.Addr{}, ""
	}
	b := addr.As16()
	last := netip.AddrFrom4([4]byte(b[12:16]))
	switch {
	case nat64.Contains(addr), nat64Local.Contains(addr):
		return last, "NAT64"
	case compatible.Contains(addr) && addr != netip.IPv6Loopback():
		return last, "IPv4-compatible"
	case sixToFour.Contains(addr):
		return netip.AddrFrom4([4]byte(b[2:6])), "6to4"
	case b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe: // RFC 5214
		return last, "ISATAP"
	}
	return netip.Addr{}, ""
}
