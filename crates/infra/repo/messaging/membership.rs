//! Who is in a chat: others decide, for the chat of a group another domain, and this carries it out within the same
//! transaction. Nothing here decides; what it answers are the changes that the caller appends last.

use std::collections::HashMap;

use clowder_core::{ChatId, Ctx, Error, FileId, GroupId, Id, Result, Timestamp, Topic, UserId, Word};
use clowder_messaging::{
    CHAT, Chat, ChatType, History, SystemNote,
    change::{CHAT_CREATED, ChatDeleted, ParticipantRemoved},
    participants::TOLD_AMONG,
    read::{LowestReadMarks, are_shown},
};
pub use clowder_messaging::{Change as ChatChange, ChatRole, SystemAction, change::Told};
use diesel::{dsl::exists, prelude::*};
use uuid::Uuid;

use super::{
    super::{
        chat_analytics, chat_imports,
        chats::{hold::is_alive, pictures},
        db::Tx,
        dialect::{self, Conn},
        journal,
        lifetimes::starting,
        moderation::{self, reviews, sanctions, screening},
        relations::threads,
    },
    chats,
    privacy::deserted,
    read, receipts, removed, system, titles,
};
use crate::domains::messaging::{
    LowestReadMarksRow, chat_guests as guests, chat_notes as notes, chats as table, former_participants as former,
    messages, participants,
};

/// How many changes of a chat are emptied in one piece.
const ROWS: i64 = 200;

/// Creates the empty chat of a group. It counts for nobody.
pub fn create(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, group: GroupId, title: &str) -> Result<()> {
    diesel::insert_into(table::table)
        .values((
            table::id.eq(chat),
            table::creator_id.eq(None::<UserId>),
            table::kind.eq(ChatType::Group.as_str()),
            table::title.eq(title),
            table::participant_count.eq(0),
            table::last_seq.eq(0),
            table::revision.eq(0),
            table::deleted_count.eq(0),
            table::created_at.eq(ctx.now),
            table::active_at.eq(ctx.now),
            table::version.eq(1),
            table::closed.eq(false),
            table::group_id.eq(group),
            LowestReadMarksRow::from(LowestReadMarks::of(&[])),
        ))
        .execute(tx.conn)?;
    titles::index(tx.conn, chat, title)
}

/// Adds people who are not in it. What was said before counts as read; whether they see it, the chat says.
pub fn add(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, users: &[UserId], role: ChatRole) -> Result<Vec<ChatChange>> {
    dialect::messaging::lock_chat(tx.conn, chat)?;
    let (last_seq, history): (i64, String) =
        table::table.find(chat).select((table::last_seq, table::history)).first(tx.conn)?;
    let visible_from = match History::parse_word(&history)? {
        History::All => 0,
        History::SinceJoin => last_seq,
    };
    // Whoever was muted stays so, and whoever has just written waits as long as all others.
    let silent = sanctions::silent(tx.conn, chat, users)?;
    let here_before = || former::table.filter(former::chat_id.eq(chat).and(former::user_id.eq_any(users)));
    let known: Vec<Leaving> =
        here_before().select((former::user_id, former::spoke_at, former::cleared_seq)).load(tx.conn)?;
    let known: HashMap<UserId, _> =
        known.into_iter().map(|(user, spoke_at, cleared)| (user, (spoke_at, cleared))).collect();
    // And what they have removed for themselves stays removed.
    let removed = removed::counts(tx.conn, chat, users)?;
    let rows: Vec<_> = users
        .iter()
        .map(|user| {
            let (spoke_at, cleared) = known.get(user).copied().unwrap_or_default();
            (
                participants::chat_id.eq(chat),
                participants::user_id.eq(user),
                participants::role.eq(role.as_str()),
                participants::joined_at.eq(ctx.now),
                participants::read_seq.eq(last_seq),
                participants::own_after_read.eq(0),
                participants::visible_from.eq(visible_from.max(cleared)),
                participants::cleared_seq.eq(cleared),
                participants::entered_from.eq((cleared > visible_from).then_some(visible_from)),
                participants::removed_count.eq(removed.get(user).copied().unwrap_or_default()),
                participants::delivered_seq.eq(last_seq),
                participants::shown_read_seq.eq(last_seq),
                participants::silent_until.eq(silent.get(user).copied()),
                participants::spoke_at.eq(spoke_at),
            )
        })
        .collect();
    diesel::insert_into(participants::table).values(&rows).execute(tx.conn)?;
    diesel::delete(here_before()).execute(tx.conn)?;
    let waiting = guests::chat_id.eq(chat).and(guests::user_id.eq_any(users));
    diesel::delete(guests::table.filter(waiting)).execute(tx.conn)?;
    count(tx.conn, chat, users.len() as i64)?;
    let seen = chats::fresh(tx.conn, chat, role)?;
    let seen_by = |user: &UserId| Chat { silent_until: silent.get(user).copied(), ..seen.clone() };
    Ok(users.iter().map(|user| ChatChange::ChatCreated(*user, Box::new(seen_by(user)), visible_from)).collect())
}

