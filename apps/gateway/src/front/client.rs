//! Finds the client's address behind proxies.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use actix_web::http::header::{FORWARDED, HeaderMap, HeaderName};
use ipnet::IpNet;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// A network in CIDR notation: `10.0.0.0/8`, `fd00::/8`, or a single address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network.map(Self).map_err(|_| "must be an address or a network like 10.0.0.0/8 or fd00::/8".to_owned())
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The address of the client. Each proxy appends the address of its own peer on the right, and only entries of trusted
/// proxies are reliable; so the client is the rightmost address that is not a trusted proxy.
///
/// `X-Forwarded-For` wins over `Forwarded` (RFC 7239): nearly every proxy writes the former, and many pass the latter
/// through unchanged.
pub fn address(peer: Option<IpAddr>, headers: &HeaderMap, trusted: &[Network]) -> Option<IpAddr> {
    let is_proxy = |address: &IpAddr| trusted.iter().any(|network| network.contains(*address));
    let mut client = peer?.to_canonical();
    if trusted.is_empty() || !is_proxy(&client) {
        return Some(client);
    }
    for hop in hops(headers).into_iter().rev() {
        // An entry that is not an address hides everything before it.
        let Some(address) = hop else { break };
        client = address;
        if !is_proxy(&client) {
            break;
        }
    }
    Some(client)
}

/// The addresses that proxies added, in order; `None` for anything else.
fn hops(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let lines = |name: &HeaderName| headers.get_all(name).map(|line| line.to_str().unwrap_or("?")).collect::<Vec<_>>();
    if headers.contains_key(FORWARDED_FOR) {
        lines(&FORWARDED_FOR).iter().flat_map(|line| line.split(',')).map(|hop| node(hop.trim())).collect()
    } else {
        lines(&FORWARDED).iter().flat_map(|line| outside_quotes(line, ',')).map(forwarded_for).collect()
    }
}

/// The `for` of one element: `for="[2001:db8::7]:443";proto=https` (RFC 7239 §4).
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let pairs = outside_quotes(element, ';').into_iter().filter_map(|pair| pair.trim().split_once('='));
    let mut found = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
    let (_, value) = found.next()?;
    let value = value.trim();
    node(value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value))
}

/// An address as proxies write it: plain, with a port, or in brackets. Hidden and unknown ones are none.
fn node(text: &str) -> Option<IpAddr> {
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let address: Option<IpAddr> = text.parse().ok().or_else(bracketed);
    address.or_else(|| text.parse::<SocketAddr>().ok().map(|with_port| with_port.ip())).map(|it| it.to_canonical())
}

