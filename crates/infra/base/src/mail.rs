//! Sending mail: over SMTP, or as files in a folder if there is no server. Both build the same message.

mod folder;
mod smtp;

use std::{path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use clowder_core::{
    Ctx, Error, Kind, Mail, Mailer, Refusal, Result, Subscription,
    job::{Queue, Taken, Work, Worker},
};
use lettre::{
    Address, Message,
    message::{
        Body, Mailbox, MultiPart,
        header::{ContentTransferEncoding, HeaderName, HeaderValue},
    },
};

/// How mail is sent.
#[derive(Debug, Clone)]
pub enum Route {
    /// `smtp://user:password@host:587?tls=required` (STARTTLS, RFC 3207) or `smtps://…` (TLS from the start, RFC 8314).
    Smtp(String),
    /// One `.eml` file each (RFC 5322).
    Folder(PathBuf),
}

/// Creates the mailer; needs a runtime. `from` is the sender: `Clowder <clowder@chat.example>`.
pub fn mailer(route: &Route, from: &str) -> Result<Arc<dyn Mailer>> {
    let envelope = Envelope::new(from)?;
    Ok(match route {
        Route::Smtp(url) => Arc::new(smtp::Smtp::open(url, envelope)?),
        Route::Folder(folder) => Arc::new(folder::Folder::open(folder, envelope)?),
    })
}

/// Whether mail could be sent, as far as that can be checked without sending any.
pub fn check(route: &Route) -> Result<()> {
    match route {
        Route::Smtp(url) => smtp::builder(url).map(drop),
        Route::Folder(_) => Ok(()),
    }
}

/// The signature of emails: the name in `from`, or else its domain.
pub fn sender(from: &str) -> Result<String> {
    let Envelope { from } = Envelope::new(from)?;
    Ok(from.name.unwrap_or_else(|| from.email.domain().to_owned()))
}

/// Retrying does not make this address valid.
const ADDRESS_IMPOSSIBLE: Refusal = Refusal::new(Kind::Invalid, "mail.address", "Mail cannot be sent to this address");

/// Builds messages.
struct Envelope {
    from: Mailbox,
}

impl Envelope {
    fn new(from: &str) -> Result<Self> {
        let wrong = |error: String| Error::internal(format!("MAIL_FROM: `{from}`: {error}"));
        let Mailbox { name, email } = from.parse::<Mailbox>().map_err(|error| wrong(error.to_string()))?;
        let email = in_ascii(email.user(), email.domain()).map_err(|_| wrong("no domain".to_owned()))?;
        Ok(Self { from: Mailbox { name, email } })
    }

    fn message(&self, ctx: &Ctx, id: &str, mail: &Mail) -> Result<Message> {
        let (local, domain) = mail.address.rsplit_once('@').ok_or(ADDRESS_IMPOSSIBLE)?;
        let address = in_ascii(local, domain)?;
        let micros = u64::try_from(ctx.now.as_micros()).unwrap_or_default();
        let builder = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(Some(one_line(&mail.name)), address))
            .subject(one_line(&mail.subject))
            .date(std::time::UNIX_EPOCH + Duration::from_micros(micros))
            .message_id(Some(format!("<{id}@{}>", self.from.email.domain())))
            // Keeps auto-replies from answering (RFC 3834).
            .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".into()));
        let subscribed = mail.subscription.iter().flat_map(|subscription| self.subscribed(subscription));
        subscribed
            .fold(builder, |builder, (name, value)| builder.raw_header(plain(name, &value)))
            .multipart(MultiPart::alternative_plain_html(body(&mail.text), body(&mail.html)))
            .map_err(|error| Error::internal(format!("mail: {error}")))
    }

    /// What says by which list an email comes, how to end that, and to which thread it belongs. The first email of a thread
    /// answers one that there never was: mail programs show all that do together.
    fn subscribed(&self, subscription: &Subscription) -> Vec<(&'static str, String)> {
        let domain = self.from.email.domain();
        let mut headers = vec![
            ("List-Id", format!("<{}.{domain}>", subscription.list)),
            ("List-Unsubscribe", format!("<{}>", subscription.unsubscribe_url)),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()),
        ];
        if let Some(thread) = &subscription.thread {
            headers.extend(["In-Reply-To", "References"].map(|name| (name, format!("<{thread}@{domain}>"))));
        }
        headers
    }
}

/// A header that needs no encoding: the library would break a long address into encoded words. Nothing in it can begin another
/// header.
fn plain(name: &'static str, value: &str) -> HeaderValue {
    let value: String = value.chars().filter(|c| matches!(c, ' '..='~')).collect();
    HeaderValue::dangerous_new_pre_encoded(HeaderName::new_from_ascii_str(name), value.clone(), value)
}

/// The longest line of a message without its line break (RFC 5322 §2.1.1).
const LONGEST_LINE: usize = 998;

