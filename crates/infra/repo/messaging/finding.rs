//! Finds somebody's chats by words: of titles, and of the names of the people they talk to.

use std::collections::{HashMap, HashSet};

use clowder_core::{
    ChatId, Result, UserId,
    words::{end_of, words},
};
use clowder_messaging::{chats::Pair, search::title_words};
use diesel::prelude::*;

use super::super::{among::AmongIds, chats::notes, dialect::Conn};
use crate::{
    domains::{
        messaging::{chat_words, chats, participants},
        profiles::name_index,
    },
    seal::KeyRing,
};

/// The viewer's chats that words find: by the title, by the viewer's own title, or by the names of the other person.
pub fn own(conn: &mut Conn, ring: &KeyRing, viewer: UserId, search: &str) -> Result<Vec<ChatId>> {
    let mut found = with_titles(conn, viewer, search)?;
    found.extend(with_people(conn, viewer, search)?);
    found.extend(notes::titled(conn, ring, viewer, search)?);
    Ok(found)
}

/// The viewer's chats whose titles have words that begin with all words of a search.
fn with_titles(conn: &mut Conn, viewer: UserId, search: &str) -> Result<Vec<ChatId>> {
    let mut found: Option<HashSet<ChatId>> = None;
    for word in words(search) {
        let named = chat_words::word.ge(word.clone()).and(chat_words::word.lt(end_of(&word)));
        let chats: Vec<ChatId> = participants::table
            .inner_join(chat_words::table.on(chat_words::chat_id.eq(participants::chat_id)))
            .filter(participants::user_id.eq(viewer).and(named))
            .select(participants::chat_id)
            .load(conn)?;
        let chats: HashSet<ChatId> = chats.into_iter().collect();
        found = Some(match found {
            Some(found) => found.intersection(&chats).copied().collect(),
            None => chats,
        });
    }
    Ok(found.into_iter().flatten().collect())
}

/// The same with their titles: the most recently active, at most so many.
pub fn titled_like(conn: &mut Conn, viewer: UserId, search: &str, most: i64) -> Result<Vec<(ChatId, String)>> {
    let found = with_titles(conn, viewer, search)?;
    let found = chats::table
        .filter(chats::id.among(&found))
        .filter(chats::deleted_at.is_null().and(chats::title.is_not_null()))
        .order((chats::active_at.desc(), chats::id.desc()))
        .limit(most)
        .select((chats::id, chats::title.assume_not_null()));
    Ok(found.load(conn)?)
}

/// The viewer's private chats with people whose names have words that begin with all words of a search.
fn with_people(conn: &mut Conn, viewer: UserId, search: &str) -> Result<Vec<ChatId>> {
    let wanted = words(search);
    let pairs: Vec<(ChatId, Option<Vec<u8>>)> = participants::table
        .inner_join(chats::table)
        .filter(participants::user_id.eq(viewer).and(chats::pair.is_not_null()))
        .order(chats::active_at.desc())
        .limit(MOST_LOOKED_AT)
        .select((chats::id, chats::pair))
        .load(conn)?;
    let other = |pair: Option<Vec<u8>>| Some(Pair::from_bytes(&pair?)?.other(viewer));
    let chats: HashMap<UserId, ChatId> =
        pairs.into_iter().filter_map(|(chat, pair)| Some((other(pair)?, chat))).collect();
    let names = name_index::table.filter(name_index::user_id.eq_any(chats.keys()));
    let names: Vec<(UserId, String, String)> =
        names.select((name_index::user_id, name_index::username, name_index::display_name)).load(conn)?;
    let fits = |name: &str| begin_words(name, &wanted);
    let found = names.into_iter().filter(|(_, username, shown)| !wanted.is_empty() && (fits(username) || fits(shown)));
    Ok(found.filter_map(|(user, ..)| chats.get(&user).copied()).collect())
}

/// Among how many private chats a search by the other person looks, the most recently active first.
const MOST_LOOKED_AT: i64 = 5_000;

/// Whether each of these words begins a word of a text.
pub fn begin_words(text: &str, wanted: &[String]) -> bool {
    let has = title_words(text);
    wanted.iter().all(|wanted| has.iter().any(|word| word.starts_with(wanted.as_str())))
}
