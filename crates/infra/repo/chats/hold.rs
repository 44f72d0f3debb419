//! What all writes about a chat and its people begin with.

use clowder_core::{ChatId, Ctx, Result, UserId, Word};
use clowder_messaging::{
    ChatRole,
    participants::Room,
    policy::Seat,
    refusals::{CHAT_UNKNOWN, PARTICIPANT_UNKNOWN},
};
use diesel::{
    dsl::{count_star, exists},
    prelude::*,
    sql_types::Bool,
};

use super::super::{
    db::Tx,
    dialect::{self, Conn},
    fragment::Fragment,
    messaging::{chats, messages},
};
use crate::domains::{
    accounts::users,
    messaging::{FaceRow, participants},
};

/// The condition of the index of those who run a chat, as constant text, so that the databases use it.
pub const IS_STAFF: Fragment<Bool> = Fragment::new("(participants.role IN ('owner', 'admin'))");

/// A chat that the caller is in, locked.
pub struct Held {
    pub caller: UserId,
    pub row: FaceRow,
    pub seat: Seat,
}

/// Holds the caller and these people as they are, then locks the chat; until the end of the transaction nobody else changes
/// it, nor who is in it.
pub fn hold(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, others: &[UserId]) -> Result<Held> {
    let (caller, row) = hold_any(tx, ctx, chat, others)?;
    let role = role(tx.conn, chat, caller)?.ok_or(CHAT_UNKNOWN)?;
    let seat = messages::seat(&row, role.as_str())?;
    Ok(Held { caller, row, seat })
}

/// Also one that the caller is not in.
pub fn hold_any(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, others: &[UserId]) -> Result<(UserId, FaceRow)> {
    let caller = ctx.user()?;
    let mut people = others.to_vec();
    people.push(caller);
    dialect::accounts::keep_users(tx.conn, &people)?;
    if !is_alive(tx.conn, caller)? {
        return Err(CHAT_UNKNOWN.into());
    }
    dialect::messaging::lock_chat(tx.conn, chat)?;
    Ok((caller, chats::face(tx.conn, chat)?.ok_or(CHAT_UNKNOWN)?))
}

/// The role of somebody in a chat, if they are in it.
pub fn role(conn: &mut Conn, chat: ChatId, user: UserId) -> Result<Option<ChatRole>> {
    let role: Option<String> =
        participants::table.find((chat, user)).select(participants::role).first(conn).optional()?;
    role.as_deref().map(ChatRole::parse_word).transpose()
}

/// Whether somebody's account is not erased.
pub fn is_alive(conn: &mut Conn, user: UserId) -> Result<bool> {
    let is_there = users::table.find(user).filter(users::deleted_at.is_null());
    Ok(diesel::select(exists(is_there)).get_result(conn)?)
}

/// The role of somebody who is in a chat and whose account is not erased: nobody else is given one.
pub fn living(conn: &mut Conn, chat: ChatId, user: UserId) -> Result<Option<ChatRole>> {
    if is_alive(conn, user)? { role(conn, chat, user) } else { Ok(None) }
}

/// The owners of a chat, erased accounts aside.
pub fn owners(conn: &mut Conn, chat: ChatId) -> Result<Vec<UserId>> {
    let owners = participants::table.inner_join(users::table).filter(users::deleted_at.is_null());
    let owners = owners.filter(participants::chat_id.eq(chat)).filter(IS_STAFF);
    let owners = owners.filter(participants::role.eq(ChatRole::Owner.as_str()));
    Ok(owners.select(participants::user_id).load(conn)?)
}

pub fn room(tx: &mut Tx<'_>, row: &FaceRow) -> Result<Room> {
    let staff = participants::table.filter(participants::chat_id.eq(row.id)).filter(IS_STAFF);
    let staff = staff.select(count_star()).first(tx.conn)?;
    Ok(Room { people: row.participant_count, staff, most: tx.services.options.messaging.people_per_group })
}

/// Gives somebody in a locked chat another role.
pub fn put_role(conn: &mut Conn, chat: ChatId, user: UserId, role: ChatRole) -> Result<()> {
    let one = participants::table.find((chat, user));
    if diesel::update(one).set(participants::role.eq(role.as_str())).execute(conn)? == 0 {
        return Err(PARTICIPANT_UNKNOWN.into());
    }
    Ok(())
}

/// Who takes over when the last owner is erased: the longest-serving of those with the highest role.
pub fn heir(conn: &mut Conn, chat: ChatId, except: UserId) -> Result<Option<UserId>> {
    let admin = participants::table
        .inner_join(users::table)
        .filter(participants::chat_id.eq(chat).and(participants::user_id.ne(except)))
        .filter(IS_STAFF)
        .filter(users::deleted_at.is_null())
        .order((participants::role.desc(), participants::joined_at, participants::user_id))
        .select(participants::user_id);
    if let Some(heir) = admin.first::<UserId>(conn).optional()? {
        return Ok(Some(heir));
    }
    let member = participants::table
        .inner_join(users::table)
        .filter(participants::chat_id.eq(chat).and(participants::user_id.ne(except)))
        .filter(participants::role.eq(ChatRole::Member.as_str()).and(users::deleted_at.is_null()))
        .order((participants::joined_at, participants::user_id))
        .select(participants::user_id);
    if let Some(heir) = member.first::<UserId>(conn).optional()? {
        return Ok(Some(heir));
    }
    // Of subscribers, whom it finds first: their order by time has no index, and a channel may have very many.
    let other = participants::table
        .inner_join(users::table)
        .filter(participants::chat_id.eq(chat).and(participants::user_id.ne(except)))
        .filter(users::deleted_at.is_null())
        .order(participants::user_id)
        .select(participants::user_id);
    Ok(other.first::<UserId>(conn).optional()?)
}
