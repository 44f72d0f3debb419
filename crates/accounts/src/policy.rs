//! Data in, verdict out.

use std::time::Duration;

use clowder_core::text::Flaw;

use crate::model::{Password, Username};

/// How long a ticket for a socket is good.
pub const TICKET_FOR: Duration = Duration::from_secs(30);

/// Passwords of ten characters and more that everybody tries first.
const COMMON: &str = include_str!("common_passwords.txt");

/// A password is at least ten characters, none that everybody tries, and not the username. There are no rules about
/// its composition (NIST SP 800-63B §3.1.1.2).
pub fn may_use_password(password: &Password, username: Option<&Username>) -> Result<(), Flaw> {
    let typed = password.expose();
    let folded = typed.to_lowercase();
    if typed.chars().count() < 10 {
        return Err(Flaw::new("too_short", "must have at least 10 characters"));
    }
    if username.is_some_and(|name| name.as_str().to_lowercase() == folded) {
        return Err(Flaw::new("username", "must not be the username"));
    }
    let first = folded.chars().next();
    if COMMON.lines().any(|common| common == folded) || folded.chars().all(|c| Some(c) == first) {
        return Err(Flaw::new("common", "is one of the passwords that everybody tries first"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clowder_core::Field;
    use serde_json::json;

    use super::*;

    #[test]
    fn may_use_password_table() {
        let name = Username::parse(json!("Adalovelace")).unwrap();
        for (typed, verdict) in [
            ("correct horse battery", Ok(())),
            ("ninechars", Err("too_short")),
            ("ÄÖÜäöüßéèà", Ok(())),
            ("password123", Err("common")),
            ("PassWord123", Err("common")),
            ("aaaaaaaaaaaa", Err("common")),
            ("adaLovelace", Err("username")),
        ] {
            let password = Password::parse(json!(typed)).unwrap();
            assert_eq!(may_use_password(&password, Some(&name)).map_err(|flaw| flaw.code), verdict, "{typed}");
        }
    }
}