pub fn set_role(tx: &mut Tx<'_>, chat: ChatId, user: UserId, role: ChatRole) -> Result<()> {
    dialect::messaging::lock_chat(tx.conn, chat)?;
    let one = participants::table.find((chat, user));
    diesel::update(one).set(participants::role.eq(role.as_str())).execute(tx.conn)?;
    Ok(())
}

/// Whether the filter of the server lets a name and a description through that its group, which is the chat's, is to have.
pub fn may_be_called(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, name: &str, description: Option<&str>) -> Result<bool> {
    screening::lets_through(tx, ctx, chat, [name, description.unwrap_or_default()])
}

/// Whether the caller, who is in a held chat, is not muted there.
pub fn may_speak(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId) -> Result<bool> {
    let silent = participants::table.find((chat, ctx.user()?)).select(participants::silent_until);
    let silent: Option<Timestamp> = silent.first::<Option<Timestamp>>(tx.conn).optional()?.flatten();
    Ok(silent.is_none_or(|until| until <= ctx.now))
}

pub fn rename(tx: &mut Tx<'_>, chat: ChatId, title: &str) -> Result<()> {
    dialect::messaging::lock_chat(tx.conn, chat)?;
    let renamed = (table::title.eq(title), table::version.eq(table::version + 1));
    diesel::update(table::table.find(chat)).set(renamed).execute(tx.conn)?;
    titles::unindex(tx, chat)?;
    titles::index(tx.conn, chat, title)
}

/// The chat of a group shows the picture of its group. Whoever takes one away says so.
pub fn picture(tx: &mut Tx<'_>, chat: ChatId, avatar: Option<FileId>) -> Result<()> {
    dialect::messaging::lock_chat(tx.conn, chat)?;
    let shown = (table::avatar_id.eq(avatar), table::version.eq(table::version + 1));
    diesel::update(table::table.find(chat)).set(shown).execute(tx.conn)?;
    Ok(())
}

/// A message of the system about these people, which the caller appends. None in a chat of many people, where it would say
/// little else, and none by somebody whose account is being erased.
pub fn note(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    chat: ChatId,
    by: UserId,
    action: SystemAction,
    user_ids: Vec<UserId>,
) -> Result<Option<ChatChange>> {
    say(tx, ctx, chat, by, SystemNote { action, user_ids, title: None, role: None })
}

/// The same about somebody who has another role.
pub fn note_role(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    chat: ChatId,
    by: UserId,
    user: UserId,
    role: ChatRole,
) -> Result<Option<ChatChange>> {
    let note = SystemNote { action: SystemAction::RoleChanged, user_ids: vec![user], title: None, role: Some(role) };
    say(tx, ctx, chat, by, note)
}

/// The same about another title, however many people there are.
pub fn note_title(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, by: UserId, title: &str) -> Result<ChatChange> {
    dialect::messaging::lock_chat(tx.conn, chat)?;
    let title = Some(title.to_owned());
    system::say(
        tx,
        ctx,
        chat,
        by,
        SystemNote { action: SystemAction::Retitled, user_ids: Vec::new(), title, role: None },
    )
}

fn say(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, by: UserId, note: SystemNote) -> Result<Option<ChatChange>> {
    dialect::messaging::lock_chat(tx.conn, chat)?;
    let people: i64 = table::table.find(chat).select(table::participant_count).first(tx.conn)?;
    if people > TOLD_AMONG || !is_alive(tx.conn, by)? {
        return Ok(None);
    }
    system::say(tx, ctx, chat, by, note).map(Some)
}

/// Removes people; `by` is nobody when the chat is being deleted. They keep nothing of their own about it.
pub fn remove(
    tx: &mut Tx<'_>,
    chat: ChatId,
    users: &[UserId],
    by: Option<UserId>,
    told: Told,
) -> Result<Vec<ChatChange>> {
    dialect::messaging::lock_chat(tx.conn, chat)?;
    let some = || participants::table.filter(participants::chat_id.eq(chat).and(participants::user_id.eq_any(users)));
    let known: Vec<Leaving> =
        some().select((participants::user_id, participants::spoke_at, participants::cleared_seq)).load(tx.conn)?;
    let gone = diesel::delete(some()).execute(tx.conn)?;
    if gone != users.len() {
        return Err(Error::internal("somebody in a group who is not in its chat"));
    }
    receipts::forget(tx.conn, chat, users)?;
    threads::leave(tx.conn, chat, users)?;
    reviews::forget_held(tx, chat, users)?;
    let own = notes::chat_id.eq(chat).and(notes::user_id.eq_any(users));
    diesel::delete(notes::table.filter(own)).execute(tx.conn)?;
    count(tx.conn, chat, -(gone as i64))?;
    if by.is_some() {
        remember(tx.conn, chat, &known)?;
    }
    let removed = |user_id: &UserId| match by {
        Some(removed_by) => {
            ChatChange::ParticipantRemoved(told, ParticipantRemoved { chat_id: chat, user_id: *user_id, removed_by })
        }
        None => ChatChange::ChatDeleted(*user_id, ChatDeleted { chat_id: chat }),
    };
    Ok(users.iter().map(removed).collect())
}

