//! Emails to people who signed up.

use clowder_core::{Mail, Result};

use crate::emails::{EmailTemplates, Recipient};

impl EmailTemplates {
    /// A sign-up that needed approval was approved.
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
}
