//! Who asked to join a chat and who was invited to one, for as long as it counts; and the end of what nobody answers.

use std::time::Duration;

use clowder_core::{
    ChatId, Ctx, Id, Result, Timestamp, UserId, Word,
    attempt::{AskFacts, OPEN_FOR, is_over},
};
use clowder_messaging::invitations::Standing;
use diesel::{dsl::count_star, prelude::*};

use super::{
    super::{
        Repo,
        attempts::{self, PIECE, attempts},
        chats::edit::tell,
        db::Tx,
        dialect::{self, Conn},
        domains::Steps,
        messaging::chats,
    },
    guests::{count, end_open},
};
use crate::domains::{
    accounts::users,
    messaging::{GuestRow, chat_attempts, chat_guests},
};

pub use super::super::attempts::Kind;

attempts!(chat_attempts, chat_id: ChatId);

pub fn ask_facts(conn: &mut Conn, ctx: &Ctx, chat: ChatId, user: UserId) -> Result<AskFacts> {
    let own = chat_guests::user_id.eq(user).and(chat_guests::status.eq(Standing::Pending.as_str()));
    let open = chat_guests::table.filter(own).filter(chat_guests::since.gt(ctx.now.minus(OPEN_FOR)));
    Ok(AskFacts {
        waiting: count(conn, ctx.now, chat, Standing::Pending)?,
        open: open.select(count_star()).first(conn)?,
        ..asked(conn, ctx, chat, user)?
    })
}

/// Ends requests and invitations that were open for too long: those concerned are told.
pub fn expire<'a>(repo: &'a Repo, ctx: &'a Ctx, _: Duration) -> Steps<'a> {
    attempts::expire(repo, ctx, due, expire_one)
}

fn due(conn: &mut Conn, before: Timestamp) -> Result<Vec<(ChatId, UserId)>> {
    Ok(chat_guests::table
        .filter(chat_guests::since.le(before))
        .order((chat_guests::since, chat_guests::chat_id, chat_guests::user_id))
        .limit(PIECE)
        .select((chat_guests::chat_id, chat_guests::user_id))
        .load(conn)?)
}

fn expire_one(tx: &mut Tx<'_>, ctx: &Ctx, chat: &ChatId, user: UserId) -> Result<usize> {
    dialect::accounts::keep_users(tx.conn, &[user])?;
    let is_there = users::table.find(user).filter(users::deleted_at.is_null());
    if !diesel::select(diesel::dsl::exists(is_there)).get_result::<bool>(tx.conn)? {
        return Ok(0);
    }
    dialect::messaging::lock_chat(tx.conn, *chat)?;
    if chats::face(tx.conn, *chat)?.is_none() {
        return Ok(0);
    }
    let one = chat_guests::table.find((*chat, user)).select(GuestRow::as_select());
    let Some(row) = one.first::<GuestRow>(tx.conn).optional()? else { return Ok(0) };
    if !is_over(ctx.now, row.since) {
        return Ok(0);
    }
    let told = end_open(tx, &row)?;
    tell(tx, ctx, &told)?;
    Ok(1)
}
