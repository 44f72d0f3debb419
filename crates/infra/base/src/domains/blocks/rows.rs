//! The rows of blocks, mutes and notes.

use clowder_core::{Id, Timestamp, UserId};
use diesel::prelude::*;

use super::schema::{blocks, mutes, user_notes};
use crate::seal::Sealed;

#[derive(Debug, Clone, Copy, Queryable, Selectable, Insertable)]
#[diesel(table_name = blocks)]
pub struct BlockRow {
    pub user_id: UserId,
    pub blocked_id: UserId,
    pub hide_messages: bool,
    pub since: Timestamp,
}

#[derive(Debug, Clone, Copy, Queryable, Selectable, Insertable)]
#[diesel(table_name = mutes)]
#[diesel(treat_none_as_default_value = false)]
pub struct MuteRow {
    pub user_id: UserId,
    pub muted_id: UserId,
    pub since: Timestamp,
    pub until: Option<Timestamp>,
}

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = user_notes)]
pub struct NoteRow {
    pub id: Id<()>,
    pub user_id: UserId,
    pub about_id: UserId,
    pub text: Sealed,
    pub updated_at: Timestamp,
}
