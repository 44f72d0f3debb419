//! The routes of one's own activity.

use clowder_accounts::Activity;

use super::handlers;
use crate::routes::{Endpoint, delete, get};

const TYPE: &str = r"^[a-z_]{1,24}\.[a-z_]{1,24}$";

pub fn all() -> Vec<Endpoint> {
    vec![
        get("/api/users/me/activity", handlers::list)
            .says("List what you did, the latest first")
            .called("listActivity")
            .notes("What you do to one thing on one day (UTC) is one item, with how often you did it: `message.sent` says in which chat you wrote and how many messages, and no text. An item appears within about a second. Items older than 180 days are deleted. Where you signed in is in `GET /api/users/me/security`.")
            .asks_form("type", TYPE, "Only items of this type, such as `message.sent`; a type that does not exist has none")
            .lists::<Activity>(),
        delete("/api/users/me/activity", handlers::clear)
            .says("Delete the list of what you did")
            .called("clearActivity")
            .notes("What you did stays as it is; only this list of it is deleted. It begins anew with what you do next.")
            .gives_nothing(204, "The list is empty"),
    ]
}
