//! What people choose for themselves in a chat, and what they write there that nobody else sees: a title of their own and a
//! draft, both encrypted with their key.

use std::collections::HashMap;

use clowder_core::{ChatId, Ctx, Error, Id, Result, UserId, Word, words::words};
use clowder_messaging::{
    Change, Chat, ChatPreferences,
    change::PreferencesChanged,
    chats::{
        NewDraft, PreferencesPatch,
        rules::{self, ChoiceFacts, MOST_NOTES},
    },
    lifetimes::conceal,
    refusals::{CHAT_NOTES, CHAT_UNKNOWN},
};
use diesel::{
    dsl::{count_star, exists},
    prelude::*,
};

use super::super::{
    among::AmongIds,
    db::Tx,
    dialect::{self, Conn},
    journal,
    messaging::{chats as chats_of, finding::begin_words},
    user_keys,
};
use crate::{
    domains::{
        accounts::users,
        messaging::{ChatNoteRow, ChoiceRow, chat_notes as table, chats, participants},
    },
    seal::{Column, KeyRing, Place, Sealed, Under, UserKey},
};

pub const TITLE: Column = Column::new("chat_notes", "title", "id", Under::UserKey);
pub const DRAFT: Column = Column::new("chat_notes", "draft", "id", Under::UserKey);

/// Adds to these chats of the viewer what they have written about them.
pub fn fill(conn: &mut Conn, ring: &KeyRing, viewer: UserId, chats: &mut [Chat]) -> Result<()> {
    let ids: Vec<ChatId> = chats.iter().map(|chat| chat.id).collect();
    let own = table::table.filter(table::user_id.eq(viewer).and(table::chat_id.among(&ids)));
    let rows: Vec<ChatNoteRow> = own.select(ChatNoteRow::as_select()).load(conn)?;
    if rows.is_empty() {
        return Ok(());
    }
    let key = key(conn, ring, viewer)?;
    let mut rows: HashMap<ChatId, ChatNoteRow> = rows.into_iter().map(|row| (row.chat_id, row)).collect();
    for chat in chats {
        if let Some(row) = rows.remove(&chat.id) {
            read(&row, &key, &mut chat.preferences)?;
        }
    }
    Ok(())
}

/// A chat as its viewer sees it, with what they have written about it.
pub fn whole(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId) -> Result<Chat> {
    let viewer = ctx.user()?;
    let mut chat = chats_of::one(tx.conn, None, viewer, ctx.now, chat)?;
    chat.last_message.iter_mut().for_each(|last| conceal(last, ctx.now));
    fill(tx.conn, &tx.services.ring, viewer, std::slice::from_mut(&mut chat))?;
    Ok(chat)
}

/// The viewer's chats whose own titles have words that begin with all words of a search.
pub fn titled(conn: &mut Conn, ring: &KeyRing, viewer: UserId, search: &str) -> Result<Vec<ChatId>> {
    let wanted = words(search);
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let mut titles = titles(conn, ring, viewer, None)?;
    titles.retain(|_, title| begin_words(title, &wanted));
    Ok(titles.into_keys().collect())
}

/// The viewer's own titles of these chats, or of all.
pub fn titles(
    conn: &mut Conn,
    ring: &KeyRing,
    viewer: UserId,
    chats: Option<&[ChatId]>,
) -> Result<HashMap<ChatId, String>> {
    let mut own = table::table
        .filter(table::user_id.eq(viewer).and(table::title.is_not_null()))
        .select((table::id, table::chat_id, table::title))
        .into_boxed();
    if let Some(chats) = chats {
        own = own.filter(table::chat_id.among(chats));
    }
    let rows: Vec<(Id<()>, ChatId, Option<Sealed>)> = own.load(conn)?;
    if rows.is_empty() {
        return Ok(HashMap::new());
    }
    let key = key(conn, ring, viewer)?;
    let opened =
        rows.into_iter().map(|(id, chat, title)| Ok((chat, open(&key, Place::new(TITLE, id), title.as_ref())?)));
    let opened: Vec<(ChatId, Option<String>)> = opened.collect::<Result<_>>()?;
    Ok(opened.into_iter().filter_map(|(chat, title)| Some((chat, title?))).collect())
}

fn key(conn: &mut Conn, ring: &KeyRing, owner: UserId) -> Result<UserKey> {
    user_keys::find(conn, ring, owner)?.ok_or_else(|| Error::internal("a note about a chat without a key"))
}

fn open(key: &UserKey, place: Place, text: Option<&Sealed>) -> Result<Option<String>> {
    let Some(text) = text else { return Ok(None) };
    let text = key.open(place, text)?;
    String::from_utf8(text).map(Some).map_err(|_| Error::internal("a note about a chat that is not text"))
}

