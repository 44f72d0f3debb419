//! `[mail]`: how emails are sent.

use clowder_infra::{Options, mail};

use super::{
    Secret,
    checks::{Checked, authority, expect_scheme, reason},
    settings::{Setting, checked, secret, setting, within},
};

#[derive(Debug, Clone, PartialEq)]
pub struct Mail {
    /// `None`: emails are written to a folder.
    pub smtp_url: Option<Secret>,
    pub from: String,
    /// The page that emails link to; empty: the one of this server.
    pub account_url: String,
    /// The page that shows a thing; empty: the first page of this server.
    pub open_url: String,
    /// How many emails about notifications one person gets in an hour.
    pub per_hour: u64,
}

impl Default for Mail {
    fn default() -> Self {
        Self {
            smtp_url: None,
            from: "Clowder <clowder@localhost>".to_owned(),
            account_url: String::new(),
            open_url: String::new(),
            per_hour: 20,
        }
    }
}

impl Mail {
    /// What the store is told. The URL of the server ends without a slash.
    pub fn apply_to(&self, server_url: &str, options: &mut Options) {
        options.notices.an_hour = usize::try_from(self.per_hour).unwrap_or(usize::MAX);
        options.notices.open_url = match self.open_url.as_str() {
            "" => format!("{server_url}/"),
            own => own.to_owned(),
        };
    }
}

#[rustfmt::skip]
pub const SETTINGS: &[Setting] = &[
    checked(smtp_url, secret(setting("mail", "smtp_url", "SMTP_URL", |c| &mut c.mail.smtp_url,
        "`smtp://user:password@host:587?tls=required` (STARTTLS) or `smtps://…` (TLS). Empty: emails are written to files in `data_dir`/mail."))),
    checked(sender, setting("mail", "from", "MAIL_FROM", |c| &mut c.mail.from,
        "Sender of emails; the name is also their signature.")),
    checked(page, setting("mail", "account_url", "ACCOUNT_URL", |c| &mut c.mail.account_url,
        "The page that emails link to, with `#verify=…` or `#reset=…`. Empty: `/account` of this server.")),
    checked(page, setting("mail", "open_url", "MAIL_OPEN_URL", |c| &mut c.mail.open_url,
        "The page of your client that emails about notifications link to, with `#message=…&chat=…` and the like. Empty: `/` of this server.")),
    within(1, 1_000, setting("mail", "per_hour", "MAIL_PER_HOUR", |c| &mut c.mail.per_hour,
        "How many emails about notifications one person gets in an hour; what waits then is put together.")),
];

/// Wrong values of each, for the test that none of them starts a server.
#[cfg(test)]
pub const WRONG: &[(&str, &[&str])] = &[
    ("mail.smtp_url", &["smtp.example.org", "http://smtp.example.org", "smtp://host:0"]),
    ("mail.from", &["", "nobody", "Clowder <>"]),
    ("mail.account_url", &["chat.example/account", "javascript:alert(1)", "https://"]),
    ("mail.open_url", &["chat.example", "javascript:alert(1)", "https://"]),
    ("mail.per_hour", &["0", "1001", "many"]),
];

fn smtp_url(text: &str) -> Checked {
    if text.is_empty() {
        return Ok(());
    }
    let right = "must begin with `smtp://` or `smtps://` (TLS), such as smtp://user:password@host:587?tls=required";
    let text = expect_scheme(text, &["smtp://", "smtps://"], right)?;
    authority(text.split_once("://").map_or("", |(_, rest)| rest), false)?;
    mail::check(&mail::Route::Smtp(text.to_owned()))
        .map_err(|error| format!("{right}: {}", reason(&error.to_string(), "SMTP_URL")))
}

fn sender(text: &str) -> Checked {
    let right = "must be an address, such as `Clowder <clowder@chat.example>`";
    mail::sender(text).map(drop).map_err(|_| right.to_owned())
}

fn page(text: &str) -> Checked {
    if text.is_empty() {
        return Ok(());
    }
    let right = "must begin with `https://` or `http://`, such as https://chat.example/account";
    let text = expect_scheme(text, &["https://", "http://"], right)?;
    authority(text.split_once("://").map_or("", |(_, rest)| rest), false)
}
