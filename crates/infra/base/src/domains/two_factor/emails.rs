//! Emails about second factors.

use clowder_core::{Mail, Result};

use crate::emails::{EmailTemplates, NOT_YOU, Recipient};

impl EmailTemplates {
    pub fn second_factor_removed(&self, to: &Recipient) -> Result<Mail> {
        let says =
            ["The operator of this server has removed the second factor of your account: you can now sign in with \
                     your password alone. Set up a new second factor soon."
                .to_owned()];
        self.write(to, "Your second factor has been removed", &says, None, NOT_YOU)
    }
}
