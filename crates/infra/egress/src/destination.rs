//! Where a URL leads, and whether it may: scheme, port, userinfo, and the address if it is written out.

use std::net::IpAddr;

use url::{Host, Url};

use crate::{Failure, Network, address::is_allowed, why_closed};

/// A longer one is not sent to anybody.
const LONGEST_URL: usize = 4096;

/// Ports above 1023 where something else than HTTP is usual. An HTTP request can be read as commands by some of these.
const OTHER_PROTOCOLS: &[u16] = &[
    1433, 1521, 1719, 1720, 1723, 1883, 2049, 2181, 2375, 2376, 2379, 2380, 3260, 3306, 3389, 3659, 4045, 4190, 4369,
    5060, 5061, 5432, 5433, 5672, 5900, 5984, 6000, 6379, 6380, 6432, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697,
    7000, 7001, 8125, 9042, 9092, 9160, 9200, 9300, 10080, 10250, 10255, 11211, 11300, 26379, 27017, 27018, 27019,
];

/// Where a call goes to. Two calls with the same destination may share a connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Destination {
    pub tls: bool,
    pub host: Place,
    pub port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    Name(String),
    Address(IpAddr),
}

impl Destination {
    /// The destination of a URL, if its form and what it says are allowed. A name is checked when it is resolved.
    pub fn of(url: &Url, allow: &[Network]) -> Result<Self, Failure> {
        if url.as_str().len() > LONGEST_URL {
            return Err(Failure::Url);
        }
        let tls = match url.scheme() {
            "https" => true,
            "http" if allow.is_empty() => return Err(Failure::Forbidden("http")),
            "http" => false,
            _ => return Err(Failure::Forbidden("scheme")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Failure::Forbidden("userinfo"));
        }
        let port = url.port_or_known_default().ok_or(Failure::Url)?;
        if !is_open(port) {
            return Err(Failure::Forbidden("port"));
        }
        let host = match url.host().ok_or(Failure::Url)? {
            Host::Ipv4(address) => Place::Address(IpAddr::V4(address)),
            Host::Ipv6(address) => Place::Address(IpAddr::V6(address)),
            Host::Domain(name) if is_name(name) => Place::Name(name.to_owned()),
            Host::Domain(_) => return Err(Failure::Url),
        };
        let destination = Self { tls, host, port };
        if let Place::Address(address) = destination.host {
            destination.check(address, allow)?;
        }
        Ok(destination)
    }

    /// Whether a connection to this address may be opened for it.
    pub fn check(&self, address: IpAddr, allow: &[Network]) -> Result<(), Failure> {
        if let Some(why) = why_closed(address, allow) {
            return Err(Failure::Forbidden(why));
        }
        // Without TLS only where the operator answers for the network.
        if !self.tls && !is_allowed(address, allow) {
            return Err(Failure::Forbidden("http"));
        }
        Ok(())
    }

    /// What a server certificate must name.
    pub fn name(&self) -> String {
        match &self.host {
            // The dot at the end belongs to DNS and to no certificate.
            Place::Name(name) => name.trim_end_matches('.').to_owned(),
            Place::Address(address) => address.to_string(),
        }
    }

    /// Host and port as HTTP writes them; the port only if it is not the usual one.
    pub fn authority(&self) -> String {
        let host = match &self.host {
            Place::Name(name) => name.clone(),
            Place::Address(IpAddr::V4(address)) => address.to_string(),
            Place::Address(IpAddr::V6(address)) => format!("[{address}]"),
        };
        let usual = if self.tls { 443 } else { 80 };
        if self.port == usual { host } else { format!("{host}:{}", self.port) }
    }
}

/// 80, 443, and from 1024 on whatever is not known for another protocol.
fn is_open(port: u16) -> bool {
    matches!(port, 80 | 443) || (port >= 1024 && !OTHER_PROTOCOLS.contains(&port))
}

