package verify

import "net/netip"

// specialBlocks returns the blocks of addresses, within those that the internet
// routes, that are none of a public registry: the IANA registries of special-
// purpose addresses (RFC 6890 and what was added since) and multicast.
func specialBlocks() []netip.Prefix {
	blocks := []string{
		"0.0.0.0/8",         // this network; Linux connects it to itself
		"10.0.0.0/8",        // private, RFC 1918
		"100.64.0.0/10",     // shared by carriers, RFC 6598; metadata of Alibaba Cloud
		"127.0.0.0/8",       // loopback
		"168.63.129.16/32",  // the host agent of Azure
		"169.254.0.0/16",    // link-local; metadata of most clouds
		"172.16.0.0/12",     // private, RFC 1918
		"192.0.0.0/24",      // protocol assignments; metadata of Oracle Cloud
		"192.0.2.0/24",      // documentation
		"192.31.196.0/24",   // AS112
		"192.52.193.0/24",   // AMT
		"192.88.99.0/24",    // relays of 6to4
		"192.168.0.0/16",    // private, RFC 1918
		"192.175.48.0/24",   // AS112
		"198.18.0.0/15",     // measurements, RFC 2544
		"198.51.100.0/24",   // documentation
		"203.0.113.0/24",    // documentation
		"224.0.0.0/4",       // multicast
		"240.0.0.0/4",       // reserved, and broadcast
		"2001::/23",         // protocol assignments; Teredo, ORCHID
		"2001:db8::/32",     // documentation
		"2620:4f:8000::/48", // AS112
		"3fff::/20",         // documentation
	}
	prefixes := make([]netip.Prefix, 0, len(blocks))
	for _, block := range blocks {
		prefixes = append(prefixes, netip.MustParsePrefix(block))
	}
	return prefixes
}

// isPublic is whether an address is one that anybody on the internet may have.
// An IPv6 address that stands for one of IPv4 is as public as that one.
func isPublic(a netip.Addr, special []netip.Prefix) bool {
	a, ok := meant(a)
	if !ok {
		return false
	}
	for _, block := range special {
		if block.Contains(a) {
			return false
		}
	}
	return a.Is4() || netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20}), 3).Contains(a) // all that is given out of IPv6
}

// meant returns the address of IPv4 that one of IPv6 leads to: mapped, NAT64
// with the well-known prefix (RFC 6052) and 6to4 (RFC 3056). Others stay as they
// are. It is false for forms that are good for nothing but disguise: compatible
// addresses (::a.b.c.d), ISATAP (RFC 5214), and addresses with a zone.
func meant(a netip.Addr) (netip.Addr, bool) {
	if a.Zone() != "" || !a.IsValid() {
		return a, false
	}
	if a = a.Unmap(); a.Is4() {
		return a, true
	}
	b := a.As16()
	switch {
	case netip.MustParsePrefix("64:ff9b::/96").Contains(a):
		return netip.AddrFrom4([4]byte(b[12:])), true
	case netip.MustParsePrefix("2002::/16").Contains(a):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	}
	isatap := b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe
	return a, !isatap && b[0] != 0
}
