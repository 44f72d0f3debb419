//! What the tests of all domains need to know about the numbers of chats.

use crate::domains::Domain;

pub const DOMAIN: Domain = Domain {
    reads: &["ChatsAnalytics::chat_analytics"],
    never: &[
        (
            "somebody who wrote in a chat on a day of which nothing is known",
            "chat_day_people p WHERE NOT EXISTS (SELECT 1 FROM chat_days d WHERE d.chat_id = p.chat_id AND d.day = p.day)",
        ),
        ("somebody who wrote last before they wrote first", "chat_day_people WHERE last_quarter < first_quarter"),
        (
            "messages that were counted and are not there",
            "chat_days d JOIN chats c ON c.id = d.chat_id AND d.last_seq > c.last_seq",
        ),
    ],
    met: &[("day of a chat that was counted", "chat_days")],
    ..Domain::NONE
};
