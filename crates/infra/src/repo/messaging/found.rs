//! Making a chat.

use std::collections::HashMap;

use clowder_core::{Card, Ctx, Result, UserId, Word};
use clowder_messaging::{
    Change, Chat, ChatRole, ChatType, Made, NewChat,
    chats::{Founding, MakeFacts, Pair, decide},
    read::Slowest,
};
use diesel::prelude::*;

use super::{
    super::{
        db::Tx,
        dialect::{self, Conn},
        journal, people,
    },
    chats,
};
use crate::{
    rows::{CardRow, SlowestRow},
    schema::{chats as table, participants, users},
};

pub fn found(tx: &mut Tx<'_>, ctx: &Ctx, new: NewChat) -> Result<Made<Chat>> {
    let founder = ctx.user()?;
    // Before any account is held, and nobody holds two: so those who make chats with each other never wait in a circle.
    dialect::lock_founder(tx.conn, founder)?;
    let mut named = new.participant_ids.clone();
    named.push(founder);
    // Nobody of them is erased between the look and the commit.
    dialect::keep_users(tx.conn, &named)?;
    let cards = cards(tx.conn, founder, &named)?;
    let facts = MakeFacts {
        visible: cards.keys().copied().collect(),
        exists: exists(tx.conn, founder, &new)?,
        made: table::table.filter(table::founder_id.eq(founder)).count().get_result(tx.conn)?,
        most: tx.house.chats_per_person,
    };
    let founding = decide(ctx, new, &facts)?;
    if !insert(tx.conn, &founding)? {
        return existing(tx.conn, founder, &founding).map(Made::Found);
    }
    let mine = view(&founding, &cards, founder);
    let changes: Vec<_> = founding
        .seats
        .iter()
        .map(|(user, _)| Change::ChatCreated(*user, Box::new(view(&founding, &cards, *user))))
        .collect();
    let changes: Vec<_> = changes.iter().map(|change| (ctx, change)).collect();
    journal::append_all(tx, &changes)?;
    Ok(Made::New(mine))
}

/// Whether it is a private chat that the two have already.
fn exists(conn: &mut Conn, founder: UserId, new: &NewChat) -> Result<bool> {
    let (ChatType::Private, [other]) = (new.kind, new.participant_ids.as_slice()) else { return Ok(false) };
    let of_the_two = table::table.filter(table::pair.eq(Pair::of(founder, *other).to_bytes()));
    Ok(diesel::select(diesel::dsl::exists(of_the_two)).get_result(conn)?)
}

/// The cards of those among them whom the founder may see.
fn cards(conn: &mut Conn, founder: UserId, ids: &[UserId]) -> Result<HashMap<UserId, Card>> {
    let rows: Vec<CardRow> = users::table
        .filter(users::id.eq_any(ids))
        .filter(people::visible_to(founder))
        .select(CardRow::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(|row| (row.id, row.into())).collect())
}

/// Whether the chat is new; a pair has only one, and of two that make it at once one comes second.
fn insert(conn: &mut Conn, founding: &Founding) -> Result<bool> {
    let made = diesel::insert_into(table::table)
        .values((
            table::id.eq(founding.id),
            table::founder_id.eq(founding.founder),
            table::kind.eq(founding.kind.as_str()),
            table::title.eq(&founding.title),
            table::description.eq(&founding.description),
            table::pair.eq(founding.pair.map(Pair::to_bytes)),
            table::participant_count.eq(founding.seats.len() as i64),
            table::last_seq.eq(0),
            table::revision.eq(0),
            table::deleted_count.eq(0),
            table::created_at.eq(founding.at),
            table::active_at.eq(founding.at),
            table::version.eq(1),
            slowest(founding),
        ))
        .on_conflict_do_nothing()
        .execute(conn)?;
    if made == 0 {
        return Ok(false);
    }
    let seats: Vec<_> = founding
        .seats
        .iter()
        .map(|(user, role)| {
            (
                participants::chat_id.eq(founding.id),
                participants::user_id.eq(*user),
                participants::role.eq(role.as_str()),
                participants::joined_at.eq(founding.at),
                participants::read_seq.eq(0),
                participants::own_after_read.eq(0),
            )
        })
        .collect();
    diesel::insert_into(participants::table).values(&seats).execute(conn)?;
    Ok(true)
}

fn existing(conn: &mut Conn, founder: UserId, founding: &Founding) -> Result<Chat> {
    let pair = founding.pair.map(Pair::to_bytes);
    let chat = table::table.filter(table::pair.eq(pair)).select(table::id).first(conn)?;
    chats::one(conn, None, founder, chat)
}

/// Nobody has read anything, so any two have read least.
fn slowest(founding: &Founding) -> SlowestRow {
    let marks: Vec<_> = founding.seats.iter().take(2).map(|(user, _)| (*user, 0)).collect();
    Slowest::of(&marks).into()
}

/// The newborn chat as one of its participants sees it.
fn view(founding: &Founding, cards: &HashMap<UserId, Card>, viewer: UserId) -> Chat {
    let peer = founding.pair.and_then(|_| founding.seats.iter().find(|(user, _)| *user != viewer));
    let my_role = founding.seats.iter().find(|(user, _)| *user == viewer).map(|(_, role)| *role);
    Chat {
        id: founding.id,
        kind: founding.kind,
        title: founding.title.clone(),
        description: founding.description.clone(),
        peer: peer.and_then(|(user, _)| cards.get(user)).cloned(),
        participant_count: founding.seats.len() as i64,
        my_role: my_role.unwrap_or(ChatRole::Member),
        read_seq: 0,
        unread_count: 0,
        last_seq: 0,
        last_message: None,
        created_at: founding.at,
        active_at: founding.at,
        version: 1,
    }
}