/// What DNS can have: `url` has already made ASCII of it.
fn is_name(name: &str) -> bool {
    let labels = name.strip_suffix('.').unwrap_or(name);
    let fits = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_'))
    };
    labels.len() <= 253 && labels.split('.').all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::networks;

    /// Why a URL is refused; `ok` if it is not.
    fn said(url: &str, allow: &str) -> &'static str {
        let Ok(url) = Url::parse(url) else { return "unreadable" };
        match Destination::of(&url, &networks(allow).unwrap()) {
            Ok(_) => "ok",
            Err(Failure::Forbidden(why)) => why,
            Err(_) => "url",
        }
    }

    #[test]
    fn what_a_url_says_is_checked() {
        let long = format!("https://example.org/{}", "a".repeat(5000));
        let label = format!("https://{}.org/", "a".repeat(64));
        let table = [
            ("https://example.org/", "", "ok"),
            ("https://example.org:8443/x?y#z", "", "ok"),
            ("https://example.org./", "", "ok"),
            ("https://bücher.example/", "", "ok"),
            ("http://example.org/", "", "http"),
            // Whether a name leads inside is seen when it is resolved.
            ("http://example.org/", "10.0.0.0/8", "ok"),
            ("http://10.1.2.3/", "10.0.0.0/8", "ok"),
            ("http://8.8.8.8/", "10.0.0.0/8", "http"),
            ("http://127.0.0.1/", "10.0.0.0/8", "loopback"),
            ("ftp://example.org/", "", "scheme"),
            ("file:///etc/passwd", "", "scheme"),
            ("gopher://example.org/", "", "scheme"),
            ("data:text/plain,x", "", "scheme"),
            ("https://ada@example.org/", "", "userinfo"),
            ("https://ada:secret@example.org/", "", "userinfo"),
            ("https://:secret@example.org/", "", "userinfo"),
            ("https://1.1.1.1@127.0.0.1/", "", "userinfo"),
            ("https://example.org:22/", "", "port"),
            ("https://example.org:25/", "", "port"),
            ("https://example.org:0/", "", "port"),
            ("https://example.org:6379/", "", "port"),
            ("https://10.1.2.3:5432/", "10.0.0.0/8", "port"),
            (&long, "", "url"),
            (&label, "", "url"),
            ("https://a..b/", "", "url"),
            ("https://a*b/", "", "url"),
            ("https://[fe80::1%25eth0]/", "", "unreadable"),
        ];
        for (url, allow, expected) in table {
            assert_eq!(said(url, allow), expected, "{url}");
        }
    }

    #[test]
    fn odd_spellings_of_an_address_are_that_address() {
        let table = [
            ("https://127.0.0.1/", "loopback"),
            ("https://127.0.0.1./", "loopback"),
            ("https://127.1/", "loopback"),
            ("https://2130706433/", "loopback"),
            ("https://0x7f000001/", "loopback"),
            ("https://0x7f.0.0.1/", "loopback"),
            ("https://0177.0.0.1/", "loopback"),
            ("https://017700000001/", "loopback"),
            ("https://%31%32%37.0.0.1/", "loopback"),
            ("https://①②⑦.0.0.1/", "loopback"),
            ("https://127。0。0。1/", "loopback"),
            ("https:\\\\127.0.0.1\\", "loopback"),
            ("https://0/", "unspecified"),
            ("https://10.1/", "private"),
            ("https://0xa9fea9fe/", "metadata"),
            ("https://2852039166/", "metadata"),
            ("https://[::1]/", "loopback"),
            ("https://[::]/", "unspecified"),
            ("https://[::ffff:127.0.0.1]/", "loopback"),
            ("https://[::ffff:7f00:1]/", "loopback"),
            ("https://[0:0:0:0:0:ffff:a9fe:a9fe]/", "metadata"),
            ("https://[64:ff9b::a00:1]/", "private"),
            ("https://[fd00:ec2::254]/", "metadata"),
            ("https://256.0.0.1/", "unreadable"),
            ("https://1.2.3.4.5/", "unreadable"),
            ("https://0x100000000/", "unreadable"),
        ];
        for (url, expected) in table {
            assert_eq!(said(url, ""), expected, "{url}");
        }
    }

    #[test]
    fn the_port_is_named_if_it_is_not_the_usual() {
        let authority = |url: &str| {
            Destination::of(&Url::parse(url).unwrap(), &networks("::/0,0.0.0.0/0").unwrap()).unwrap().authority()
        };
        assert_eq!(authority("https://Example.org:443/x"), "example.org");
        assert_eq!(authority("https://example.org:8443/x"), "example.org:8443");
        assert_eq!(authority("http://[::1]:8080/"), "[::1]:8080");
    }
}
