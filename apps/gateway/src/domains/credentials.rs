//! Confirming an email address, changing it, and changing or resetting a password.

mod account_page;
mod examples;
mod handlers;
mod routes;

use super::Domain;
use crate::docs::patterns::{email, password, token};

pub const DOMAIN: Domain = Domain {
    forms: &[
        ("LinkToken", "token", token),
        ("Proof", "token", token),
        ("Proof", "password", password),
        ("Resend", "email", email),
        ("Forgot", "email", email),
        ("ChangeEmail", "email", email),
        ("ChangeEmail", "password", password),
        ("ResetPassword", "token", token),
        ("ResetPassword", "new_password", password),
        ("ChangePassword", "current_password", password),
        ("ChangePassword", "new_password", password),
    ],
    ..Domain::new(
        "Credentials",
        "Confirm an email address, change it, and change or reset a password.",
        routes::all,
        examples::of,
    )
};
