//! Who is muted in a chat, or banned from it, and what else was done to somebody there.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use clowder_core::{
    ChatId, Ctx, Page, PageRequest, Result, Timestamp, UserId, Word,
    audit::{Entry, Target},
};
use clowder_messaging::{
    Change,
    change::Sanctioned,
    invitations::Standing,
    moderation::{
        NewLifting, NewSanction, Reason, Sanction, SanctionId, SanctionType,
        rules::{self, FOR_EVER, SanctionFacts},
    },
    policy::{Action, allow},
    refusals::{CHAT_UNKNOWN, PARTICIPANT_UNKNOWN},
};
use diesel::{
    dsl::{count_star, exists, not},
    prelude::*,
    sql_types::Bool,
};
use serde_json::json;

use super::super::{
    among::AmongIds,
    audit,
    cards::Cards,
    chats::{
        edit::tell,
        hold::{Held, hold, role},
    },
    db::Tx,
    dialect::Conn,
    fragment::Fragment,
    invitations::guests,
    messaging::{change, messages::Membership},
    participants::writes,
    people::{Viewer, visible_to},
    upkeep::forget,
};
use crate::domains::{
    accounts::users,
    messaging::{SanctionRow, chat_guests, chat_sanctions as table, former_participants as former, participants},
};

/// The condition of the index of what lasts, as constant text, so that the databases use it.
const IS_LASTING: Fragment<Bool> =
    Fragment::new("(chat_sanctions.kind IN ('mute', 'ban') AND chat_sanctions.lifted_at IS NULL)");

/// How long it is known what was done to somebody, after it is over.
const KNOWN_FOR: Duration = Duration::from_secs(180 * 24 * 3600);
/// Of one person in one chat, how many are known that are over.
const MOST_OVER: i64 = 50;
/// How many of those are forgotten at a time.
const PIECE: i64 = 100;
/// How often somebody who is in a chat is told in a day of each kind of decision about them; and who is not in it, of all
/// together.
const TOLD_A_DAY: i64 = 5;
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Forgets what has been over for long. What lasts until somebody lifts it stays.
pub fn sweep(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<usize> {
    let past = ctx.now.minus(KNOWN_FOR);
    let happened = SanctionType::WORDS.iter().filter(|(_, kind)| !kind.lasts()).map(|(word, _)| *word);
    let happened = table::kind.eq_any(happened.collect::<Vec<_>>());
    let over = table::lifted_at.le(past).or(table::until.le(past)).or(happened.and(table::since.le(past)).nullable());
    Ok(forget!(tx, table by id: SanctionId, table::since.le(past).nullable().and(over)))
}

fn lasting(chat: ChatId, kind: SanctionType) -> table::BoxedQuery<'static, super::super::dialect::Backend> {
    table::table.filter(table::chat_id.eq(chat).and(table::kind.eq(kind.as_str()))).filter(IS_LASTING).into_boxed()
}

/// Those of these people who are banned from a chat now.
pub fn banned(conn: &mut Conn, now: Timestamp, chat: ChatId, people: &[UserId]) -> Result<Vec<UserId>> {
    let some = lasting(chat, SanctionType::Ban).filter(table::user_id.eq_any(people.to_vec()));
    Ok(some.filter(table::until.is_null().or(table::until.gt(now))).select(table::user_id).load(conn)?)
}

/// Refuses whoever is banned from a chat.
pub fn may_come(conn: &mut Conn, now: Timestamp, chat: ChatId, user: UserId) -> Result<()> {
    let ban = lasting(chat, SanctionType::Ban).filter(table::user_id.eq(user)).select(table::until);
    rules::may_come(ban.first::<Option<Timestamp>>(conn).optional()?, now)
}

/// Until when each of these people is muted, of those who come into a chat.
pub fn silent(conn: &mut Conn, chat: ChatId, people: &[UserId]) -> Result<HashMap<UserId, Timestamp>> {
    let some = lasting(chat, SanctionType::Mute).filter(table::user_id.eq_any(people.to_vec()));
    let mutes: Vec<(UserId, Option<Timestamp>)> = some.select((table::user_id, table::until)).load(conn)?;
    Ok(mutes.into_iter().map(|(user, until)| (user, until.unwrap_or(FOR_EVER))).collect())
}

