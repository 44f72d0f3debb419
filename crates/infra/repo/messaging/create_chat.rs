//! Creating a chat.

use std::collections::{HashMap, HashSet};

use clowder_core::{Card, Ctx, Made, Result, UserId, Word};
use clowder_messaging::{
    Change, Chat, ChatPreferences, ChatRole, ChatType, NewChat,
    chats::{ChatCreation, CreateFacts, Extras, Pair, decide},
    lifetimes::Lifetime,
    policy::may_post,
    read::{LowestReadMarks, are_shown},
};
use diesel::prelude::*;

use super::{
    super::{
        blocks,
        chats::notes,
        db::Tx,
        dialect::{self, Conn},
        invitations::attempts::{self, Kind},
        journal,
        moderation::screening,
        participants::writes,
        people::{self, Viewer},
    },
    titles, wanted,
};
use crate::domains::{
    accounts::{CardRow, users},
    messaging::{LowestReadMarksRow, chats as table, participants},
};

/// `extras`: what a template says of it, if there is one, in place of what the call says.
pub fn create_chat(tx: &mut Tx<'_>, ctx: &Ctx, new: NewChat, extras: Option<Extras>) -> Result<Made<Chat>> {
    let creator = ctx.user()?;
    // Before any account is locked, and one at a time: so people who create chats with each other never deadlock.
    dialect::messaging::lock_creator(tx.conn, creator)?;
    let mut named = new.participant_ids.clone();
    named.push(creator);
    // Nobody of them can be erased between the check and the commit.
    dialect::accounts::keep_users(tx.conn, &named)?;
    let exists = exists(tx.conn, creator, &new)?;
    let viewer = Viewer::of(ctx)?;
    let cards = cards(tx.conn, viewer, &named, exists)?;
    let facts = CreateFacts {
        visible: cards.keys().copied().collect(),
        unwilling: if exists { Vec::new() } else { wanted::unwilling(tx.conn, viewer, &new.participant_ids)? },
        exists,
        made: table::table.filter(table::creator_id.eq(creator)).count().get_result(tx.conn)?,
        most: tx.services.options.messaging.chats_per_person,
        busy: if new.kind == ChatType::Private { Vec::new() } else { writes::busy(tx, creator, &named)? },
        strangers: attempts::strangers(tx, ctx, creator, &new.participant_ids)?,
        room: tx.services.options.messaging.people_per_group,
    };
    let creation = decide(ctx, new, &facts)?;
    let creation = ChatCreation { extras: extras.unwrap_or(creation.extras), ..creation };
    if !insert(tx.conn, &creation)? {
        return existing(tx, ctx, &creation).map(Made::Found);
    }
    screening::allow(tx, ctx, creation.id, ChatRole::Owner, [&creation.title, &creation.description])?;
    attempts::note(tx.conn, ctx, Kind::Addition, creation.id, &facts.strangers.people, creator)?;
    let mine = view(&creation, &cards, creator);
    let changes: Vec<_> = creation
        .participants
        .iter()
        .map(|(user, _)| Change::ChatCreated(*user, Box::new(view(&creation, &cards, *user)), 0))
        .collect();
    let changes: Vec<_> = changes.iter().map(|change| (ctx, change)).collect();
    journal::append_all(tx, &changes)?;
    Ok(Made::New(mine))
}

/// The existing private chat of the two, if there is one.
fn exists(conn: &mut Conn, creator: UserId, new: &NewChat) -> Result<bool> {
    let (ChatType::Private, [other]) = (new.kind, new.participant_ids.as_slice()) else { return Ok(false) };
    let of_the_two = table::table.filter(table::pair.eq(Pair::of(creator, *other).to_bytes()));
    Ok(diesel::select(diesel::dsl::exists(of_the_two)).get_result(conn)?)
}

/// The cards of those among them whom the creator may see. Somebody who has a private chat with the creator is found for
/// it, even if they have hidden their profile since.
fn cards(conn: &mut Conn, creator: Viewer, ids: &[UserId], have_chat: bool) -> Result<HashMap<UserId, Card>> {
    let named = users::table.filter(users::id.eq_any(ids)).select(CardRow::as_select());
    let rows: Vec<CardRow> = if have_chat {
        named.filter(users::deleted_at.is_null()).load(conn)?
    } else {
        named.filter(people::visible_to(creator)).load(conn)?
    };
    // Staff see people who have blocked them, and start no chats with them.
    let blocked = if have_chat { HashSet::new() } else { blocks::either_way(conn, creator.id, ids)? };
    let rows = rows.into_iter().filter(|row| !blocked.contains(&row.id));
    Ok(rows.map(|row| (row.id, row.into())).collect())
}

