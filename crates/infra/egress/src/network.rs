//! Networks that the operator opens, as settings write them.

use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::IpNet;

/// A network in CIDR notation, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    pub fn contains(self, address: IpAddr) -> bool {
        self.0.contains(&address)
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("`{text}` is not a network, such as 10.1.0.0/16 or fd00:1::/64");
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self(IpNet::from(address)));
        }
        let network: IpNet = text.parse().map_err(|_| wrong())?;
        // 10.1.2.3/16 is more often a slip than meant.
        if network.addr() != network.network() {
            return Err(format!("`{text}` has more than the network: it should be {}", network.trunc()));
        }
        Ok(Self(network))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Networks between commas, as in `EGRESS_ALLOW`.
pub fn networks(text: &str) -> Result<Vec<Network>, String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_and_slips_named() {
        assert_eq!(networks(""), Ok(Vec::new()));
        let read = networks("10.0.0.0/8, ::1 ,fd00::/8,").unwrap();
        assert_eq!(read.iter().map(ToString::to_string).collect::<Vec<_>>(), ["10.0.0.0/8", "::1/128", "fd00::/8"]);
        for wrong in ["10.0.0.1/8", "10.0.0.0/33", "10.0.0.0 10.1.0.0", "example.org", "*"] {
            assert!(networks(wrong).unwrap_err().contains('`'), "{wrong}");
        }
    }
}
