//! Who comes, who goes, and who does what.

use std::collections::HashMap;

use clowder_core::{
    ChatId, Ctx, Made, Result, Timestamp, UserId, Word,
    attempt::{again_at, is_left_alone, room_for},
    audit::{Entry, Target},
};
use clowder_messaging::{
    Change, Chat, ChatRole, ChatType, Participant, SystemAction, SystemNote,
    change::{ParticipantChanged, ParticipantRemoved, Told},
    chats::rules,
    invitations::{LinkId, Standing, port::Came},
    moderation::{Reason, SanctionType},
    participants::{self as policy, AddFacts, NewParticipants, RoleFacts, TOLD_AMONG},
    refusals::{CHAT_REQUESTS_TODAY, PARTICIPANT_UNKNOWN},
};
use diesel::{dsl::count_star, prelude::*};
use serde_json::json;

use super::super::{
    audit, blocks,
    cards::Cards,
    chats::{
        hold::{Held, hold, hold_any, is_alive, living, owners, put_role, role, room},
        notes,
    },
    db::Tx,
    dialect::Conn,
    friends,
    invitations::{attempts, guests, links},
    journal,
    messaging::{change, membership, system, wanted},
    moderation::{sanctions, settings},
    people::{Viewer, visible_to},
};
use crate::domains::{
    accounts::users,
    messaging::{FaceRow, chats, participants},
};

/// Who hears what happens to somebody in a chat: in a channel subscribers do not learn of the others, and of many people it
/// is told only to whom it concerns and to those who run the chat.
fn told(row: &FaceRow) -> Told {
    let is_open = row.kind != ChatType::Channel.as_str() && row.participant_count <= TOLD_AMONG;
    if is_open { Told::Chat } else { Told::Participant }
}

/// The same, with those who run a chat in which the others are not told of these people.
fn all_told(conn: &mut Conn, row: &FaceRow, people: &[UserId]) -> Result<Vec<Told>> {
    let first = told(row);
    if first == Told::Chat {
        return Ok(vec![first]);
    }
    let staff = guests::some_staff(conn, row.id, people, policy::told_of(people.len()))?;
    Ok(std::iter::once(first).chain(staff.into_iter().map(Told::Staff)).collect())
}

/// What everybody learns who has to know that somebody has another role.
pub fn updated(conn: &mut Conn, row: &FaceRow, participant: Participant) -> Result<Vec<Change>> {
    let told = all_told(conn, row, &[participant.user.id])?;
    let changed = ParticipantChanged { chat_id: row.id, participant };
    Ok(told.into_iter().map(|told| Change::ParticipantUpdated(told, changed.clone())).collect())
}

/// Whether a message says that people come or go: not in channels and large groups, where it would say little else.
fn is_noted(row: &FaceRow) -> bool {
    row.kind == ChatType::Group.as_str() && row.participant_count <= TOLD_AMONG
}

pub fn participant(conn: &mut Conn, chat: ChatId, user: UserId) -> Result<Participant> {
    let mut found = participants_of(conn, chat, &[user])?;
    found.pop().ok_or_else(|| PARTICIPANT_UNKNOWN.into())
}

/// Those of these people who are in a chat, in their order.
pub fn participants_of(conn: &mut Conn, chat: ChatId, wanted: &[UserId]) -> Result<Vec<Participant>> {
    let rows: Vec<(UserId, String, Timestamp)> = participants::table
        .filter(participants::chat_id.eq(chat).and(participants::user_id.eq_any(wanted)))
        .select((participants::user_id, participants::role, participants::joined_at))
        .load(conn)?;
    let cards = Cards::of(conn, None, rows.iter().map(|(user, ..)| *user))?;
    let mut rows: HashMap<UserId, (String, Timestamp)> =
        rows.into_iter().map(|(user, role, joined_at)| (user, (role, joined_at))).collect();
    let shown = wanted.iter().filter_map(|user| rows.remove(user).map(|row| (*user, row)));
    let shown = shown.map(|(user, (role, joined_at))| {
        Ok(Participant { user: cards.card(user)?, role: ChatRole::parse_word(&role)?, joined_at })
    });
    shown.collect()
}

/// The last statement of a write.
fn tell(tx: &mut Tx<'_>, ctx: &Ctx, changes: &[Change]) -> Result<()> {
    journal::append_all(tx, &changes.iter().map(|change| (ctx, change)).collect::<Vec<_>>())
}

