//! Mail over SMTP (RFC 5321), with STARTTLS or TLS from the start, and a login when the URL has one.

use std::time::Duration;

use async_trait::async_trait;
use clowder_core::{Ctx, Error, Mail, Mailer, Result};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor, transport::smtp::response::Category};

use super::Envelope;

/// How long one command may take.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    envelope: Envelope,
    server: String,
}

impl Smtp {
    pub fn open(url: &str, envelope: Envelope) -> Result<Self> {
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
            .map_err(|error| Error::internal(format!("SMTP_URL: {error}")))?
            .timeout(Some(PATIENCE))
            .build();
        // Without the login, which may be shown to nobody.
        let server = url.rsplit_once('@').map_or(url, |(_, server)| server);
        let server = server.split_once("://").map_or(server, |(_, server)| server);
        Ok(Self { transport, envelope, server: server.split('?').next().unwrap_or_default().to_owned() })
    }
}

#[async_trait]
impl Mailer for Smtp {
    async fn send(&self, ctx: &Ctx, id: &str, mail: &Mail) -> Result<()> {
        let message = self.envelope.message(ctx, id, mail)?;
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            // Replies of x5x are about this letter (RFC 5321 §4.2.1). Others, a wrong password among them, are about
            // the way, and somebody may mend it.
            Err(error)
                if error.is_permanent() && error.status().is_some_and(|c| c.category == Category::MailSystem) =>
            {
                Err(Error::field("/address", "mail.rejected", error.to_string()))
            }
            Err(error) => Err(Error::unavailable(format!("mail server: {error}"))),
        }
    }

    fn describe(&self) -> String {
        format!("SMTP server {}", self.server)
    }
}
