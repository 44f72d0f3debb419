//! How emails are written, as text and as HTML; what they say is in `domains/<domain>/emails.rs`. What people typed is
//! escaped in HTML and kept to one line in text, so that nobody can make us say what we do not.

use std::time::Duration;

use askama::Template;
use clowder_accounts::Own;
use clowder_core::{Error, Mail, Result, Timestamp};

/// Where the links in emails lead, and who emails are from.
#[derive(Debug, Clone)]
pub struct EmailTemplates {
    /// The page that reads what stands after `#`: `https://chat.example/account`.
    pub account_url: String,
    /// The public URL of this server, without a trailing slash.
    pub server_url: String,
    /// The name of this server.
    pub sender: String,
}

impl Default for EmailTemplates {
    fn default() -> Self {
        Self {
            account_url: "http://127.0.0.1:8080/account".to_owned(),
            server_url: "http://127.0.0.1:8080".to_owned(),
            sender: "Clowder".to_owned(),
        }
    }
}

/// The recipient of an email.
#[derive(Debug, Clone)]
pub struct Recipient {
    pub name: String,
    pub address: String,
}

impl Recipient {
    /// The holder of an unconfirmed address may be a stranger, so they are addressed by the username, which can hardly
    /// carry a message.
    pub fn of(own: &Own) -> Self {
        let name = if own.email_verified { &own.display_name } else { &own.username };
        Self { name: name.clone(), address: own.email.clone() }
    }
}

pub(crate) struct Action {
    pub label: &'static str,
    pub link: String,
}

#[derive(Template)]
#[template(path = "email.txt", escape = "none")]
struct Text<'l> {
    name: &'l str,
    paragraphs: &'l [String],
    action: &'l Option<Action>,
    reason: &'l str,
    sender: &'l str,
}

#[derive(Template)]
#[template(path = "email.html")]
struct Html<'l> {
    /// The language (BCP 47).
    tag: &'static str,
    subject: &'l str,
    name: &'l str,
    paragraphs: &'l [String],
    action: &'l Option<Action>,
    reason: &'l str,
    sender: &'l str,
}

/// The reason for an email about one's own account.
pub(crate) const NOT_YOU: &str = "If this was not you, change your password and end all sessions you do not recognise.";

impl EmailTemplates {
    /// Behind `#`, which browsers don't send, the token appears in no log and no `Referer`.
    pub fn link(&self, purpose: &str, token: &str) -> String {
        format!("{}#{purpose}={token}", self.account_url)
    }

    pub(crate) fn action(&self, label: &'static str, purpose: &str, token: &str) -> Option<Action> {
        Some(Action { label, link: self.link(purpose, token) })
    }

    pub(crate) fn write(
        &self,
        to: &Recipient,
        subject: &str,
        paragraphs: &[String],
        action: Option<Action>,
        reason: &str,
    ) -> Result<Mail> {
        let (name, action, sender) = (one_line(&to.name), &action, self.sender.as_str());
        let paragraphs: &[_] = &paragraphs.iter().map(|text| one_line(text)).collect::<Vec<_>>();
        let failed = |error: askama::Error| Error::internal(format!("email: {error}"));
        let text = Text { name: &name, paragraphs, action, reason, sender }.render().map_err(failed)?;
        let html =
            Html { tag: "en", subject, name: &name, paragraphs, action, reason, sender }.render().map_err(failed)?;
        Ok(Mail {
            name,
            address: to.address.clone(),
            subject: subject.to_owned(),
            text,
            html,
            good_until: None,
            subscription: None,
        })
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `2026-11-21 at 08:30 UTC`.
pub(crate) fn day(at: Timestamp) -> String {
    let text = at.to_string();
    match text.split_once('T') {
        Some((day, time)) => format!("{day} at {} UTC", time.chars().take(5).collect::<String>()),
        None => text,
    }
}

/// `30 minutes`, `24 hours`.
pub(crate) fn span(duration: Duration) -> String {
    match duration.as_secs() {
        seconds if seconds < 2 * 3600 => format!("{} minutes", seconds / 60),
        seconds => format!("{} hours", seconds / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_typed_stays_text() {
        let head = EmailTemplates {
            account_url: "https://chat.example/account".into(),
            server_url: "https://chat.example".into(),
            sender: "Clowder".into(),
        };
        let to = Recipient { name: "<b>Ada</b>\nBuy now".into(), address: "ada@example.org".into() };
        let mail = head.reset_password(&to, "t0ken", Duration::from_secs(24 * 3600)).unwrap();
        assert_eq!(mail.name, "<b>Ada</b> Buy now");
        assert!(!mail.html.contains("<b>") && mail.html.contains("Ada"));
        assert!(mail.text.starts_with("Hello <b>Ada</b> Buy now,\n"), "{}", mail.text);
        for body in [&mail.text, &mail.html] {
            assert!(body.contains("https://chat.example/account#reset=t0ken") && body.contains("24 hours"), "{body}");
        }
    }
}
