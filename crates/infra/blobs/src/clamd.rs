//! The virus scanner clamd, over its own protocol: INSTREAM (`man clamd`), by TCP or a socket of this machine.

use std::{fmt, future::Future, path::PathBuf, pin::pin, time::Duration};

use async_trait::async_trait;
use clowder_core::{Cause, Error, Result};
use clowder_media::{Scanner, Verdict, blobs::ByteStream};
use futures_util::StreamExt;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, UnixStream},
    time::timeout,
};

/// How long connecting may take, and how long clamd may take no more bytes.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long clamd may think after it has everything. Its own limit, `MaxScanTime`, is two minutes.
const THOUGHT: Duration = Duration::from_secs(150);
/// The maximum size of an answer, which is one line.
const LONGEST: usize = 4096;
/// The maximum number of characters in the name of what was found.
const LONGEST_NAME: usize = 200;

/// Where clamd listens: `tcp://host:port` or `unix:/path`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    Tcp(String),
    Unix(PathBuf),
}

impl Address {
    /// The error says what would be valid.
    pub fn parse(url: &str) -> Result<Self, String> {
        if let Some(path) = url.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.starts_with('/') {
                return Ok(Self::Unix(path.into()));
            }
        }
        if let Some((host, port)) = url.strip_prefix("tcp://").and_then(|address| address.rsplit_once(':')) {
            let plain = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b':' | b'[' | b']');
            if !host.is_empty() && host.bytes().all(plain) && port.parse::<u16>().is_ok_and(|port| port > 0) {
                return Ok(Self::Tcp(format!("{host}:{port}")));
            }
        }
        Err("must be tcp://host:port or unix:/path".to_owned())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp://{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

pub struct Clamd {
    address: Address,
}

/// A connection of either kind.
trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

impl Clamd {
    pub fn new(address: Address) -> Self {
        Self { address }
    }

    async fn connect(&self) -> Result<Box<dyn Connection>> {
        let connect = async {
            let connected = match &self.address {
                Address::Tcp(address) => {
                    TcpStream::connect(address).await.map(|tcp| Box::new(tcp) as Box<dyn Connection>)
                }
                Address::Unix(path) => UnixStream::connect(path).await.map(|unix| Box::new(unix) as _),
            };
            connected.map_err(|error| self.fault(error))
        };
        self.within(PATIENCE, connect).await
    }

    async fn within<T>(&self, limit: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
        let late = |_| Err(self.fault(format_args!("no answer within {} seconds", limit.as_secs())));
        timeout(limit, work).await.unwrap_or_else(late)
    }

    fn fault(&self, why: impl fmt::Display) -> Error {
        Error::outage(Cause::Lost, format!("clamd at {}: {why}", self.address))
    }

    /// One line, which ends with a zero byte. What happens to the connection after it does not matter.
    async fn answer(&self, connection: &mut (dyn AsyncRead + Send + Unpin)) -> Result<String> {
        let mut line = Vec::new();
        loop {
            let read = connection.read_u8().await.map_err(|error| self.fault(format_args!("no answer: {error}")))?;
            match read {
                0 => return Ok(String::from_utf8_lossy(&line).trim().to_owned()),
                _ if line.len() == LONGEST => return Err(self.fault("the answer does not end")),
                octet => line.push(octet),
            }
        }
    }

