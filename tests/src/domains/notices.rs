//! Mail of notifications: what whoever holds an email may end without a token.

use super::{Domain, Reasons};
use crate::things::{Comes, Thing};

pub const DOMAIN: Domain =
    Domain { things: THINGS, open: OPEN, people: PEOPLE, not_sent: NOT_SENT, ..Domain::new("Notification emails") };

const THINGS: &[Thing] = &[Thing { name: "unsubscribe_token", comes: Comes::Never { unknown: "unsubscribe.unknown" } }];

const OPEN: Reasons = &[
    ("GET /api/notices/unsubscribe/{unsubscribe_token}", "what the email held is the credential, and ends emails only"),
    (
        "POST /api/notices/unsubscribe/{unsubscribe_token}",
        "what the email held is the credential, and ends emails only",
    ),
];

const PEOPLE: Reasons = &[("GET /api/notices/status", "whether emails arrive is for the owner of the address")];

const NOT_SENT: Reasons =
    &[("showUnsubscribePage", "its token is in an email"), ("unsubscribe", "its token is in an email")];