/// Lets people into a held chat, and answers what is told of it.
pub fn enter(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    row: &FaceRow,
    caller: UserId,
    people: &[UserId],
    role: ChatRole,
) -> Result<Vec<Change>> {
    if people.is_empty() {
        return Ok(Vec::new());
    }
    let chat = row.id;
    let mut changes = membership::add(tx, ctx, chat, people, role)?;
    let after = FaceRow { participant_count: row.participant_count + people.len() as i64, ..row.clone() };
    // Whoever comes has learned of the whole chat.
    let told = all_told(tx.conn, &after, people)?.into_iter().filter(|told| *told != Told::Participant);
    let told: Vec<Told> = told.collect();
    if !told.is_empty() {
        for participant in participants_of(tx.conn, chat, people)? {
            let changed = ParticipantChanged { chat_id: chat, participant };
            changes.extend(told.iter().map(|told| Change::ParticipantAdded(*told, changed.clone())));
        }
    }
    if is_noted(&after) {
        let own = people == [caller];
        let action = if own { SystemAction::Joined } else { SystemAction::Added };
        let user_ids = if own { Vec::new() } else { people.to_vec() };
        changes.push(system::say(tx, ctx, chat, caller, SystemNote { action, user_ids, title: None, role: None })?);
    }
    Ok(changes)
}

pub fn add(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, new: &NewParticipants) -> Result<Vec<Participant>> {
    let Held { caller, row, seat } = hold(tx, ctx, chat, &new.user_ids)?;
    let viewer = Viewer::of(ctx)?;
    let visible: Vec<UserId> = users::table
        .filter(users::id.eq_any(&new.user_ids))
        .filter(visible_to(viewer))
        .select(users::id)
        .load(tx.conn)?;
    // Staff see people who have blocked them, and do not add them.
    let blocked = blocks::either_way(tx.conn, caller, &visible)?;
    let present = participants::table.filter(participants::chat_id.eq(chat));
    let present = present.filter(participants::user_id.eq_any(&new.user_ids)).select(participants::user_id);
    let facts = AddFacts {
        visible: visible.into_iter().filter(|user| !blocked.contains(user)).collect(),
        banned: sanctions::banned(tx.conn, ctx.now, chat, &new.user_ids)?,
        unwilling: wanted::unwilling(tx.conn, viewer, &new.user_ids)?,
        present: present.load(tx.conn)?,
        room: room(tx, &row)?,
        busy: busy(tx, caller, &new.user_ids)?,
        declined: declined(tx, ctx, chat, &new.user_ids)?,
        left: left(tx, ctx, chat, &new.user_ids)?,
        strangers: attempts::strangers(tx, ctx, caller, &new.user_ids)?,
    };
    let (added, role) = policy::add(seat, new, &facts)?;
    if !added.is_empty() {
        change(tx, ctx, chat)?;
        let strangers: Vec<UserId> = added.iter().filter(|id| facts.strangers.people.contains(id)).copied().collect();
        attempts::note(tx.conn, ctx, attempts::Kind::Addition, chat, &strangers, caller)?;
    }
    let changes = enter(tx, ctx, &row, caller, &added, role)?;
    tell(tx, ctx, &changes)?;
    participants_of(tx.conn, chat, &new.user_ids)
}

/// Those of these people who are left alone for a while, because they have declined an invitation to the chat.
fn declined(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, people: &[UserId]) -> Result<Vec<UserId>> {
    let declined = attempts::last_refused(tx.conn, attempts::Kind::Invitation, chat, people)?;
    Ok(declined.into_iter().filter(|(_, at)| again_at(ctx.now, *at).is_some()).map(|(user, _)| user).collect())
}

/// Those of these people who have left the chat of late.
fn left(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, people: &[UserId]) -> Result<Vec<UserId>> {
    let left = attempts::last_refused(tx.conn, attempts::Kind::Addition, chat, people)?;
    Ok(left.into_iter().filter(|(_, at)| is_left_alone(ctx.now, *at)).map(|(user, _)| user).collect())
}

/// Those of these people who are in as many chats as somebody can bring them into: friends, and themselves, into as many as
/// one person can be in.
pub fn busy(tx: &mut Tx<'_>, by: UserId, people: &[UserId]) -> Result<Vec<UserId>> {
    let most = tx.services.options.messaging.memberships;
    let counts = memberships(tx.conn, people)?;
    // Hardly anybody is.
    if counts.iter().all(|(_, count)| *count < room_for(false, most)) {
        return Ok(Vec::new());
    }
    let friends = friends::among(tx.conn, by, people)?;
    let room = |user: &UserId| room_for(*user == by || friends.contains(user), most);
    Ok(counts.into_iter().filter(|(user, count)| *count >= room(user)).map(|(user, _)| user).collect())
}