/// ASCII is sent as it is, so that a link can be copied out of a file: the library would break lines of more than 76
/// characters and write `=` as `=3D`.
fn body(text: &str) -> Body {
    let is_plain = text.bytes().all(|octet| matches!(octet, b'\n' | b'\t' | b' '..=b'~'));
    if is_plain && text.lines().all(|line| line.len() <= LONGEST_LINE) {
        let lines: String = text.lines().flat_map(|line| [line, "\r\n"]).collect();
        return Body::dangerous_pre_encoded(lines.into_bytes(), ContentTransferEncoding::SevenBit);
    }
    Body::new(text.to_owned())
}

/// Domains are sent in ASCII (RFC 5890), which every server understands.
fn in_ascii(local: &str, domain: &str) -> Result<Address> {
    let domain = idna::domain_to_ascii(domain).map_err(|_| ADDRESS_IMPOSSIBLE)?;
    Ok(Address::new(local, domain).map_err(|_| ADDRESS_IMPOSSIBLE)?)
}

/// A line break in a header would begin another one, so it becomes a space.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The job that sends an email.
pub struct Postman(pub Arc<dyn Mailer>);

#[async_trait]
impl Worker for Postman {
    fn kind(&self) -> &'static str {
        Mail::KIND
    }

    fn queue(&self) -> Queue {
        Mail::QUEUE
    }

    async fn work(&self, ctx: &Ctx, job: &Taken) -> Result<()> {
        let mail: Mail = job.read()?;
        if is_expired(ctx, &mail) {
            tracing::warn!(job = %job.id, subject = mail.subject, "an email was dropped: its link has expired");
            return Ok(());
        }
        self.0.send(ctx, &job.id.to_string(), &mail).await
    }

    fn needs_a_steady_clock(&self, ctx: &Ctx, job: &Taken) -> bool {
        job.read::<Mail>().is_ok_and(|mail| is_expired(ctx, &mail))
    }
}

fn is_expired(ctx: &Ctx, mail: &Mail) -> bool {
    mail.good_until.is_some_and(|until| until <= ctx.now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascii_goes_out_as_it_is() {
        let plain = |text: &str| {
            let body = body(text);
            (matches!(body.encoding(), ContentTransferEncoding::SevenBit), String::from_utf8(body.into_vec()).unwrap())
        };
        let link = format!("https://chat.example/account#verify={}", "t".repeat(200));
        assert_eq!(
            plain(&format!("Confirm:\n{link}\n\nClowder")),
            (true, format!("Confirm:\r\n{link}\r\n\r\nClowder\r\n"))
        );
        assert_eq!(plain(&"x".repeat(998)), (true, format!("{}\r\n", "x".repeat(998))));
        for text in ["Hello Zo\u{eb},", &"x".repeat(999)] {
            let (is_plain, octets) = plain(text);
            assert!(!is_plain && octets.is_ascii() && octets.lines().all(|line| line.len() <= 76), "{octets}");
        }
    }

    #[test]
    fn a_subscription_stands_in_headers_of_one_line_each() {
        let envelope = Envelope::new("Clowder <clowder@chat.example>").unwrap();
        let subscription = Subscription {
            list: "digest".into(),
            unsubscribe_url: format!(
                "https://chat.example/api/notices/unsubscribe/{}\r\nBcc: x@y.example",
                "t".repeat(400)
            ),
            thread: Some("0123".into()),
        };
        let mail = Mail {
            name: "Ada".into(),
            address: "ada@example.org".into(),
            subject: "Hello".into(),
            text: "Hello".into(),
            html: "<p>Hello</p>".into(),
            good_until: None,
            subscription: Some(subscription),
        };
        let ctx = Ctx::new(clowder_core::Actor::System, clowder_core::Timestamp::from_micros(0), "test");
        let message = String::from_utf8(envelope.message(&ctx, "1", &mail).unwrap().formatted()).unwrap();
        let (head, _) = message.split_once("\r\n\r\n").unwrap();
        let of = |name: &str| {
            let found: Vec<_> = head.lines().filter_map(|line| line.strip_prefix(name)).collect();
            assert_eq!(found.len(), 1, "{name} {head}");
            found[0].trim().to_owned()
        };
        assert_eq!(of("List-Id:"), "<digest.chat.example>");
        let link = format!("<https://chat.example/api/notices/unsubscribe/{}Bcc: x@y.example>", "t".repeat(400));
        assert_eq!(of("List-Unsubscribe:"), link);
        assert_eq!(of("List-Unsubscribe-Post:"), "List-Unsubscribe=One-Click");
        assert_eq!(
            (of("In-Reply-To:"), of("References:")),
            ("<0123@chat.example>".into(), "<0123@chat.example>".into())
        );
        assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
    }
}
