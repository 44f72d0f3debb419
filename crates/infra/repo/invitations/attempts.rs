//! Who asked to join a chat and who was invited to one, for as long as it counts; and the end of what nobody answers.

use std::time::Duration;

use clowder_core::{
    ChatId, Ctx, Id, Result, Timestamp, UserId, Word,
    attempt::{A_DAY, AskFacts, OPEN_FOR, is_over},
};
use clowder_messaging::{invitations::Standing, participants::Strangers};
use diesel::{dsl::count_star, prelude::*};

use super::{
    super::{
        Repo,
        attempts::{self, PIECE, attempts},
        chats::edit::tell,
        db::Tx,
        dialect::{self, Conn},
        domains::Steps,
        friends,
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

/// What is known of these people when somebody brings them into chats who does not ask them.
pub fn strangers(tx: &mut Tx<'_>, ctx: &Ctx, by: UserId, people: &[UserId]) -> Result<Strangers> {
    let friends = friends::among(tx.conn, by, people)?;
    let people: Vec<UserId> = people.iter().filter(|user| **user != by && !friends.contains(user)).copied().collect();
    let each = chat_attempts::table.filter(chat_attempts::by_id.eq(by).and(chat_attempts::user_id.eq_any(&people)));
    let each = each.filter(chat_attempts::kind.eq(Kind::Addition.as_str()));
    let each = each.filter(chat_attempts::made_at.gt(ctx.now.minus(A_DAY))).group_by(chat_attempts::user_id);
    let each: Vec<(UserId, i64)> = each.select((chat_attempts::user_id, count_star())).load(tx.conn)?;
    let options = &tx.services.options.messaging;
    Ok(Strangers {
        people,
        today: made_today(ctx, Kind::Addition, by).count().get_result(tx.conn)?,
        most: options.strangers_a_day,
        often: each.into_iter().filter(|(_, n)| *n >= options.same_stranger_a_day).map(|(user, _)| user).collect(),
    })
}

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
