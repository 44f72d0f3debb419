//! The route of the analytics of a chat.

use clowder_messaging::{chat_analytics::ChatAnalytics, refusals::*, scopes::CHATS_READ};

use super::super::chat_analytics;
use crate::routes::{Endpoint, get};

const DATE: &str = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$";
const OFFSET: &str = "^(Z|[ +](0[0-9]|1[0-3]):(00|15|30|45)|[ +]14:00|-(0[0-9]|1[01]):(00|15|30|45)|-12:00)$";

pub fn all() -> Vec<Endpoint> {
    vec![
        get("/api/chats/{chat_id}/analytics", chat_analytics::show)
            .says("Read statistics of a chat")
            .called("getChatAnalytics")
            .notes("For owners: messages and active people of each day, the busiest hours, the most frequent reactions, and how long it takes until somebody answers. Deleted messages do not count, nor do messages from before the server counted. The numbers follow within seconds; `counted_seq` says how far they are.")
            .scope(CHATS_READ)
            .asks_form("from", DATE, "The first day, such as `2026-09-01`; if absent, 30 days are shown")
            .asks_form("to", DATE, "The last day; if absent, today, or 30 days after `from`. At most 366 days are shown")
            .asks_form("utc_offset", OFFSET, "In which time zone days and hours begin, such as `+05:30`: a multiple of 15 minutes; UTC if absent. Write the `+` as `%2B`")
            .gives::<ChatAnalytics>(200, "The numbers")
            .refuses(&[CHAT_UNKNOWN, CHAT_FORBIDDEN, CHAT_PRIVATE]),
    ]
}
