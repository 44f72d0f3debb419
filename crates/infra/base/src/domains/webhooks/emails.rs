//! Emails about endpoints that were disabled.

use clowder_core::{Mail, Result};
use clowder_notifications::webhooks::DisabledReason;

use crate::emails::{EmailTemplates, Recipient};

const WHY: &str = "You received this email because a webhook of your account was disabled.";

impl EmailTemplates {
    /// An endpoint gets no calls any more.
    pub fn webhook_disabled(&self, to: &Recipient, host: &str, reason: DisabledReason) -> Result<Mail> {
        let because = match reason {
            DisabledReason::Gone => "because it answered that it is gone (410)",
            DisabledReason::Failing => "because every call has failed for five days",
            DisabledReason::Owner => "because you disabled it",
        };
        let says = [
            format!("Your webhook at {host} was disabled, {because}. It does not get any events now."),
            "When it works again, activate it. What it has missed in the last seven days can be recovered.".to_owned(),
        ];
        self.write(to, "Your webhook was disabled", &says, None, WHY)
    }
}
