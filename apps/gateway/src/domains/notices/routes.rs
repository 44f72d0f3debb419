//! The routes of mail of notifications.

use clowder_notifications::{mail::refusals::UNSUBSCRIBE_UNKNOWN, notices::MailStatus};

use super::handlers;
use crate::routes::{Endpoint, get, post};

pub fn all() -> Vec<Endpoint> {
    vec![
        get("/api/notices/status", handlers::status)
            .says("Read whether emails reach you")
            .called("getMailStatus")
            .notes("After three emails in a row that your mail server refused, none are sent until you confirm the address again (`POST /api/auth/verify-email/resend`), choose a new password by email, or change the address.")
            .gives::<MailStatus>(200, "Whether the address is confirmed, and since when emails to it come back"),
        get("/api/notices/unsubscribe/{unsubscribe_token}", handlers::show)
            .says("The page of the link in an email about notifications")
            .called("showUnsubscribePage")
            .notes("An HTML page that asks, with a button that sends the POST. It ends nothing by itself, because mail programs open links unasked.")
            .public()
            .ignores_others()
            .gives_text("text/html", "A page that asks whether such emails are to end")
            .refuses(&[UNSUBSCRIBE_UNKNOWN]),
        post("/api/notices/unsubscribe/{unsubscribe_token}", handlers::unsubscribe)
            .says("End emails of the kind that had this link, without signing in")
            .called("unsubscribe")
            .notes("What mail programs send for one click (RFC 8058); a body of any type is ignored. Emails of that type end, or digests. The answer is the same each time, and says nothing about the account.")
            .public()
            .ignores_others()
            .gives_text("text/html", "They have ended")
            .refuses(&[UNSUBSCRIBE_UNKNOWN]),
    ]
}
