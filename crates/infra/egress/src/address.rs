//! Which addresses are closed to calls: everything that is not a public address of one machine, in all forms in which
//! IPv6 carries an address of IPv4.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::Network;

/// Closed ranges of IPv4: the first address, the length of the prefix, and why.
const CLOSED_V4: &[(Ipv4Addr, u32, &str)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8, "unspecified"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "private"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "carrier_nat"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "loopback"),
    // The platform service of Azure, which looks like a public address.
    (Ipv4Addr::new(168, 63, 129, 16), 32, "metadata"),
    (Ipv4Addr::new(169, 254, 169, 254), 32, "metadata"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link_local"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "private"),
    (Ipv4Addr::new(192, 0, 0, 192), 32, "metadata"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "reserved"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "documentation"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "reserved"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "private"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "benchmark"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "documentation"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast"),
    (Ipv4Addr::new(255, 255, 255, 255), 32, "broadcast"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "reserved"),
];

/// The same of IPv6. Whatever is outside 2000::/3 is closed in any case; the names say why.
const CLOSED_V6: &[(Ipv6Addr, u32, &str)] = &[
    (Ipv6Addr::UNSPECIFIED, 128, "unspecified"),
    (Ipv6Addr::LOCALHOST, 128, "loopback"),
    // IPv4-compatible addresses, which nobody has used for decades.
    (Ipv6Addr::UNSPECIFIED, 96, "embedded"),
    (Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48, "embedded"),
    (Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0), 64, "discard"),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32, "teredo"),
    (Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 0), 48, "benchmark"),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, "reserved"),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, "documentation"),
    // 6to4: its relays are gone, and the address inside may be any.
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, "embedded"),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, "documentation"),
    (Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), 128, "metadata"),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, "private"),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, "link_local"),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, "site_local"),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, "multicast"),
];

/// Global unicast addresses.
const UNICAST: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// The prefix with which a gateway makes an address of IPv6 from one of IPv4 (RFC 6052). Networks without IPv4 give
/// such addresses to public hosts, so the one inside decides.
const NAT64: (Ipv6Addr, u32) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// Why nothing may connect to this address; none if it may.
pub fn why_closed(address: IpAddr, allow: &[Network]) -> Option<&'static str> {
    if is_allowed(address, allow) { None } else { closed(address.to_canonical()) }
}

/// Whether the operator has opened this address.
pub(crate) fn is_allowed(address: IpAddr, allow: &[Network]) -> bool {
    // A mapped address is the address inside: a socket connects to the same place.
    let meant = address.to_canonical();
    allow.iter().any(|network| network.contains(address) || network.contains(meant))
}

fn closed(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => closed_v4(address),
        IpAddr::V6(address) if is_in_v6(address, NAT64) => closed_v4(last_four(address)),
        IpAddr::V6(address) => {
            let found = CLOSED_V6.iter().find(|(first, length, _)| is_in_v6(address, (*first, *length)));
            found.map(|found| found.2).or_else(|| (!is_in_v6(address, UNICAST)).then_some("reserved"))
        }
    }
}

fn closed_v4(address: Ipv4Addr) -> Option<&'static str> {
    let is_in = |first: Ipv4Addr, length: u32| (address.to_bits() ^ first.to_bits()) >> (32 - length) == 0;
    CLOSED_V4.iter().find(|(first, length, _)| is_in(*first, *length)).map(|found| found.2)
}

fn is_in_v6(address: Ipv6Addr, (first, length): (Ipv6Addr, u32)) -> bool {
    (address.to_bits() ^ first.to_bits()) >> (128 - length) == 0
}