/// Whether the chat is new; a pair has only one, and if both create it at once, one of them finds the other's.
fn insert(conn: &mut Conn, creation: &ChatCreation) -> Result<bool> {
    let made = diesel::insert_into(table::table)
        .values((
            table::id.eq(creation.id),
            table::creator_id.eq(creation.creator),
            table::kind.eq(creation.kind.as_str()),
            table::title.eq(&creation.title),
            table::description.eq(&creation.description),
            table::pair.eq(creation.pair.map(Pair::to_bytes)),
            table::participant_count.eq(creation.participants.len() as i64),
            table::last_seq.eq(0),
            table::revision.eq(0),
            table::deleted_count.eq(0),
            table::created_at.eq(creation.at),
            table::active_at.eq(creation.at),
            table::version.eq(1),
            table::closed.eq(false),
            table::visibility.eq(creation.visibility.as_str()),
            table::history.eq(creation.history.as_str()),
            table::rights.eq(creation.extras.rights.to_bits()),
            table::lifetime.eq(creation.extras.lifetime.map(Lifetime::to_number)),
            table::slow_seconds.eq(creation.extras.slow_seconds),
            lowest_marks(creation),
        ))
        .on_conflict_do_nothing()
        .execute(conn)?;
    if made == 0 {
        return Ok(false);
    }
    if let Some(title) = &creation.title {
        titles::index(conn, creation.id, title)?;
    }
    let rows: Vec<_> = creation
        .participants
        .iter()
        .map(|(user, role)| {
            (
                participants::chat_id.eq(creation.id),
                participants::user_id.eq(*user),
                participants::role.eq(role.as_str()),
                participants::joined_at.eq(creation.at),
                participants::read_seq.eq(0),
                participants::own_after_read.eq(0),
                participants::delivered_seq.eq(0),
                participants::shown_read_seq.eq(0),
            )
        })
        .collect();
    diesel::insert_into(participants::table).values(&rows).execute(conn)?;
    Ok(true)
}

fn existing(tx: &mut Tx<'_>, ctx: &Ctx, creation: &ChatCreation) -> Result<Chat> {
    let pair = creation.pair.map(Pair::to_bytes);
    let chat = table::table.filter(table::pair.eq(pair)).select(table::id).first(tx.conn)?;
    notes::whole(tx, ctx, chat)
}

/// Nobody has read anything, so any two have the lowest marks. If nobody sees the marks, they are not stored.
fn lowest_marks(creation: &ChatCreation) -> LowestReadMarksRow {
    if !are_shown(creation.participants.len() as i64) {
        return LowestReadMarks::of(&[]).into();
    }
    let marks: Vec<_> = creation.participants.iter().take(2).map(|(user, _)| (*user, 0)).collect();
    LowestReadMarks::of(&marks).into()
}

/// The new chat as one of its participants sees it.
fn view(creation: &ChatCreation, cards: &HashMap<UserId, Card>, viewer: UserId) -> Chat {
    let peer = creation.pair.and_then(|_| creation.participants.iter().find(|(user, _)| *user != viewer));
    let my_role = creation.participants.iter().find(|(user, _)| *user == viewer).map(|(_, role)| *role);
    let my_role = my_role.unwrap_or(ChatRole::Member);
    Chat {
        id: creation.id,
        kind: creation.kind,
        title: creation.title.clone(),
        description: creation.description.clone(),
        avatar: None,
        peer: peer.and_then(|(user, _)| cards.get(user)).cloned(),
        participant_count: creation.participants.len() as i64,
        my_role,
        visibility: creation.visibility,
        history: creation.history,
        slow_seconds: creation.extras.slow_seconds,
        silent_until: None,
        rights: creation.extras.rights,
        lifetime: creation.extras.lifetime,
        group_id: None,
        writable: may_post(my_role, creation.extras.rights),
        preferences: ChatPreferences::default(),
        read_seq: 0,
        unread_count: 0,
        mention_count: 0,
        last_seq: 0,
        last_message: None,
        created_at: creation.at,
        active_at: creation.at,
        version: 1,
    }
}
