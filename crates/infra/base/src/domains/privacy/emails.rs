//! Emails about exports and erasures.

use clowder_core::{Mail, Result, Timestamp};

use crate::emails::{Action, EmailTemplates, NOT_YOU, Recipient, day};

impl EmailTemplates {
    /// An export is ready; says nothing about its content. Without `path`, the user has to sign in to download it.
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

    /// The last email to an erased user.
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
}
