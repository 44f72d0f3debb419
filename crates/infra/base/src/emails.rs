//! The emails that accounts send: what they say, as text and as HTML. What people typed is escaped in HTML and kept
//! to one line in text, so that nobody can make us say what we do not.

use std::time::Duration;

use askama::Template;
use clowder_accounts::Own;
use clowder_core::{Error, Mail, Result, Timestamp};

/// Where the links in emails lead, and in whose name they are written.
#[derive(Debug, Clone)]
pub struct EmailTemplates {
    /// The page that reads what stands after `#`: `https://chat.example/account`.
    pub account_url: String,
    /// How this server is reached, without a slash at the end.
    pub server_url: String,
    /// What this server is called.
    pub sender: String,
}

/// Who gets an email.
#[derive(Debug, Clone)]
pub struct Recipient {
    pub name: String,
    pub address: String,
}

impl Recipient {
    /// Whoever has not confirmed the address may be a stranger to whom it belongs: they are called by the username, which
    /// can hardly be made to say something.
    pub fn of(own: &Own) -> Self {
        let name = if own.email_verified { &own.display_name } else { &own.username };
        Self { name: name.clone(), address: own.email.clone() }
    }
}

struct Action {
    label: &'static str,
    link: String,
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
    subject: &'l str,
    name: &'l str,
    paragraphs: &'l [String],
    action: &'l Option<Action>,
    reason: &'l str,
    sender: &'l str,
}

const NOT_YOU: &str = "If this was not you, change your password and end all sessions you do not recognise.";

impl EmailTemplates {
    /// Is the address theirs? `token` proves it.
    pub fn verify_email(&self, username: &str, address: &str, token: &str, good_for: Duration) -> Result<Mail> {
        let says = [format!(
            "Please confirm that {address} is your address, for the account {username}. The link is valid for {}.",
            span(good_for)
        )];
        self.write(
            &Recipient { name: username.to_owned(), address: address.to_owned() },
            "Confirm your address",
            &says,
            self.action("Confirm the address", "verify", token),
            "You received this email because somebody used this address for an account. If it was not you, ignore this email.",
        )
    }

    /// To the old address, when another is to take its place.
    pub fn email_changing(&self, to: &Recipient, new: &str) -> Result<Mail> {
        let says = [format!(
            "Somebody who knows your password has asked to change the address of your account to {new}. It changes as soon as that address is confirmed."
        )];
        self.write(to, "Your address is about to change", &says, None, NOT_YOU)
    }

    pub fn reset_password(&self, to: &Recipient, token: &str, good_for: Duration) -> Result<Mail> {
        let says =
            [format!("Use this link to choose a new password. It works once and is valid for {}.", span(good_for))];
        self.write(to, "Choose a new password", &says, self.action("Choose a new password", "reset", token),
            "You received this email because somebody asked to reset the password of your account. If it was not you, ignore this email: your password stays the same.")
    }

    /// `all` when every session was ended with it, and not only the others. `keys` is how many API keys are left, `ended`
    /// how many were ended with it.
    pub fn password_changed(&self, to: &Recipient, all: bool, keys: i64, ended: usize) -> Result<Mail> {
        let devices = if all { "all your devices" } else { "your other devices" };
        let mut says =
            vec![format!("The password of your account has been changed, and {devices} have been signed out.")];
        match (keys, ended) {
            (0, 0) => {}
            (0, 1) => says.push("Your API key has been revoked.".to_owned()),
            (0, ended) => says.push(format!("All {ended} of your API keys have been revoked.")),
            (1, _) => {
                says.push("One API key still has access to your account; revoke it if you do not need it.".to_owned());
            }
            (keys, _) => {
                says.push(format!("{keys} API keys still have access to your account; revoke those you do not need."));
            }
        }
        self.write(
            to,
            "Your password has been changed",
            &says,
            None,
            "If this was not you, use “forgot password” to choose a new one, and tell the operator of this server.",
        )
    }

    pub fn second_factor_removed(&self, to: &Recipient) -> Result<Mail> {
        let says =
            ["The operator of this server has removed the second factor of your account: you can now sign in with \
                     your password alone. Set up a new second factor soon."
                .to_owned()];
        self.write(to, "Your second factor has been removed", &says, None, NOT_YOU)
    }

    /// Somebody tried to register with an address that has an account.
    pub fn has_account(&self, to: &Recipient) -> Result<Mail> {
        let says = ["Somebody tried to create an account with this address. You already have one, so no new account was created. If you forgot your password, you can reset it.".to_owned()];
        self.write(to, "You already have an account", &says, None, "If it was not you, ignore this email.")
    }