pub fn impose(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, kind: SanctionType, new: NewSanction) -> Result<Sanction> {
    let NewSanction { user_id: user, reason, until } = new;
    let Held { caller, row, seat } = hold(tx, ctx, chat, &[user])?;
    let held = role(tx.conn, chat, user)?;
    // Those whose time is over are still there, and count no more.
    let now = || lasting(chat, kind).filter(table::until.is_null().or(table::until.gt(ctx.now)));
    let theirs = now().filter(table::user_id.eq(user)).select(table::id);
    let already = theirs.first::<SanctionId>(tx.conn).optional()?.is_some();
    let seen = users::table.filter(users::id.eq(user)).filter(visible_to(Viewer::of(ctx)?)).select(users::id);
    let visible = seen.first::<UserId>(tx.conn).optional()?.is_some();
    let is_told = match held {
        Some(_) => is_told_inside(tx.conn, ctx.now, chat, user, kind)?,
        None => visible && is_told_outside(tx.conn, ctx.now, chat, user)?,
    };
    let facts = SanctionFacts {
        held,
        visible,
        own: user == caller,
        already,
        count: now().select(count_star()).first(tx.conn)?,
    };
    rules::may_sanction(seat, kind, facts)?;
    let is_there = users::table.find(user).filter(users::deleted_at.is_null());
    if !diesel::select(exists(is_there)).get_result::<bool>(tx.conn)? {
        return Err(PARTICIPANT_UNKNOWN.into());
    }
    change(tx, ctx, chat)?;
    let before = table::table.filter(table::chat_id.eq(chat).and(table::user_id.eq(user)));
    diesel::update(before.filter(table::kind.eq(kind.as_str())).filter(IS_LASTING))
        .set((table::lifted_at.eq(ctx.now), table::lifted_by.eq(caller)))
        .execute(tx.conn)?;
    let entry = match kind {
        SanctionType::Ban => Entry::new("participant.banned"),
        _ => Entry::new("participant.muted"),
    };
    let entry = entry.on(Target::of("chat", chat)).about(user);
    audit::record(tx, ctx, &entry.after(json!({"user_id": user, "reason": reason.as_str(), "until": until})))?;
    let row_of = SanctionRow { until, told: is_told, ..new_row(ctx, chat, user, kind, reason.into_string())? };
    put(tx, &row_of)?;
    let mut changes = Vec::new();
    match kind {
        SanctionType::Ban => {
            if held.is_some() {
                changes.extend(writes::removal(tx, ctx, &row, user, caller)?);
            }
            changes.extend(turn_away(tx, ctx, chat, user)?);
        }
        _ => set_silent(tx.conn, chat, user, Some(until.unwrap_or(FOR_EVER)))?,
    }
    changes.extend(told(&row_of)?);
    tell(tx, ctx, &changes)?;
    let card = Cards::of(tx.conn, None, [user])?.card(user)?;
    row_of.sanction(card)
}

/// A mute or a ban as it is now, for somebody who has imposed it and may still do so.
pub fn again(conn: &mut Conn, viewer: UserId, chat: ChatId, id: SanctionId) -> Result<Sanction> {
    let membership = Membership::of(conn, chat, viewer)?.ok_or(CHAT_UNKNOWN)?;
    let one = table::table.find(id).filter(table::chat_id.eq(chat)).select(SanctionRow::as_select());
    let row: Option<SanctionRow> = one.first(conn).optional()?;
    let row = row.ok_or(PARTICIPANT_UNKNOWN)?;
    let kind = SanctionType::parse_word(&row.kind)?;
    allow(membership.seat, if kind == SanctionType::Ban { Action::Ban } else { Action::Mute })?;
    let card = Cards::of(conn, None, [row.user_id])?.card(row.user_id)?;
    row.sanction(card)
}

/// Ends the request or the invitation of whoever is banned.
fn turn_away(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, user: UserId) -> Result<Vec<Change>> {
    let guest = guests::standing(tx.conn, ctx.now, chat, user)?;
    let standing = guests::standing_of(guest.as_ref())?;
    diesel::delete(chat_guests::table.find((chat, user))).execute(tx.conn)?;
    match standing {
        Some(Standing::Pending) => guests::decided(tx.conn, chat, user, clowder_messaging::change::Decided::Reject),
        Some(Standing::Invited) => {
            guests::uninvited(tx.conn, chat, user, clowder_messaging::change::Unwanted::Withdrawn)
        }
        None => Ok(Vec::new()),
    }
}

fn set_silent(conn: &mut Conn, chat: ChatId, user: UserId, until: Option<Timestamp>) -> Result<()> {
    let one = participants::table.find((chat, user));
    diesel::update(one).set(participants::silent_until.eq(until)).execute(conn)?;
    Ok(())
}