    /// Sends the bytes. If clamd wants no more of them, because it has found something or they are too many, it closes the
    /// connection, and its answer says why.
    async fn send(&self, connection: &mut (dyn AsyncWrite + Send + Unpin), mut bytes: ByteStream) -> Result<()> {
        let begin = async { connection.write_all(b"zINSTREAM\0").await.map_err(|error| self.fault(error)) };
        self.within(PATIENCE, begin).await?;
        while let Some(piece) = bytes.next().await {
            let piece = piece?;
            let Ok(size) = u32::try_from(piece.len()) else {
                return Err(Error::internal("a piece of more than 4 GiB"));
            };
            // An empty piece would be the end.
            if size == 0 {
                continue;
            }
            let write = async {
                connection.write_all(&size.to_be_bytes()).await?;
                connection.write_all(&piece).await
            };
            match timeout(PATIENCE, write).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Ok(()),
                Err(_) => return Err(self.fault("it takes no more bytes")),
            }
        }
        // Here too, only the answer says whether it has everything.
        let _ = timeout(PATIENCE, connection.write_all(&[0; 4])).await;
        Ok(())
    }

    fn verdict(&self, answer: &str) -> Result<Verdict> {
        if answer.ends_with("size limit exceeded. ERROR") {
            return Ok(Verdict::TooLarge);
        }
        let Some(said) = answer.strip_prefix("stream: ") else {
            return Err(self.fault(format_args!("answers {answer:?}")));
        };
        match said.strip_suffix(" FOUND") {
            // With `AlertExceedsMax`.
            Some(name) if name.starts_with("Heuristics.Limits.Exceeded") => Ok(Verdict::TooLarge),
            Some(name) => Ok(Verdict::Infected(name.chars().take(LONGEST_NAME).collect())),
            None if said == "OK" => Ok(Verdict::Clean),
            None => Err(self.fault(format_args!("answers {answer:?}"))),
        }
    }
}

#[async_trait]
impl Scanner for Clamd {
    async fn scan(&self, bytes: ByteStream) -> Result<Verdict> {
        let (mut answers, mut questions) = tokio::io::split(self.connect().await?);
        let mut answer = pin!(self.answer(&mut answers));
        // It may answer before it has everything, and then it takes no more.
        tokio::select! {
            answer = &mut answer => match self.verdict(&answer?)? {
                Verdict::Clean => Err(self.fault("it has not seen everything")),
                verdict => Ok(verdict),
            },
            sent = self.send(&mut questions, bytes) => {
                sent?;
                self.verdict(&self.within(THOUGHT, answer).await?)
            }
        }
    }

    async fn signatures(&self) -> Result<String> {
        let mut connection = self.connect().await?;
        let ask = async {
            connection.write_all(b"zVERSION\0").await.map_err(|error| self.fault(error))?;
            self.answer(&mut *connection).await
        };
        self.within(PATIENCE, ask).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert_eq!(Address::parse("tcp://clamav:3310"), Ok(Address::Tcp("clamav:3310".into())));
        assert_eq!(Address::parse("tcp://[::1]:3310"), Ok(Address::Tcp("[::1]:3310".into())));
        for url in ["unix:/run/clamd.sock", "unix:///run/clamd.sock"] {
            assert_eq!(Address::parse(url), Ok(Address::Unix("/run/clamd.sock".into())));
        }
        for url in [
            "",
            "clamav:3310",
            "tcp://clamav",
            "tcp://:3310",
            "tcp://clamav:0",
            "tcp://a/b:1",
            "unix:clamd",
            "http://a:1",
        ] {
            assert!(Address::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn answers() {
        let clamd = Clamd::new(Address::Tcp("host:1".into()));
        for (answer, verdict) in [
            ("stream: OK", Verdict::Clean),
            ("stream: Win.Test.EICAR_HDB-1 FOUND", Verdict::Infected("Win.Test.EICAR_HDB-1".into())),
            ("stream: a FOUND FOUND", Verdict::Infected("a FOUND".into())),
            ("INSTREAM size limit exceeded. ERROR", Verdict::TooLarge),
            ("stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND", Verdict::TooLarge),
        ] {
            assert_eq!(clamd.verdict(answer).unwrap(), verdict, "{answer}");
        }
        for answer in
            ["", "OK", "stream: ", "stream: Can't allocate memory ERROR", "HTTP/1.1 400 Bad Request", "OK FOUND"]
        {
            assert!(clamd.verdict(answer).unwrap_err().cause().is_some(), "{answer}");
        }
    }
}
