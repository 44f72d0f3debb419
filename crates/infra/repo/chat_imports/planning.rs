//! What is written before the first message: the chat, which nobody sees yet, who its authors are here, and what is refused.

use std::collections::{BTreeMap, HashMap};

use clowder_accounts::model::username_key;
use clowder_core::{ChatId, Ctx, Error, Result, UserId, Word};
use clowder_messaging::{
    ChatVisibility, History, Rights,
    chat_imports::{AuthorsBy, ChatImportId, ImportStatus, Plan, Refused},
    read::LowestReadMarks,
};
use diesel::prelude::*;

use super::super::{accounts::ghosts, db::Tx, dialect, messaging::titles};
use crate::domains::{
    accounts::users,
    messaging::{
        ChatImportAuthorRow, ChatImportRefusalRow, ChatImportRow, LowestReadMarksRow, chat_import_authors as authors,
        chat_import_refusals as refusals, chat_imports as table, chats, former_participants as former,
    },
};

/// Notes what is refused. Another try, or another worker at the same time, refuses the same.
pub fn refuse(tx: &mut Tx<'_>, import: ChatImportId, refused: &[Refused]) -> Result<()> {
    // Another worker waits here for this row.
    let row = table::table.find(import);
    diesel::update(row).set(table::refused.eq(table::refused)).execute(tx.conn)?;
    let numbers = refused.iter().map(|refused| refused.number);
    let known = refusals::table.filter(refusals::import_id.eq(import)).filter(refusals::number.eq_any(numbers));
    let known: Vec<i64> = known.select(refusals::number).load(tx.conn)?;
    let new = refused.iter().filter(|refused| !known.contains(&refused.number));
    let rows: Vec<_> = new.map(|refused| ChatImportRefusalRow::new(import, refused)).collect();
    diesel::insert_into(refusals::table).values(&rows).execute(tx.conn)?;
    Ok(())
}

/// The chat, created if an earlier try has not: nobody is in it, so nobody sees it. It counts for nobody.
pub fn create(tx: &mut Tx<'_>, ctx: &Ctx, import: ChatImportId, plan: &Plan) -> Result<Option<ChatId>> {
    let Some(row) = held(tx, import, &[])? else { return Ok(None) };
    if let Some(chat) = row.chat_id {
        return Ok(Some(chat));
    }
    let chat = ChatId::new(ctx.now);
    // Of two workers, of whom one was thought dead, one creates it: the other waits here for this row.
    let first = table::table.find(import).filter(table::chat_id.is_null());
    if diesel::update(first).set(table::chat_id.eq(chat)).execute(tx.conn)? == 0 {
        return Ok(table::table.find(import).select(table::chat_id).first(tx.conn)?);
    }
    diesel::insert_into(chats::table)
        .values((
            chats::id.eq(chat),
            chats::creator_id.eq(None::<UserId>),
            chats::kind.eq(plan.kind.as_str()),
            chats::title.eq(&plan.title),
            chats::description.eq(&plan.description),
            chats::participant_count.eq(0),
            chats::last_seq.eq(0),
            chats::revision.eq(0),
            chats::deleted_count.eq(0),
            chats::created_at.eq(ctx.now),
            chats::active_at.eq(ctx.now),
            chats::version.eq(1),
            chats::closed.eq(false),
            chats::visibility.eq(ChatVisibility::Private.as_str()),
            chats::history.eq(History::All.as_str()),
            chats::rights.eq(Rights::of(plan.kind).to_bits()),
            LowestReadMarksRow::from(LowestReadMarks::of(&[])),
        ))
        .execute(tx.conn)?;
    titles::index(tx.conn, chat, &plan.title)?;
    Ok(Some(chat))
}

/// An import that is still being made. Whoever imports it and these people are held, so that nobody of them is erased
/// meanwhile.
pub fn held(tx: &mut Tx<'_>, import: ChatImportId, people: &[UserId]) -> Result<Option<ChatImportRow>> {
    let row = || table::table.find(import).filter(table::status.eq(ImportStatus::Running.as_str()));
    let owner: Option<UserId> = row().select(table::user_id).first(tx.conn).optional()?;
    let Some(owner) = owner else { return Ok(None) };
    dialect::accounts::keep_users(tx.conn, &[people, &[owner]].concat())?;
    Ok(row().select(ChatImportRow::as_select()).first(tx.conn).optional()?)
}

/// Finds out who some authors are: each by their name in the file, with what they are called there. False if the import
/// has ended.
pub fn find_authors(tx: &mut Tx<'_>, ctx: &Ctx, import: ChatImportId, some: &BTreeMap<String, String>) -> Result<bool> {
    let keys: Vec<String> = some.keys().map(|name| username_key(name)).collect();
    let found = || users::table.filter(users::username_key.eq_any(&keys)).filter(users::deleted_at.is_null());
    let ids: Vec<UserId> = found().select(users::id).load(tx.conn)?;
    let Some(row) = held(tx, import, &ids)? else { return Ok(false) };
    let chat = row.chat_id.ok_or_else(|| Error::internal("an import without its chat"))?;
    // Another worker that finds the same authors waits.
    dialect::messaging::lock_chat(tx.conn, chat)?;
    let known = authors::table.filter(authors::chat_id.eq(chat)).filter(authors::username.eq_any(some.keys()));
    let known: Vec<String> = known.select(authors::username).load(tx.conn)?;
    let people = match AuthorsBy::parse_word(&row.authors)? {
        AuthorsBy::Username => {
            found().filter(users::id.eq_any(&ids)).select((users::username_key, users::id)).load(tx.conn)?
        }
        AuthorsBy::Name => Vec::new(),
    };
    let people: HashMap<String, UserId> = people.into_iter().collect();
    let mut rows = Vec::new();
    for (username, name) in some.iter().filter(|(username, _)| !known.contains(username)) {
        let account = people.get(&username_key(username)).copied();
        let user_id = match account {
            Some(user) => user,
            None => ghosts::create(tx.conn, ctx.now, name)?,
        };
        rows.push(ChatImportAuthorRow {
            chat_id: chat,
            username: username.clone(),
            user_id,
            has_account: account.is_some(),
        });
    }
    diesel::insert_into(authors::table).values(&rows).execute(tx.conn)?;
    // By this, an erasure finds what they wrote before they are in the chat.
    for row in rows.iter().filter(|row| row.has_account) {
        diesel::insert_into(former::table)
            .values((former::user_id.eq(row.user_id), former::chat_id.eq(chat)))
            .on_conflict_do_nothing()
            .execute(tx.conn)?;
    }
    Ok(true)
}

/// The file has been checked: from now on messages are written. Another worker may have come so far before.
pub fn end(tx: &mut Tx<'_>, import: ChatImportId, plan: &Plan) -> Result<()> {
    let unchecked = table::table.find(import).filter(table::checked.eq(false));
    let checked = (
        table::checked.eq(true),
        table::items.eq(plan.items),
        table::skipped.eq(plan.skipped),
        table::refused.eq(plan.refused.len() as i64),
    );
    diesel::update(unchecked).set(checked).execute(tx.conn)?;
    Ok(())
}
