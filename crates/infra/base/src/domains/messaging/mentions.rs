//! The rows of whom messages mention.

use clowder_core::{ChatId, Timestamp, UserId};
use clowder_messaging::{Message, mentions::mentions_all};
use diesel::prelude::*;

use super::{MESSAGE_STAYS, schema::messages};

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    message_mentions (chat_id, seq, user_id) {
        chat_id -> Uid,
        seq -> BigInt,
        user_id -> Uid,
        place -> BigInt,
        given -> Bool,
        counted -> Bool,
        sent_at -> Ts,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    message_mentions_all (chat_id, seq) {
        chat_id -> Uid,
        seq -> BigInt,
        sent_at -> Ts,
    }
}

diesel::allow_tables_to_appear_in_same_query!(message_mentions, messages);

/// Somebody whom a message mentions.
#[derive(Debug, Clone, Copy, Queryable, Selectable)]
#[diesel(table_name = message_mentions)]
pub struct MentionRow {
    pub chat_id: ChatId,
    pub seq: i64,
    pub user_id: UserId,
    /// The number of the person in the message.
    pub place: i64,
    /// Whether the author gave their id.
    pub given: bool,
    /// Whether it counts for them.
    pub counted: bool,
    /// When the message was sent.
    pub sent_at: Timestamp,
}

impl MentionRow {
    /// Those of a message whose author gave these ids.
    pub fn of(message: &Message, given: &[UserId]) -> Vec<Self> {
        let everybody = mentions_all(&message.entities);
        let rows = (0..).zip(&message.mentions).map(|(place, user)| Self {
            chat_id: message.chat_id,
            seq: message.seq,
            user_id: *user,
            place,
            given: given.contains(user),
            counted: !everybody && *user != message.sender.id,
            sent_at: message.created_at,
        });
        rows.collect()
    }
}

/// Somebody in a chat, found by a name.
#[derive(Debug, Clone, Queryable)]
pub struct NamedRow {
    pub chat_id: ChatId,
    pub name: String,
    pub user_id: UserId,
    /// They see the messages after this one, whatever they have cleared since.
    pub entered_from: i64,
}

/// The condition on which a message `m` counts for a participant `p` whom it mentions, if it [stays](super::MESSAGE_STAYS):
/// its time is not over, and they have neither blocked nor muted its author. It asks for the time, twice.
pub const MENTION_IS_SHOWN: &str = "(m.expires_at IS NULL OR m.expires_at > ?) \
     AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.user_id = p.user_id AND b.blocked_id = m.sender_id) \
     AND NOT EXISTS (SELECT 1 FROM mutes u WHERE u.user_id = p.user_id AND u.muted_id = m.sender_id \
     AND (u.until IS NULL OR u.until > ?))";

/// The place of a message in the order of a list of mentions in all chats, which has the newest first.
pub type MentionPlace = (Timestamp, ChatId, i64);

/// Which messages that mention somebody are listed of all their chats.
#[derive(Debug, Clone, Copy)]
pub struct AllMentions {
    pub viewer: UserId,
    pub now: Timestamp,
    /// Only what they have not read, or only what they have.
    pub unread: Option<bool>,
    /// Those that come after this place.
    pub after: MentionPlace,
    pub most: i64,
}

impl AllMentions {
    /// The conditions on the number of a message `n` in the chat of a participant `p`: after which it lies, and what else.
    pub const fn between(&self) -> (&'static str, &'static str) {
        match self.unread {
            None => ("p.visible_from", ""),
            Some(true) => ("p.read_seq", ""),
            Some(false) => ("p.visible_from", " AND n.seq <= p.read_seq"),
        }
    }

    /// The statement that finds `what` of the newest mentions in the chat of a participant `p`, not older than a time. It asks
    /// for the time of the place after which they come, for that place, for the time now, twice, and how many at most.
    pub fn newest(&self, table: MentionTable, join: &str, what: &str, since: &str) -> String {
        let MentionTable { name, own, counts, .. } = table;
        let (from, more) = self.between();
        // Within a chat, numbers and times have the same order.
        let (first, order) = match table.by_time {
            true => (
                format!(
                    " AND n.sent_at >= (SELECT x.sent_at FROM {name} x WHERE x.chat_id = p.chat_id AND x.seq > {from} \
                     ORDER BY x.seq LIMIT 1)"
                ),
                "n.sent_at DESC, n.seq DESC",
            ),
            false => (String::new(), "n.seq DESC"),
        };
        format!(
            "SELECT {what} FROM {name} n {join} messages m ON m.chat_id = n.chat_id AND m.seq = n.seq \
             WHERE n.chat_id = p.chat_id{own} AND n.seq > {from}{more} AND n.sent_at <= ? AND n.sent_at >= {since}{first} \
             AND (n.sent_at, n.chat_id, n.seq) < (?, ?, ?) AND {counts} AND {MESSAGE_STAYS} AND {MENTION_IS_SHOWN} \
             ORDER BY {order} LIMIT"
        )
    }
}

/// A table of mentions, of which those in the chats of a participant `p` are looked for: its name, what its rows `n` have
/// in common with `p`, and on which condition one counts.
#[derive(Debug, Clone, Copy)]
pub struct MentionTable {
    pub name: &'static str,
    pub own: &'static str,
    pub counts: &'static str,
    /// Whether an index has those of a chat in the order of their times. There are few unread ones without it.
    by_time: bool,
}

impl MentionTable {
    pub const NAMED: Self =
        Self { name: "message_mentions", own: " AND n.user_id = p.user_id", counts: "n.counted", by_time: false };
    pub const EVERYBODY: Self =
        Self { name: "message_mentions_all", own: "", counts: "m.sender_id <> p.user_id", by_time: true };
}