/// In how many chats each of these people is. Private ones, of which anybody can begin one with them, do not count.
fn memberships(conn: &mut Conn, people: &[UserId]) -> Result<Vec<(UserId, i64)>> {
    let theirs = participants::table.inner_join(chats::table).filter(participants::user_id.eq_any(people));
    let theirs = theirs.filter(chats::kind.ne(ChatType::Private.as_str())).group_by(participants::user_id);
    Ok(theirs.select((participants::user_id, count_star())).load(conn)?)
}

pub fn join(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId) -> Result<Came> {
    let (caller, row) = hold_any(tx, ctx, chat, &[])?;
    if role(tx.conn, chat, caller)?.is_some() {
        return Ok(Came::Already(Box::new(notes::whole(tx, ctx, chat)?)));
    }
    let face = row.clone().face()?;
    policy::may_join(face.visibility, row.group_id.is_some())?;
    let role = ChatRole::of_newcomers(face.kind);
    let way = approach(tx, ctx, caller, &row, role, None)?;
    arrive(tx, ctx, caller, &row, role, way)
}

/// How somebody comes who comes by themselves.
pub enum Approach {
    In,
    /// The brake of the chat is on, and they have asked to be let in: what is told of it.
    Asks(Vec<Change>),
    /// They had asked before.
    Waits(Vec<Change>),
}

/// The caller comes to a held chat by themselves, by a link or without one; while its brake is on, they ask to be let in.
pub fn approach(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    caller: UserId,
    row: &FaceRow,
    role: ChatRole,
    link: Option<LinkId>,
) -> Result<Approach> {
    fits(tx, ctx, row, caller, role)?;
    let waiting = guests::standing_of(guests::standing(tx.conn, ctx.now, row.id, caller)?.as_ref())?;
    if waiting == Some(Standing::Invited) {
        return Ok(Approach::In);
    }
    let Some(mut changes) = settings::brake(tx, ctx, row)? else {
        comes_alone(tx, ctx, row.id, caller)?;
        return Ok(Approach::In);
    };
    if waiting.is_some() {
        return Ok(Approach::Waits(changes));
    }
    changes.extend(guests::ask(tx, ctx, row.id, caller, role, link)?);
    Ok(Approach::Asks(changes))
}

/// Lets a brake go on that somebody has made go on who may not even ask: what they did is rolled back.
pub fn stop(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId) -> Result<()> {
    let (_, row) = hold_any(tx, ctx, chat, &[])?;
    let changes = settings::brake(tx, ctx, &row)?.unwrap_or_default();
    tell(tx, ctx, &changes)
}

/// Carries it out.
pub fn arrive(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    caller: UserId,
    row: &FaceRow,
    role: ChatRole,
    way: Approach,
) -> Result<Came> {
    match way {
        Approach::In => Ok(Came::In(Box::new(come_in(tx, ctx, caller, row, role)?.into_inner()))),
        Approach::Asks(changes) | Approach::Waits(changes) => {
            tell(tx, ctx, &changes)?;
            Ok(Came::Asked(row.id))
        }
    }
}

/// Notes that somebody comes in by themselves, which one person can only do so often.
fn comes_alone(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, user: UserId) -> Result<()> {
    if attempts::comes_too_often(tx.conn, ctx, chat, user)? {
        return Err(CHAT_REQUESTS_TODAY.into());
    }
    Ok(())
}

/// Whether somebody may be in a held chat, and there is room for them.
pub fn fits(tx: &mut Tx<'_>, ctx: &Ctx, row: &FaceRow, user: UserId, role: ChatRole) -> Result<()> {
    sanctions::may_come(tx.conn, ctx.now, row.id, user)?;
    let memberships = memberships(tx.conn, &[user])?.first().map_or(0, |(_, count)| *count);
    let most = tx.services.options.messaging.memberships;
    policy::join(ChatType::parse_word(&row.kind)?, role, room(tx, row)?, memberships, most)
}

/// Lets the caller into a held chat.
pub fn come_in(tx: &mut Tx<'_>, ctx: &Ctx, caller: UserId, row: &FaceRow, role: ChatRole) -> Result<Made<Chat>> {
    fits(tx, ctx, row, caller, role)?;
    let changes = enter(tx, ctx, row, caller, &[caller], role)?;
    tell(tx, ctx, &changes)?;
    Ok(Made::New(notes::whole(tx, ctx, row.id)?))
}