/// Somebody who leaves: when they last wrote, and up to which message they have cleared the chat.
type Leaving = (UserId, Option<Timestamp>, i64);

/// Notes who of them has written in a chat that they have left, so that an export and an erasure find their messages, and up
/// to which message they have cleared it. With a chat that is being deleted, these go anyway.
fn remember(conn: &mut Conn, chat: ChatId, people: &[Leaving]) -> Result<()> {
    for (user, spoke_at, cleared) in people {
        let said = messages::table.filter(messages::chat_id.eq(chat).and(messages::sender_id.eq(user)));
        if *cleared > 0 || diesel::select(exists(said)).get_result(conn)? {
            diesel::insert_into(former::table)
                .values((
                    former::user_id.eq(user),
                    former::chat_id.eq(chat),
                    former::spoke_at.eq(spoke_at),
                    former::cleared_seq.eq(cleared),
                ))
                .on_conflict_do_nothing()
                .execute(conn)?;
        }
    }
    Ok(())
}

/// Deletes some of the times of the marks in a chat that is being deleted, before its people go; none when there are none
/// left. So removing many people does not delete very many rows at once.
pub fn clear_times(tx: &mut Tx<'_>, chat: ChatId) -> Result<u64> {
    dialect::messaging::lock_chat(tx.conn, chat)?;
    receipts::clear(tx.conn, chat)
}

/// Deletes some of what a chat contains; none when everything is gone.
pub fn clear(tx: &mut Tx<'_>, chat: ChatId) -> Result<u64> {
    dialect::messaging::lock_chat(tx.conn, chat)?;
    // The journal first: nobody may read a text there that is gone elsewhere.
    let mut rows = journal::clear_topic(tx, Topic::new(CHAT, chat), ROWS)?;
    if rows == 0 {
        rows = journal::clear_subject(tx, chat.uuid(), CHAT_CREATED, ROWS)?;
    }
    if rows == 0 {
        rows = deserted::clear_messages(tx, chat)?;
    }
    if rows == 0 {
        rows = moderation::clear(tx, chat)?;
    }
    if rows == 0 {
        rows = chat_analytics::clear(tx.conn, chat)?;
    }
    if rows == 0 {
        rows = chat_imports::clear(tx, chat)?;
    }
    tx.deleted_text |= rows > 0;
    Ok(rows)
}

/// How many messages a chat had that is being deleted, and how many it still has: the first ones go first.
pub fn messages_of(conn: &mut Conn, chat: ChatId) -> Result<(i64, i64)> {
    let had: Option<i64> = table::table.find(chat).select(table::last_seq).first(conn).optional()?;
    let Some(had) = had else { return Ok((0, 0)) };
    let said = messages::table.filter(messages::chat_id.eq(chat)).order(messages::seq).select(messages::seq);
    let first: Option<i64> = said.first(conn).optional()?;
    Ok((had, first.map_or(0, |first| had + 1 - first)))
}

/// Deletes an empty chat.
pub fn delete(tx: &mut Tx<'_>, chat: ChatId) -> Result<()> {
    titles::unindex(tx, chat)?;
    pictures::take_away(tx, chat)?;
    diesel::delete(table::table.find(chat)).execute(tx.conn)?;
    Ok(())
}

/// Adds to the number of participants and finds the two lowest marks, while the chat is locked.
pub fn count(conn: &mut Conn, chat: ChatId, more: i64) -> Result<()> {
    let participants: i64 = diesel::update(table::table.find(chat))
        .set(table::participant_count.eq(table::participant_count + more))
        .returning(table::participant_count)
        .get_result(conn)?;
    let marks = if are_shown(participants) {
        read::keep_lowest(conn, chat, Id::from_uuid(Uuid::nil()))?;
        let lowest = participants::table.filter(participants::chat_id.eq(chat)).filter(receipts::COUNTS);
        let lowest = lowest.order((participants::shown_read_seq, participants::user_id)).limit(2);
        lowest.select((participants::user_id, participants::shown_read_seq)).load(conn)?
    } else {
        Vec::new()
    };
    let marks = LowestReadMarksRow::from(LowestReadMarks::of(&marks));
    diesel::update(table::table.find(chat)).set(marks).execute(conn)?;
    starting::note(conn, [chat])
}
