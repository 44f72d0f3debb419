//! The operator's proxy: a tunnel by `CONNECT`, inside which everything is as without it.

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode_str;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use url::Url;

use crate::Failure;

/// The longest head of a proxy's answer.
const LONGEST_HEAD: usize = 8 << 10;

/// `http://[user:password@]host:port`.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    host: String,
    port: u16,
    /// The value of `Proxy-Authorization`.
    credentials: Option<String>,
}

impl Proxy {
    pub(crate) async fn connect(&self) -> Result<TcpStream, Failure> {
        TcpStream::connect((self.host.as_str(), self.port)).await.map_err(|_| Failure::Connect)
    }

    /// Asks for a tunnel to `authority`, which has a port.
    pub(crate) async fn tunnel(&self, stream: &mut TcpStream, authority: &str) -> Result<(), Failure> {
        let credentials = match &self.credentials {
            Some(credentials) => format!("Proxy-Authorization: {credentials}\r\n"),
            None => String::new(),
        };
        let asked = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{credentials}\r\n");
        stream.write_all(asked.as_bytes()).await.map_err(|_| Failure::Connect)?;
        let mut head = Vec::with_capacity(256);
        while !head.ends_with(b"\r\n\r\n") {
            let read = stream.read_buf(&mut head).await.map_err(|_| Failure::Connect)?;
            // Whatever follows the head would come before this side has said hello.
            if read == 0 || head.len() > LONGEST_HEAD {
                return Err(Failure::Connect);
            }
        }
        let status = head.strip_prefix(b"HTTP/1.").and_then(|rest| rest.get(1..5));
        match status {
            Some([b' ', b'2', _, _]) => Ok(()),
            Some([b' ', b'4', b'0', b'3']) => Err(Failure::Forbidden("proxy")),
            _ => Err(Failure::Connect),
        }
    }
}

impl FromStr for Proxy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || "must be an address such as http://proxy.example:3128".to_owned();
        let url = Url::parse(text).map_err(|_| wrong())?;
        let is_bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        let (Some(host), true, "http") = (url.host_str(), is_bare, url.scheme()) else { return Err(wrong()) };
        let decoded = |text: &str| percent_decode_str(text).collect::<Vec<u8>>();
        let credentials = (!url.username().is_empty()).then(|| {
            let pair = [decoded(url.username()), decoded(url.password().unwrap_or_default())].join(&b':');
            format!("Basic {}", STANDARD.encode(pair))
        });
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { host, port: url.port_or_known_default().unwrap_or(80), credentials })
    }
}

/// Without the password.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_passwords_not_shown() {
        let proxy: Proxy = "http://ada:p%40ss@proxy.example:3128".parse().unwrap();
        assert_eq!(format!("{proxy:?}"), "proxy.example:3128");
        assert_eq!(proxy.credentials.as_deref(), Some("Basic YWRhOnBAc3M="));
        let proxy: Proxy = "http://[::1]:3128/".parse().unwrap();
        assert_eq!((proxy.host.as_str(), proxy.port), ("::1", 3128));
        for wrong in ["proxy:3128", "https://proxy:3128", "socks5://proxy", "http://proxy/path", ""] {
            assert!(wrong.parse::<Proxy>().is_err(), "{wrong}");
        }
    }
}
