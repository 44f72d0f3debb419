//! The tables and rows of files that messages have, and of those that wait to be sent.

use clowder_core::{ChatId, FileId};
use clowder_messaging::{Message, moderation::ReviewId, scheduled::ScheduledId};
use diesel::prelude::*;

use super::{
    moderation::message_reviews,
    schema::{chats, messages, participants},
};

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    message_attachments (chat_id, seq, place) {
        chat_id -> Uid,
        seq -> BigInt,
        place -> BigInt,
        file_id -> Uid,
        name -> Nullable<Text>,
        #[sql_name = "type"]
        kind -> Nullable<Text>,
        size -> Nullable<BigInt>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    review_attachments (review_id, place) { review_id -> Uid, place -> BigInt, file_id -> Uid, }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    scheduled_attachments (scheduled_id, file_id) { scheduled_id -> Uid, file_id -> Uid, }
}

diesel::joinable!(review_attachments -> message_reviews (review_id));
diesel::allow_tables_to_appear_in_same_query!(message_attachments, chats);
diesel::allow_tables_to_appear_in_same_query!(message_attachments, messages);
diesel::allow_tables_to_appear_in_same_query!(message_attachments, participants);
diesel::allow_tables_to_appear_in_same_query!(review_attachments, message_reviews);
diesel::allow_tables_to_appear_in_same_query!(review_attachments, participants);
diesel::allow_tables_to_appear_in_same_query!(message_reviews, participants);

/// A file of a message. Without a name, it is deleted.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = message_attachments)]
#[diesel(treat_none_as_default_value = false)]
pub struct AttachmentRow {
    pub chat_id: ChatId,
    pub seq: i64,
    /// Its number in the message.
    pub place: i64,
    pub file_id: FileId,
    pub name: Option<String>,
    pub kind: Option<String>,
    pub size: Option<i64>,
}

impl AttachmentRow {
    pub fn of(message: &Message) -> impl Iterator<Item = Self> {
        (0..).zip(&message.attachments).map(|(place, file)| Self {
            chat_id: message.chat_id,
            seq: message.seq,
            place,
            file_id: file.id,
            name: file.name.clone(),
            kind: file.kind.clone(),
            size: file.size,
        })
    }
}

/// A file of a message that a filter has kept back.
#[derive(Debug, Clone, Copy, Queryable, Selectable, Insertable)]
#[diesel(table_name = review_attachments)]
pub struct ReviewAttachmentRow {
    pub review_id: ReviewId,
    pub place: i64,
    pub file_id: FileId,
}

/// A file of a message that is sent later.
#[derive(Debug, Clone, Copy, Insertable)]
#[diesel(table_name = scheduled_attachments)]
pub struct ScheduledAttachmentRow {
    pub scheduled_id: ScheduledId,
    pub file_id: FileId,
}