fn new_row(ctx: &Ctx, chat: ChatId, user: UserId, kind: SanctionType, reason: String) -> Result<SanctionRow> {
    Ok(SanctionRow {
        id: SanctionId::new(ctx.now),
        chat_id: chat,
        user_id: user,
        by_id: Some(ctx.user()?),
        kind: kind.as_str().to_owned(),
        reason,
        since: ctx.now,
        until: None,
        lifted_at: None,
        lifted_by: None,
        lift_reason: None,
        told: true,
        message_count: None,
    })
}

/// Whether somebody who is not in a chat, and whom the caller may know, is told what is done to them there: if they were in it,
/// or want to be, and not again and again. Otherwise a ban would be a letter to anybody, without a sender.
fn is_told_outside(conn: &mut Conn, now: Timestamp, chat: ChatId, user: UserId) -> Result<bool> {
    let was_there = former::table.find((user, chat));
    if !diesel::select(exists(was_there)).get_result::<bool>(conn)?
        && guests::standing(conn, now, chat, user)?.is_none()
    {
        return Ok(false);
    }
    Ok(told_today(conn, now, chat, user, None)? < TOLD_A_DAY)
}

/// Whether somebody in a chat is told what is done to them there. What is done to a message is so often as they write;
/// anything else could be done again and again, and each time with a text.
fn is_told_inside(conn: &mut Conn, now: Timestamp, chat: ChatId, user: UserId, kind: SanctionType) -> Result<bool> {
    Ok(kind == SanctionType::Rejection || told_today(conn, now, chat, user, Some(kind))? < TOLD_A_DAY)
}

/// How often somebody was told of something that was done to them in a chat within a day: of this kind, or of any.
fn told_today(conn: &mut Conn, now: Timestamp, chat: ChatId, user: UserId, kind: Option<SanctionType>) -> Result<i64> {
    let lately = table::table.filter(table::chat_id.eq(chat).and(table::user_id.eq(user))).filter(table::told);
    let mut lately = lately.filter(table::since.gt(now.minus(DAY))).select(count_star()).into_boxed();
    if let Some(kind) = kind {
        lately = lately.filter(table::kind.eq(kind.as_str()));
    }
    Ok(lately.first(conn)?)
}

/// Stores a row, and forgets the oldest of those that are over, of which there are only so many. Those of which the person
/// was told stay longest: they are counted.
fn put(tx: &mut Tx<'_>, row: &SanctionRow) -> Result<()> {
    diesel::insert_into(table::table).values(row).execute(tx.conn)?;
    let of_both = table::table.filter(table::chat_id.eq(row.chat_id).and(table::user_id.eq(row.user_id)));
    let over = of_both.filter(not(IS_LASTING)).order((table::told.desc(), table::id.desc())).offset(MOST_OVER);
    let oldest: Vec<SanctionId> = over.limit(PIECE).select(table::id).load(tx.conn)?;
    if !oldest.is_empty() {
        diesel::delete(table::table.filter(table::id.eq_any(oldest))).execute(tx.conn)?;
        tx.deleted_text = true;
    }
    Ok(())
}

/// Notes what happened to somebody whose account stays as it is, and returns what they are told.
pub fn note(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    chat: ChatId,
    user: UserId,
    kind: SanctionType,
    reason: String,
) -> Result<Option<Change>> {
    let is_told = match role(tx.conn, chat, user)? {
        Some(_) => is_told_inside(tx.conn, ctx.now, chat, user, kind)?,
        None => is_told_outside(tx.conn, ctx.now, chat, user)?,
    };
    let row = SanctionRow { told: is_told, ..new_row(ctx, chat, user, kind, reason)? };
    put(tx, &row)?;
    told(&row)
}

/// Notes for the authors of deleted messages of a locked chat how many of theirs were deleted and why, and returns what they
/// are told. Their accounts are held as they are.
pub fn note_deletion(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    chat: ChatId,
    counts: &BTreeMap<UserId, i64>,
    reason: &Reason,
) -> Result<Vec<Change>> {
    let authors: Vec<UserId> = counts.keys().copied().collect();
    let alive = users::table.filter(users::id.among(&authors)).filter(users::deleted_at.is_null());
    let alive: Vec<UserId> = alive.order(users::id).select(users::id).load(tx.conn)?;
    let mut changes = Vec::with_capacity(alive.len());
    for user in alive {
        let is_told = role(tx.conn, chat, user)?.is_some() || is_told_outside(tx.conn, ctx.now, chat, user)?;
        let row = new_row(ctx, chat, user, SanctionType::Deletion, reason.as_str().to_owned())?;
        let row = SanctionRow { told: is_told, message_count: counts.get(&user).copied(), ..row };
        put(tx, &row)?;
        changes.extend(told(&row)?);
    }
    Ok(changes)
}

