//! `[accounts]`: who can have an account, and for how long.

use std::time::Duration;

use clowder_accounts::sign_up::{Mode, Rules};
use clowder_infra::Options;

use super::{
    checks::Checked,
    settings::{Setting, checked, setting, within},
    value::Grace,
};

#[derive(Debug, Clone, PartialEq)]
pub struct Accounts {
    pub sign_up: Mode,
    pub reveal_taken: bool,
    pub require_verified_email: bool,
    pub erasure_days: Grace,
    /// The page of a profile; empty if there is none but those of this server.
    pub profile_url: String,
}

impl Default for Accounts {
    fn default() -> Self {
        Self {
            sign_up: Mode::Open,
            reveal_taken: true,
            require_verified_email: false,
            erasure_days: Grace(30),
            profile_url: String::new(),
        }
    }
}

impl Accounts {
    /// What the store is told.
    pub fn apply_to(&self, options: &mut Options) {
        options.sign_ups = Rules { mode: self.sign_up, reveal_taken: self.reveal_taken };
        options.accounts.verified_to_reach_others = self.require_verified_email;
        self.profile_url.clone_into(&mut options.accounts.profile_url);
        options.privacy.erasure_after = Duration::from_secs(u64::from(self.erasure_days.0) * 24 * 3600);
    }
}

#[rustfmt::skip]
pub const SETTINGS: &[Setting] = &[
    setting("accounts", "sign_up", "SIGN_UP", |c| &mut c.accounts.sign_up,
        "Who can create an account: `open`, `invite`, `approval` or `closed`."),
    setting("accounts", "reveal_taken", "REVEAL_TAKEN", |c| &mut c.accounts.reveal_taken,
        "Whether registering reveals that an address already has an account. If false, an account is created once its address is confirmed."),
    setting("accounts", "require_verified_email", "REQUIRE_VERIFIED_EMAIL", |c| &mut c.accounts.require_verified_email,
        "Whether people must confirm their address before they can write to others and create API keys."),
    within(0, 365, setting("accounts", "erasure_days", "ERASURE_DAYS", |c| &mut c.accounts.erasure_days,
        "Grace period in days before a deleted account is erased.")),
    checked(profile_url, setting("accounts", "profile_url", "PROFILE_URL", |c| &mut c.accounts.profile_url,
        "The address of the page of a profile, such as `https://chat.example/people/{username}`: pages that link to it with `rel=\"me\"` are verified. Empty: only addresses of this server count.")),
];

/// Wrong values of each, for the test that none of them starts a server.
#[cfg(test)]
pub const WRONG: &[(&str, &[&str])] = &[
    ("accounts.sign_up", &["", "sometimes"]),
    ("accounts.reveal_taken", &["perhaps"]),
    ("accounts.require_verified_email", &["perhaps"]),
    ("accounts.erasure_days", &["366", "-1", "a month"]),
    ("accounts.profile_url", &["https://chat.example/", "chat.example/{username}"]),
];

fn profile_url(text: &str) -> Checked {
    let is_web = text.starts_with("https://") || text.starts_with("http://");
    if text.is_empty() || (is_web && text.contains("{username}")) {
        return Ok(());
    }
    Err("must be the address of a page with {username} in it".to_owned())
}
