//! Emails about addresses and passwords.

use std::time::Duration;

use clowder_core::{Mail, Result};

use crate::emails::{EmailTemplates, NOT_YOU, Recipient, span};

impl EmailTemplates {
    /// Asks whether the address is theirs; `token` proves it.
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

    /// A notice to the current address when another one is to replace it.
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

    /// `all` if every session was ended, and not only the others. `keys` is the number of remaining API keys, `ended`
    /// the number of revoked ones.
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

    /// Somebody tried to register with an address that has an account.
    pub fn has_account(&self, to: &Recipient) -> Result<Mail> {
        let says = ["Somebody tried to create an account with this address. You already have one, so no new account was created. If you forgot your password, you can reset it.".to_owned()];
        self.write(to, "You already have an account", &says, None, "If it was not you, ignore this email.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