/// What the person is told of it.
fn told(row: &SanctionRow) -> Result<Option<Change>> {
    if !row.told {
        return Ok(None);
    }
    Ok(Some(Change::Sanctioned(Sanctioned {
        id: row.id,
        chat_id: row.chat_id,
        user_id: row.user_id,
        kind: SanctionType::parse_word(&row.kind)?,
        until: row.until,
        lifted: row.lifted_at.is_some(),
    })))
}

pub fn lift(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, kind: SanctionType, new: NewLifting) -> Result<()> {
    let NewLifting { user_id: user, reason } = new;
    let Held { caller, seat, .. } = hold(tx, ctx, chat, &[user])?;
    rules::may_lift(seat, kind, user == caller)?;
    let theirs = lasting(chat, kind).filter(table::user_id.eq(user)).select(SanctionRow::as_select());
    let Some(row): Option<SanctionRow> = theirs.first(tx.conn).optional()? else { return Ok(()) };
    change(tx, ctx, chat)?;
    diesel::update(table::table.find(row.id))
        .set((
            table::lifted_at.eq(ctx.now),
            table::lifted_by.eq(caller),
            table::lift_reason.eq(reason.as_str().to_owned()),
        ))
        .execute(tx.conn)?;
    if kind == SanctionType::Mute {
        set_silent(tx.conn, chat, user, None)?;
    }
    let entry = match kind {
        SanctionType::Ban => Entry::new("participant.unbanned"),
        _ => Entry::new("participant.unmuted"),
    };
    let entry = entry.on(Target::of("chat", chat)).about(user);
    audit::record(tx, ctx, &entry.after(json!({"user_id": user, "reason": reason.as_str()})))?;
    let change = told(&SanctionRow { lifted_at: Some(ctx.now), ..row })?;
    tell(tx, ctx, change.as_slice())
}

pub fn list(
    conn: &mut Conn,
    now: Timestamp,
    viewer: UserId,
    chat: ChatId,
    kind: SanctionType,
    page: &PageRequest,
) -> Result<Page<Sanction>> {
    let membership = Membership::of(conn, chat, viewer)?.ok_or(CHAT_UNKNOWN)?;
    allow(membership.seat, if kind == SanctionType::Ban { Action::Ban } else { Action::Mute })?;
    let query = lasting(chat, kind).filter(table::until.is_null().or(table::until.gt(now)));
    shown(conn, query, page, true)
}

/// What the viewer was told, and the mutes that last in chats that they are in: whoever may not write finds out why, however
/// often they were muted.
pub fn own(conn: &mut Conn, now: Timestamp, viewer: UserId, page: &PageRequest) -> Result<Page<Sanction>> {
    let silent =
        participants::table.filter(participants::user_id.eq(viewer)).filter(participants::silent_until.gt(now));
    let silent: Vec<ChatId> = silent.select(participants::chat_id).load(conn)?;
    let mut own = table::table.filter(table::user_id.eq(viewer)).filter(table::told).into_boxed();
    if !silent.is_empty() {
        let muted = table::user_id.eq(viewer).and(table::kind.eq(SanctionType::Mute.as_str())).and(IS_LASTING);
        own = own.or_filter(muted.and(table::chat_id.eq_any(silent)));
    }
    shown(conn, own, page, false)
}

/// The last ones first.
fn shown(
    conn: &mut Conn,
    query: table::BoxedQuery<'static, super::super::dialect::Backend>,
    page: &PageRequest,
    shows_who: bool,
) -> Result<Page<Sanction>> {
    let mut query = query.order(table::id.desc()).limit(page.fetch());
    if let Some(last) = page.id()? {
        let last: SanctionId = last;
        query = query.filter(table::id.lt(last));
    }
    let rows: Vec<SanctionRow> = query.select(SanctionRow::as_select()).load(conn)?;
    let cards = Cards::of(conn, None, rows.iter().map(|row| row.user_id))?;
    let sanctions = rows.into_iter().map(|mut row| {
        row.by_id = row.by_id.filter(|_| shows_who);
        let card = cards.card(row.user_id)?;
        row.sanction(card)
    });
    Page::fill(sanctions, page, |sanction: &Sanction| sanction.id.to_string())
}
