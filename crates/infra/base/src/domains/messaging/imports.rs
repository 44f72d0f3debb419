//! The tables of imports of chats, and their rows.

use clowder_core::{ChatId, FieldError, MessageId, Result, Timestamp, UserId, Word};
use clowder_messaging::{
    MessageType,
    chat_imports::{ChatImport, ChatImportId, ImportStatus, Line, Refused, progress},
    mentions::{Marked, Marks, Wanted},
    scheduled::Problem,
};
use diesel::prelude::*;

use super::schema::messages;

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    chat_imports (id) {
        id -> Uid,
        user_id -> Uid,
        status -> Text,
        problem -> Nullable<Text>,
        authors -> Text,
        digest -> Binary,
        pieces -> Integer,
        size -> BigInt,
        chat_id -> Nullable<Uid>,
        checked -> Bool,
        items -> BigInt,
        done -> BigInt,
        messages -> BigInt,
        skipped -> BigInt,
        refused -> BigInt,
        left_out -> BigInt,
        created_at -> Ts,
        finished_at -> Nullable<Ts>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    chat_import_pieces (id) {
        id -> Uid,
        import_id -> Uid,
        number -> Integer,
        data -> Seal,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    chat_import_refusals (import_id, number) {
        import_id -> Uid,
        number -> BigInt,
        pointer -> Text,
        code -> Text,
        message -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    chat_import_authors (chat_id, username) {
        chat_id -> Uid,
        username -> Text,
        user_id -> Uid,
        has_account -> Bool,
    }
}

diesel::joinable!(chat_import_pieces -> chat_imports (import_id));
diesel::allow_tables_to_appear_in_same_query!(chat_imports, chat_import_pieces);

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = chat_imports)]
#[diesel(treat_none_as_default_value = false)]
pub struct ChatImportRow {
    pub id: ChatImportId,
    pub user_id: UserId,
    pub status: String,
    pub problem: Option<String>,
    pub authors: String,
    pub digest: Vec<u8>,
    pub pieces: i32,
    pub size: i64,
    pub chat_id: Option<ChatId>,
    pub checked: bool,
    pub items: i64,
    pub done: i64,
    pub messages: i64,
    pub skipped: i64,
    pub refused: i64,
    pub left_out: i64,
    pub created_at: Timestamp,
    pub finished_at: Option<Timestamp>,
}

impl ChatImportRow {
    pub fn import(self) -> Result<ChatImport> {
        let status = ImportStatus::parse_word(&self.status)?;
        Ok(ChatImport {
            id: self.id,
            status,
            progress: progress(status, self.checked, self.done, self.items),
            chat_id: self.chat_id.filter(|_| status == ImportStatus::Done),
            messages: self.messages,
            skipped: self.skipped,
            refused: self.refused,
            left_out: self.left_out,
            problem: self.problem.map(Problem::of),
            created_at: self.created_at,
            finished_at: self.finished_at,
        })
    }
}

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = chat_import_refusals)]
pub struct ChatImportRefusalRow {
    pub import_id: ChatImportId,
    pub number: i64,
    pub pointer: String,
    pub code: String,
    pub message: String,
}

impl ChatImportRefusalRow {
    pub fn new(import_id: ChatImportId, refused: &Refused) -> Self {
        let FieldError { pointer, code, message } = refused.error.clone();
        Self { import_id, number: refused.number, pointer, code: code.into_owned(), message }
    }

    pub fn refused(self) -> Refused {
        let Self { number, pointer, code, message, .. } = self;
        Refused { number, error: FieldError { pointer, code: code.into(), message } }
    }
}

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = chat_import_authors)]
pub struct ChatImportAuthorRow {
    pub chat_id: ChatId,
    pub username: String,
    pub user_id: UserId,
    pub has_account: bool,
}

/// A message of another chat.
#[derive(Insertable)]
#[diesel(table_name = messages)]
#[diesel(treat_none_as_default_value = false)]
pub struct ImportedMessageRow {
    pub id: MessageId,
    pub chat_id: ChatId,
    pub seq: i64,
    pub kind: &'static str,
    pub sender_id: UserId,
    pub content: String,
    pub created_at: Timestamp,
    pub edited_at: Option<Timestamp>,
    pub version: i64,
    pub data: Option<String>,
    pub reply_id: Option<MessageId>,
    pub reply_seq: Option<i64>,
    pub thread_id: Option<MessageId>,
}

impl ImportedMessageRow {
    /// It was written neither before the message before it nor after now. Mentions stay plain text: nobody is told.
    pub fn new(
        (chat_id, seq): (ChatId, i64),
        sender_id: UserId,
        line: &Line,
        (after, now): (Timestamp, Timestamp),
    ) -> Result<Self> {
        let wanted = Wanted::of(&line.content, &[], str::to_owned);
        let Marks { entities, .. } = Marks::resolve(&line.content, &wanted, |_| None, |_| false, false);
        let data = Marked::of(&entities, &[]).map(|marked| serde_json::to_string(&marked)).transpose()?;
        let created_at = line.created_at.min(now).max(after);
        Ok(Self {
            id: MessageId::new(now),
            chat_id,
            seq,
            kind: MessageType::Text.as_str(),
            sender_id,
            content: line.content.clone(),
            created_at,
            edited_at: line.edited_at.map(|at| at.min(now).max(created_at)),
            version: 1,
            data,
            reply_id: None,
            reply_seq: None,
            thread_id: None,
        })
    }
}