    /// A sign-up that somebody had to approve.
    pub fn approved(&self, to: &Recipient) -> Result<Mail> {
        let says = ["Your account has been approved. You can sign in now.".to_owned()];
        self.write(
            to,
            "Your account is ready",
            &says,
            None,
            "You received this email because you asked for an account.",
        )
    }

    pub fn rejected(&self, to: &Recipient, reason: Option<&str>) -> Result<Mail> {
        let mut says = vec!["Your request for an account was declined.".to_owned()];
        says.extend(reason.map(|reason| format!("Reason: {reason}")));
        self.write(to, "About your account", &says, None, "You received this email because you asked for an account.")
    }

    /// A copy is ready; nothing of what is in it. Without `path` it can be fetched by those only who are signed in.
    pub fn export_ready(&self, to: &Recipient, path: Option<&str>, until: Timestamp) -> Result<Mail> {
        let how = match path {
            Some(_) => "The link is valid until {}. Anybody who has it can download your data, so keep it to yourself.",
            None => {
                "Sign in to download it, until {}. This email contains no link, because this address has not been confirmed."
            }
        };
        let how = how.replace("{}", &day(until));
        let says = [format!("The export of your data is ready. {how}")];
        let fetch = |path| Action { label: "Download your data", link: format!("{}{path}", self.server_url) };
        self.write(to, "Your data is ready", &says, path.map(fetch), NOT_YOU)
    }

    pub fn erasure_requested(&self, to: &Recipient, at: Timestamp, can_undo: bool) -> Result<Mail> {
        let (when, reason) = match can_undo {
            true => (format!("on {}. Until then, you can sign in and keep it", day(at)), NOT_YOU),
            false => (
                "now. You will receive another email when this is done".to_owned(),
                "You received this email because this address belongs to the account.",
            ),
        };
        let says = [format!("Your account will be erased {when}. All your devices have been signed out.")];
        self.write(to, "Your account will be erased", &says, None, reason)
    }

    pub fn erasure_undone(&self, to: &Recipient) -> Result<Mail> {
        let says = ["Your account will not be erased.".to_owned()];
        self.write(to, "Your account stays", &says, None, NOT_YOU)
    }

    /// The last email to somebody who is nobody any more.
    pub fn erased(&self, to: &Recipient, receipt: &str) -> Result<Mail> {
        let says = [
            "Your account has been erased. This is the receipt, signed by this server; its operator can verify it:"
                .to_owned(),
            receipt.to_owned(),
        ];
        self.write(
            to,
            "Your account has been erased",
            &says,
            None,
            "You received this email because this address belonged to the account. You will receive no more emails.",
        )
    }

    /// After `#`, which browsers keep to themselves: the token shows up in no log and in no `Referer`.
    pub fn link(&self, purpose: &str, token: &str) -> String {
        format!("{}#{purpose}={token}", self.account_url)
    }

    fn action(&self, label: &'static str, purpose: &str, token: &str) -> Option<Action> {
        Some(Action { label, link: self.link(purpose, token) })
    }

    fn write(
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
        let html = Html { subject, name: &name, paragraphs, action, reason, sender }.render().map_err(failed)?;
        Ok(Mail { name, address: to.address.clone(), subject: subject.to_owned(), text, html, good_until: None })
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `2026-11-21 at 08:30 UTC`.
fn day(at: Timestamp) -> String {
    let text = at.to_string();
    match text.split_once('T') {
        Some((day, time)) => format!("{day} at {} UTC", time.chars().take(5).collect::<String>()),
        None => text,
    }
}

/// `30 minutes`, `24 hours`.
fn span(duration: Duration) -> String {
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

    #[test]
    fn a_new_password_tells_what_it_ended() {
        let head = EmailTemplates { account_url: String::new(), server_url: String::new(), sender: "Clowder".into() };
        let to = Recipient { name: "Ada".into(), address: "ada@example.org".into() };
        for (all, keys, ended, says) in [
            (false, 0, 0, &["your other devices have"][..]),
            (false, 2, 0, &["your other devices have", "2 API keys still have access to your account"]),
            (true, 0, 3, &["all your devices have", "All 3 of your API keys have been revoked"]),
        ] {
            let text = head.password_changed(&to, all, keys, ended).unwrap().text;
            assert!(says.iter().all(|says| text.contains(says)), "{text}");
            assert_eq!(text.contains("API key"), keys > 0 || ended > 0, "{text}");
        }
    }
}