/// A note in plain text.
pub fn read(row: &ChatNoteRow, key: &UserKey, into: &mut ChatPreferences) -> Result<()> {
    into.title = open(key, Place::new(TITLE, row.id), row.title.as_ref())?;
    into.draft = open(key, Place::new(DRAFT, row.id), row.draft.as_ref())?;
    into.drafted_at = row.drafted_at;
    Ok(())
}

/// The caller and their membership, both locked, with what they have chosen and written.
fn held(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId) -> Result<(UserId, Option<ChatNoteRow>, ChatPreferences)> {
    let user = ctx.user()?;
    dialect::accounts::lock_user(tx.conn, user)?;
    let is_there = users::table.find(user).filter(users::deleted_at.is_null());
    if !diesel::select(exists(is_there)).get_result::<bool>(tx.conn)? {
        return Err(CHAT_UNKNOWN.into());
    }
    dialect::messaging::lock_participant(tx.conn, chat, user)?;
    let choice: Option<ChoiceRow> = participants::table
        .inner_join(chats::table)
        .filter(participants::chat_id.eq(chat).and(participants::user_id.eq(user)))
        .filter(chats::deleted_at.is_null())
        .select(ChoiceRow::as_select())
        .first(tx.conn)
        .optional()?;
    let mut preferences = choice.ok_or(CHAT_UNKNOWN)?.preferences()?;
    let note = table::table.filter(table::user_id.eq(user).and(table::chat_id.eq(chat)));
    let note: Option<ChatNoteRow> = note.select(ChatNoteRow::as_select()).first(tx.conn).optional()?;
    if let Some(note) = &note {
        let key = user_keys::of(tx, ctx, user)?;
        read(note, &key, &mut preferences)?;
    }
    Ok((user, note, preferences))
}

pub fn choose(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, patch: PreferencesPatch) -> Result<ChatPreferences> {
    let (user, note, before) = held(tx, ctx, chat)?;
    let pinned = participants::table.filter(participants::user_id.eq(user).and(participants::pinned));
    let pinned = pinned.filter(participants::chat_id.ne(chat)).select(count_star()).first(tx.conn)?;
    let after = rules::choose(patch, &before, ChoiceFacts { now: ctx.now, pinned })?;
    if after == before {
        return Ok(after);
    }
    diesel::update(participants::table.find((chat, user)))
        .set((
            participants::archived.eq(after.archived),
            participants::pinned.eq(after.pinned),
            participants::muted_until.eq(after.muted_until),
            participants::notify.eq(after.notify.as_str()),
        ))
        .execute(tx.conn)?;
    if after.title != before.title {
        write(tx, ctx, user, chat, note, &after)?;
    }
    tell(tx, ctx, user, chat, &after)?;
    Ok(after)
}

pub fn draft(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, new: NewDraft) -> Result<ChatPreferences> {
    let (user, note, before) = held(tx, ctx, chat)?;
    let draft = new.content.0;
    if draft == before.draft {
        return Ok(before);
    }
    let drafted_at = draft.as_ref().map(|_| ctx.now);
    let after = ChatPreferences { draft, drafted_at, ..before };
    write(tx, ctx, user, chat, note, &after)?;
    tell(tx, ctx, user, chat, &after)?;
    Ok(after)
}

fn tell(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId, chat: ChatId, after: &ChatPreferences) -> Result<()> {
    journal::append(tx, ctx, &Change::PreferencesChanged(user, PreferencesChanged::of(chat, after)))
}

/// Writes the texts; without any there is no row.
fn write(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    user: UserId,
    chat: ChatId,
    before: Option<ChatNoteRow>,
    after: &ChatPreferences,
) -> Result<()> {
    let own = table::table.filter(table::user_id.eq(user));
    if after.title.is_none() && after.draft.is_none() {
        diesel::delete(own.filter(table::chat_id.eq(chat))).execute(tx.conn)?;
        return Ok(());
    }
    if before.is_none() && own.select(count_star()).first::<i64>(tx.conn)? >= MOST_NOTES {
        return Err(CHAT_NOTES.into());
    }
    let id = before.map_or_else(|| Id::new(ctx.now), |before| before.id);
    let key = user_keys::of(tx, ctx, user)?;
    let seal = |column: Column, text: &Option<String>| {
        text.as_ref().map(|text| key.seal(Place::new(column, id), text.as_bytes())).transpose()
    };
    let row = ChatNoteRow {
        id,
        user_id: user,
        chat_id: chat,
        title: seal(TITLE, &after.title)?,
        draft: seal(DRAFT, &after.draft)?,
        drafted_at: after.drafted_at,
    };
    diesel::insert_into(table::table)
        .values(&row)
        .on_conflict((table::user_id, table::chat_id))
        .do_update()
        .set((table::title.eq(&row.title), table::draft.eq(&row.draft), table::drafted_at.eq(row.drafted_at)))
        .execute(tx.conn)?;
    Ok(())
}