/// Splits at separators outside of quoted strings (RFC 9110 §5.6.4).
fn outside_quotes(text: &str, separator: char) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    let is_separator = |c: char| {
        let plain = !std::mem::take(&mut escaped);
        escaped = quoted && plain && c == '\\';
        quoted ^= plain && c == '"';
        c == separator && !quoted
    };
    text.split(is_separator).collect()
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn client(peer: &str, headers: &[(HeaderName, &str)]) -> IpAddr {
        let trusted: Vec<Network> = ["10.0.0.0/8", "fd00::/8"].iter().map(|n| n.parse().unwrap()).collect();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.clone(), HeaderValue::from_str(value).unwrap());
        }
        address(Some(peer.parse().unwrap()), &map, &trusted).unwrap()
    }

    #[test]
    fn the_client_is_the_rightmost_that_is_no_proxy() {
        for (peer, forwarded, expected) in [
            ("192.0.2.1", &["203.0.113.9"][..], "192.0.2.1"),
            ("10.1.1.1", &[], "10.1.1.1"),
            ("10.1.1.1", &["203.0.113.9"], "203.0.113.9"),
            ("10.1.1.1", &["1.1.1.1, 203.0.113.9"], "203.0.113.9"),
            ("10.1.1.1", &["203.0.113.9, 10.2.2.2"], "203.0.113.9"),
            ("10.1.1.1", &["1.1.1.1", "203.0.113.9,10.2.2.2"], "203.0.113.9"),
            ("10.1.1.1", &["10.3.3.3"], "10.3.3.3"),
            ("10.1.1.1", &["203.0.113.9, nonsense"], "10.1.1.1"),
            ("10.1.1.1", &["203.0.113.9, unknown, 10.2.2.2"], "10.2.2.2"),
            ("10.1.1.1", &["203.0.113.7:51234"], "203.0.113.7"),
            ("10.1.1.1", &["[2001:db8::7]:443"], "2001:db8::7"),
            ("10.1.1.1", &["[2001:db8::7]"], "2001:db8::7"),
            ("10.1.1.1", &["2001:db8::7"], "2001:db8::7"),
            ("10.1.1.1", &["203.0.113.7:51234, 10.2.2.2:80, [fd00::1]:8443"], "203.0.113.7"),
            ("10.1.1.1", &["::ffff:203.0.113.7"], "203.0.113.7"),
            ("10.1.1.1", &["203.0.113.7:port"], "10.1.1.1"),
            ("10.1.1.1", &["203.0.113.7:99999"], "10.1.1.1"),
            ("10.1.1.1", &[""], "10.1.1.1"),
            ("::ffff:10.1.1.1", &["2001:db8::1"], "2001:db8::1"),
            ("fd00::7", &["203.0.113.9"], "203.0.113.9"),
        ] {
            let headers: Vec<_> = forwarded.iter().map(|value| (FORWARDED_FOR, *value)).collect();
            assert_eq!(client(peer, &headers), expected.parse::<IpAddr>().unwrap(), "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn what_rfc_7239_says() {
        for (forwarded, expected) in [
            (&["for=203.0.113.7"][..], "203.0.113.7"),
            (&["For=\"203.0.113.7:51234\";proto=https;by=10.1.1.1"], "203.0.113.7"),
            (&["for=\"[2001:db8::7]:443\""], "2001:db8::7"),
            (&["proto=https; FOR = \"[2001:db8::7]\" "], "2001:db8::7"),
            (&["for=1.1.1.1, for=203.0.113.7;by=10.2.2.2"], "203.0.113.7"),
            (&["for=1.1.1.1", "for=203.0.113.7, for=10.2.2.2"], "203.0.113.7"),
            (&["for=1.1.1.1;host=\"a,b;for=2.2.2.2\\\"\", for=203.0.113.7"], "203.0.113.7"),
            (&["host=\"x, for=1.1.1.1\""], "10.1.1.1"),
            (&["for=203.0.113.7, for=_hidden"], "10.1.1.1"),
            (&["for=203.0.113.7, for=unknown, for=10.2.2.2"], "10.2.2.2"),
            (&["for=203.0.113.7, proto=https"], "10.1.1.1"),
            (&["nonsense"], "10.1.1.1"),
            (&["for=\""], "10.1.1.1"),
        ] {
            let headers: Vec<_> = forwarded.iter().map(|value| (FORWARDED, *value)).collect();
            assert_eq!(client("10.1.1.1", &headers), expected.parse::<IpAddr>().unwrap(), "{forwarded:?}");
        }
        let untrusted = client("192.0.2.1", &[(FORWARDED, "for=203.0.113.7")]);
        assert_eq!(untrusted, "192.0.2.1".parse::<IpAddr>().unwrap());
    }

    #[test]
    fn of_both_headers_the_one_that_proxies_write_wins() {
        let both = [(FORWARDED, "for=1.1.1.1"), (FORWARDED_FOR, "203.0.113.7")];
        assert_eq!(client("10.1.1.1", &both), "203.0.113.7".parse::<IpAddr>().unwrap());
    }

    #[test]
    fn networks() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("10.1.2.3/8", "10.255.0.1", "11.0.0.1"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("fd00::/8", "fdff::1", "fe00::1"),
        ] {
            let network: Network = network.parse().unwrap();
            assert!(network.contains(inside.parse().unwrap()));
            assert!(!network.contains(outside.parse().unwrap()));
        }
        assert!("0.0.0.0/0".parse::<Network>().unwrap().contains("1.2.3.4".parse().unwrap()));
        for wrong in ["", "10.0.0.0/33", "10.0.0/8", "host", "::/129", "10.0.0.0/-1", "10.0.0.1:80"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }
}
