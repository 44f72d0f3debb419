//! The routes that prove an address and change a password.

use clowder_accounts::{
    model::{ChangeEmail, ChangePassword, EmailLink, Forgot, LinkToken, Proof, Resend, ResetPassword},
    refusals::*,
};

use super::{account_page, handlers};
use crate::routes::{Endpoint, get, post};

pub fn all() -> Vec<Endpoint> {
    vec![
        post("/api/auth/link", handlers::email_link)
            .says("Read what a link in an email is for")
            .called("readEmailLink")
            .notes("Returns the address that the link is about, so that a page can name it before the person decides. It does not use up the token. A POST, so that the token appears in no log.")
            .public()
            .guarded()
            .takes::<LinkToken>()
            .gives::<EmailLink>(200, "The link still works")
            .refuses(&[LINK_GONE]),
        post("/api/auth/verify-email", handlers::verify_email)
            .says("Confirm an address with the token from the email; with `REVEAL_TAKEN=false` also with the password of the account")
            .called("verifyEmail")
            .notes("A token works once and expires after a day.")
            .public()
            .guarded()
            .takes::<Proof>()
            .gives_nothing(204, "It is confirmed")
            .refuses(&[LINK_GONE, PASSWORD_WRONG, EMAIL_TAKEN, USERNAME_TAKEN]),
        post("/api/auth/verify-email/resend", handlers::resend)
            .says("Send the confirmation email again; one a minute, five an hour")
            .called("resendVerification")
            .notes("Sends it to the address of the account that asks.")
            .guarded()
            .gives_nothing(204, "It is on its way")
            .refuses(&[EMAIL_VERIFIED]),
        post("/api/auth/verify-email/request", handlers::resend_to)
            .says("Send the confirmation email again, without being signed in; one a minute, five an hour")
            .called("requestVerification")
            .notes("The answer is the same whether or not the address has an account.")
            .public()
            .guarded()
            .takes::<Resend>()
            .gives_nothing(204, "If the address still has to be confirmed, and you have not caused too many emails, an email is on its way"),
        post("/api/auth/email/change", handlers::change_email)
            .says("Change your address; it changes once you follow the link in the email")
            .called("changeEmail")
            .notes("The current address stays in use until the new one is confirmed.")
            .guarded()
            .takes::<ChangeEmail>()
            .gives_nothing(204, "An email to the new address and a notice to the current one are on their way")
            .refuses(&[PASSWORD_WRONG, EMAIL_TAKEN, EMAIL_VERIFIED, AUTHENTICATION_STALE]),
        post("/api/auth/password/forgot", handlers::forgot)
            .says("Request an email to choose a new password")
            .called("forgotPassword")
            .notes("The answer is the same whether or not the address has an account. The link works once and expires after 30 minutes.")
            .public()
            .guarded()
            .takes::<Forgot>()
            .gives_nothing(204, "If the account exists, and you have not caused too many emails, an email is on its way"),
        post("/api/auth/password/reset", handlers::reset)
            .says("Choose a new password with the token from the email")
            .called("resetPassword")
            .notes("Ends everything that was opened with the old password.")
            .public()
            .guarded()
            .takes::<ResetPassword>()
            .gives_nothing(204, "It is changed, all sessions and export links have ended, and all API keys are revoked")
            .refuses(&[LINK_GONE]),
        post("/api/auth/password/change", handlers::change_password)
            .says("Change your password")
            .called("changePassword")
            .notes("The session that asks stays open. A notice is sent to the address of the account.")
            .guarded()
            .takes::<ChangePassword>()
            .gives_nothing(204, "It is changed, and all other sessions and all export links have ended; with `end_keys`, your API keys are revoked")
            .refuses(&[PASSWORD_WRONG]),
        get("/account", account_page::page)
            .says("The page that emails link to")
            .called("showAccountPage")
            .notes("An HTML page that reads the token from the fragment of its own address.")
            .public()
            .ignores_others()
            .gives_text("text/html", "A page that confirms an address or sets a new password"),
        get("/account/{file}", account_page::part)
            .says("A part of that page")
            .called("getAccountPageFile")
            .notes("Serves the scripts and style sheets of the account page.")
            .public()
            .ignores_others()
            .gives_text("*/*", "A script or a style sheet")
            .fails(&[crate::refusals::ROUTE_UNKNOWN]),
    ]
}