pub fn set_role(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, user: UserId, role: ChatRole) -> Result<Participant> {
    let Held { caller, row, seat } = hold(tx, ctx, chat, &[user])?;
    let held = living(tx.conn, chat, user)?;
    let facts = RoleFacts { held, own: user == caller, owners: owners(tx.conn, chat)?.len(), room: room(tx, &row)? };
    if !policy::set_role(seat, role, facts)? {
        return participant(tx.conn, chat, user);
    }
    change(tx, ctx, chat)?;
    let entry = Entry::new("participant.role_changed").on(Target::of("chat", chat)).about(user);
    audit::record(tx, ctx, &entry.before(json!({"role": held})).after(json!({"role": role})))?;
    put_role(tx.conn, chat, user, role)?;
    let participant = participant(tx.conn, chat, user)?;
    let mut changes = updated(tx.conn, &row, participant.clone())?;
    if is_noted(&row) {
        let note = SystemNote {
            action: SystemAction::RoleChanged,
            user_ids: vec![user],
            title: None,
            role: Some(participant.role),
        };
        changes.push(system::say(tx, ctx, chat, caller, note)?);
    }
    if held.is_some_and(|before| role > before) {
        changes.extend(links::revoke_of(tx, ctx, chat, user)?);
    }
    tell(tx, ctx, &changes)?;
    Ok(participant)
}

/// Somebody else is told the reason, if there is one.
pub fn remove(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, user: UserId, reason: Option<&Reason>) -> Result<()> {
    let held = hold(tx, ctx, chat, &[user])?;
    if user == held.caller {
        return leave(tx, ctx, held);
    }
    let target = role(tx.conn, chat, user)?;
    policy::may_remove(held.seat, target, owners(tx.conn, chat)?.len())?;
    change(tx, ctx, chat)?;
    let entry = Entry::new("participant.removed").on(Target::of("chat", chat)).about(user);
    audit::record(tx, ctx, &entry.after(json!({"user_id": user, "reason": reason.map(Reason::as_str)})))?;
    // Before they are out, while it is clear that they are told.
    let noted = match reason {
        Some(reason) if is_alive(tx.conn, user)? => {
            sanctions::note(tx, ctx, chat, user, SanctionType::Removal, reason.as_str().to_owned())?
        }
        _ => None,
    };
    let mut changes = removal(tx, ctx, &held.row, user, held.caller)?;
    changes.extend(noted);
    tell(tx, ctx, &changes)
}

/// The caller leaves a held chat.
pub fn leave(tx: &mut Tx<'_>, ctx: &Ctx, held: Held) -> Result<()> {
    let owners = owners(tx.conn, held.row.id)?.len();
    rules::may_leave(held.seat, owners)?;
    attempts::refused(tx.conn, ctx, attempts::Kind::Addition, held.row.id, held.caller)?;
    take_out(tx, ctx, &held.row, held.caller, held.caller)
}

fn take_out(tx: &mut Tx<'_>, ctx: &Ctx, row: &FaceRow, user: UserId, by: UserId) -> Result<()> {
    let changes = removal(tx, ctx, row, user, by)?;
    tell(tx, ctx, &changes)
}

/// Takes somebody out of a held chat, and answers what is told of it.
pub fn removal(tx: &mut Tx<'_>, ctx: &Ctx, row: &FaceRow, user: UserId, by: UserId) -> Result<Vec<Change>> {
    let mut changes = links::revoke_of(tx, ctx, row.id, user)?;
    if is_noted(row) {
        let note = if user == by {
            SystemNote { action: SystemAction::Left, user_ids: Vec::new(), title: None, role: None }
        } else {
            SystemNote { action: SystemAction::Removed, user_ids: vec![user], title: None, role: None }
        };
        // Before they are out, so that it is the last that they receive.
        changes.push(system::say(tx, ctx, row.id, by, note)?);
    }
    let (mut first, mut copies) = (Told::Chat, Vec::new());
    for told in all_told(tx.conn, row, &[user])? {
        match told {
            Told::Staff(_) => copies.push(told),
            _ => first = told,
        }
    }
    changes.extend(membership::remove(tx, row.id, &[user], Some(by), first)?);
    let removed = ParticipantRemoved { chat_id: row.id, user_id: user, removed_by: by };
    changes.extend(copies.into_iter().map(|told| Change::ParticipantRemoved(told, removed)));
    Ok(changes)
}

/// Makes a participant the owner of a chat whose last owner is being erased.
pub fn inherit(tx: &mut Tx<'_>, ctx: &Ctx, row: &FaceRow, heir: UserId) -> Result<()> {
    put_role(tx.conn, row.id, heir, ChatRole::Owner)?;
    let participant = participant(tx.conn, row.id, heir)?;
    let changes = updated(tx.conn, row, participant)?;
    tell(tx, ctx, &changes)
}