fn last_four(address: Ipv6Addr) -> Ipv4Addr {
    let [.., a, b, c, d] = address.octets();
    Ipv4Addr::new(a, b, c, d)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::networks;

    #[test]
    fn only_public_addresses_are_open() {
        let table = [
            ("1.1.1.1", None),
            ("9.255.255.255", None),
            ("11.0.0.0", None),
            ("100.63.255.255", None),
            ("100.128.0.0", None),
            ("172.15.255.255", None),
            ("172.32.0.0", None),
            ("192.0.1.0", None),
            ("198.17.255.255", None),
            ("198.20.0.0", None),
            ("223.255.255.255", None),
            ("0.0.0.0", Some("unspecified")),
            ("0.1.2.3", Some("unspecified")),
            ("10.0.0.0", Some("private")),
            ("10.255.255.255", Some("private")),
            ("100.64.0.1", Some("carrier_nat")),
            ("100.100.100.200", Some("carrier_nat")),
            ("100.127.255.255", Some("carrier_nat")),
            ("127.0.0.1", Some("loopback")),
            ("127.255.255.254", Some("loopback")),
            ("168.63.129.16", Some("metadata")),
            ("169.254.169.254", Some("metadata")),
            ("169.254.170.2", Some("link_local")),
            ("172.16.0.1", Some("private")),
            ("172.31.255.255", Some("private")),
            ("192.0.0.8", Some("reserved")),
            ("192.0.0.192", Some("metadata")),
            ("192.0.2.1", Some("documentation")),
            ("192.88.99.1", Some("reserved")),
            ("192.168.0.1", Some("private")),
            ("198.18.0.1", Some("benchmark")),
            ("198.19.255.255", Some("benchmark")),
            ("198.51.100.1", Some("documentation")),
            ("203.0.113.255", Some("documentation")),
            ("224.0.0.1", Some("multicast")),
            ("239.255.255.255", Some("multicast")),
            ("240.0.0.1", Some("reserved")),
            ("255.255.255.254", Some("reserved")),
            ("255.255.255.255", Some("broadcast")),
            ("2606:4700:4700::1111", None),
            ("2001:4860:4860::8888", None),
            ("2001:200::1", None),
            ("::", Some("unspecified")),
            ("::1", Some("loopback")),
            ("::2", Some("embedded")),
            ("::127.0.0.1", Some("embedded")),
            ("::8.8.8.8", Some("embedded")),
            ("::ffff:8.8.8.8", None),
            ("::ffff:127.0.0.1", Some("loopback")),
            ("::ffff:169.254.169.254", Some("metadata")),
            ("::ffff:a00:1", Some("private")),
            ("::ffff:0:10.0.0.1", Some("reserved")),
            ("64:ff9b::8.8.8.8", None),
            ("64:ff9b::10.0.0.1", Some("private")),
            ("64:ff9b::169.254.169.254", Some("metadata")),
            ("64:ff9b:1::8.8.8.8", Some("embedded")),
            ("64:ff9b:1:abcd::1", Some("embedded")),
            ("100::1", Some("discard")),
            ("2001::1", Some("teredo")),
            ("2001:2::1", Some("benchmark")),
            ("2001:20::1", Some("reserved")),
            ("2001:db8::1", Some("documentation")),
            ("2002:7f00:1::1", Some("embedded")),
            ("2002:808:808::1", Some("embedded")),
            ("3fff:fff::1", Some("documentation")),
            ("5f00::1", Some("reserved")),
            ("4000::1", Some("reserved")),
            ("fd00:ec2::254", Some("metadata")),
            ("fd00::1", Some("private")),
            ("fc00::1", Some("private")),
            ("fe80::1", Some("link_local")),
            ("febf::1", Some("link_local")),
            ("fec0::1", Some("site_local")),
            ("ff02::1", Some("multicast")),
        ];
        for (text, why) in table {
            assert_eq!(why_closed(text.parse().unwrap(), &[]), why, "{text}");
        }
    }

    #[test]
    fn the_operator_opens_some() {
        let allow = networks("10.1.0.0/16, fd00::/8,127.0.0.1").unwrap();
        let table = [
            ("10.1.2.3", None),
            ("::ffff:10.1.2.3", None),
            ("10.2.0.1", Some("private")),
            ("127.0.0.1", None),
            ("127.0.0.2", Some("loopback")),
            ("fd12::1", None),
            ("fe80::1", Some("link_local")),
            // A gateway would carry this to 10.1.2.3; its operator can allow 64:ff9b::/96 as well.
            ("64:ff9b::10.1.2.3", Some("private")),
        ];
        for (text, why) in table {
            assert_eq!(why_closed(text.parse().unwrap(), &allow), why, "{text}");
        }
    }
}
