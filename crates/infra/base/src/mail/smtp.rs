//! Mail over SMTP (RFC 5321), with STARTTLS or TLS from the start, and a login if the URL has one.

use std::time::Duration;

use async_trait::async_trait;
use clowder_core::{Ctx, Error, Mail, Mailer, Result};
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Tokio1Executor,
    transport::smtp::{AsyncSmtpTransportBuilder, response::Category},
};

use super::Envelope;

/// How long a server may take to accept the connection.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long an email may take in total. A server that stops responding in the middle must not block a worker forever;
/// it may have accepted the email all the same, and the `Message-ID` then identifies duplicates.
const EMAIL: Duration = Duration::from_secs(120);

pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    envelope: Envelope,
    server: String,
}

impl Smtp {
    pub fn open(url: &str, envelope: Envelope) -> Result<Self> {
        let transport = builder(url)?.build();
        // The URL without the credentials, which must not be shown.
        let server = url.rsplit_once('@').map_or(url, |(_, server)| server);
        let server = server.split_once("://").map_or(server, |(_, server)| server);
        Ok(Self { transport, envelope, server: server.split('?').next().unwrap_or_default().to_owned() })
    }
}

/// The transport for a URL; nothing is sent to the server yet.
pub fn builder(url: &str) -> Result<AsyncSmtpTransportBuilder> {
    let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
        .map_err(|error| Error::internal(format!("SMTP_URL: {error}")))?;
    Ok(builder.timeout(Some(PATIENCE)))
}

#[async_trait]
impl Mailer for Smtp {
    async fn send(&self, ctx: &Ctx, id: &str, mail: &Mail) -> Result<()> {
        let message = self.envelope.message(ctx, id, mail)?;
        let sent = tokio::time::timeout(EMAIL, self.transport.send(message));
        let sent = sent.await.map_err(|_| Error::unavailable("mail server: stopped responding"))?;
        match sent {
            Ok(_) => Ok(()),
            // Replies of x5x concern this email (RFC 5321 §4.2.1). Others, such as a wrong password, concern the
            // server, and somebody may fix it.
            Err(error)
                if error.is_permanent() && error.status().is_some_and(|c| c.category == Category::MailSystem) =>
            {
                Err(Error::field("/address", "mail.rejected", error.to_string()))
            }
            // A server that supports only ASCII (no SMTPUTF8, RFC 6531) will not change.
            Err(error) if error.is_client() && !mail.address.is_ascii() => {
                Err(Error::field("/address", "mail.rejected", error.to_string()))
            }
            Err(error) => Err(Error::unavailable(format!("mail server: {error}"))),
        }
    }

    async fn check(&self) -> Result<()> {
        let failed = |text: String| Error::unavailable(format!("mail server {}: {text}", self.server));
        let asked = tokio::time::timeout(PATIENCE, self.transport.test_connection()).await;
        match asked.map_err(|_| failed("does not answer".to_owned()))? {
            Ok(true) => Ok(()),
            Ok(false) => Err(failed("does not accept the connection".to_owned())),
            Err(error) => Err(failed(error.to_string())),
        }
    }

    fn describe(&self) -> String {
        format!("SMTP server {}", self.server)
    }
}
