//! The directory of public chats. The work for a page is bounded: a search looks at no more than a certain number of words
//! of titles, and the next page continues there.

use std::collections::{HashMap, HashSet};

use clowder_core::{
    ChatId, FileId, Page, PageRequest, Picture, Result, Timestamp, UserId, Word,
    words::{end_of, words},
};
use clowder_messaging::{ChatEntry, ChatType, chats::DirectoryFilter, search::title_words};
use diesel::{prelude::*, sql_types::Bool};

use super::super::{among::AmongIds, dialect::Conn, fragment::Fragment, messaging::finding::begin_words};
use crate::domains::messaging::{chat_words, chats, participants};

/// The condition of the index of the directory, as constant text, so that the databases use it.
const IN_DIRECTORY: Fragment<Bool> = Fragment::new("(chats.visibility = 'public' AND chats.deleted_at IS NULL)");
/// How many words of titles, or how many chats of any type, a page looks at, at most.
const LOOKED_AT: i64 = 2_000;

#[derive(Queryable, Selectable)]
#[diesel(table_name = chats)]
struct EntryRow {
    id: ChatId,
    kind: String,
    title: Option<String>,
    description: Option<String>,
    participant_count: i64,
    created_at: Timestamp,
    avatar_id: Option<FileId>,
}

pub fn list(conn: &mut Conn, viewer: UserId, filter: &DirectoryFilter, page: &PageRequest) -> Result<Page<ChatEntry>> {
    let (rows, more) = match &filter.search {
        Some(search) => find(conn, search, filter.kind, page)?,
        None => (newest(conn, filter.kind, page)?, None),
    };
    let ids: Vec<ChatId> = rows.iter().map(|(_, row)| row.id).collect();
    let mine = participants::table.filter(participants::user_id.eq(viewer).and(participants::chat_id.among(&ids)));
    let mine: HashSet<ChatId> = mine.select(participants::chat_id).load(conn)?.into_iter().collect();
    let places: HashMap<ChatId, String> = rows.iter().map(|(place, row)| (row.id, place.clone())).collect();
    let entries = rows.into_iter().map(|(_, row)| {
        Ok(ChatEntry {
            id: row.id,
            kind: ChatType::parse_word(&row.kind)?,
            title: row.title,
            description: row.description,
            avatar: row.avatar_id.map(Picture::of),
            participant_count: row.participant_count,
            joined: mine.contains(&row.id),
            created_at: row.created_at,
        })
    });
    let mut page = Page::fill(entries, page, |entry: &ChatEntry| places.get(&entry.id).cloned().unwrap_or_default())?;
    page.next_cursor = page.next_cursor.or(more);
    Ok(page)
}

/// Each with the place after which the next page begins.
type Found = Vec<(String, EntryRow)>;

fn newest(conn: &mut Conn, kind: Option<ChatType>, page: &PageRequest) -> Result<Found> {
    let mut query = chats::table
        .filter(IN_DIRECTORY)
        .order(chats::id.desc())
        .limit(page.fetch())
        .select(EntryRow::as_select())
        .into_boxed();
    if let Some(kind) = kind {
        query = query.filter(chats::kind.eq(kind.as_str()));
    }
    if let Some(after) = page.id()? {
        let after: ChatId = after;
        query = query.filter(chats::id.lt(after));
    }
    let rows: Vec<EntryRow> = query.load(conn)?;
    Ok(rows.into_iter().map(|row| (row.id.to_string(), row)).collect())
}

/// A word of a title, and the chat with this title.
type Named = (String, ChatId);

/// Public chats whose title has words that begin with all words of the search, in the order of the words that the longest of
/// them finds. A chat is found by the first of its words. Where few of many chats fit, a page has fewer of them than its
/// limit, or none, although there is another page.
fn find(conn: &mut Conn, search: &str, kind: Option<ChatType>, page: &PageRequest) -> Result<(Found, Option<String>)> {
    let mut wanted = words(search);
    wanted.sort_by_key(|word| std::cmp::Reverse(word.chars().count()));
    let after = page.cursor.as_deref().map(read_place).transpose()?;
    let Some(first) = wanted.first() else { return Ok((Vec::new(), None)) };
    let looked_at = named(conn, first, after)?;
    let more = looked_at.last().filter(|_| looked_at.len() as i64 == LOOKED_AT).map(written);
    let ids: HashSet<ChatId> = looked_at.iter().map(|(_, chat)| *chat).collect();
    let mut query =
        chats::table.filter(chats::id.eq_any(ids)).filter(IN_DIRECTORY).select(EntryRow::as_select()).into_boxed();
    if let Some(kind) = kind {
        query = query.filter(chats::kind.eq(kind.as_str()));
    }
    let rows: Vec<EntryRow> = query.load(conn)?;
    let mut rows: HashMap<ChatId, EntryRow> = rows.into_iter().map(|row| (row.id, row)).collect();
    let mut found = Vec::new();
    for place in looked_at {
        let Some(row) = rows.get(&place.1) else { continue };
        let title = row.title.as_deref().unwrap_or_default();
        // Each chat stands where the first of its words does.
        let is_first =
            title_words(title).into_iter().find(|word| word.starts_with(first.as_str())) == Some(place.0.clone());
        if is_first && begin_words(title, &wanted) && (found.len() as i64) < page.fetch() {
            found.extend(rows.remove(&place.1).map(|row| (written(&place), row)));
        }
    }
    Ok((found, more))
}

/// The next words that begin with this one. The rest of one word and the words after it are two ranges of the index.
fn named(conn: &mut Conn, first: &str, after: Option<Named>) -> Result<Vec<Named>> {
    let range = |taken: usize| {
        let range = chat_words::table.order((chat_words::word, chat_words::chat_id)).into_boxed();
        range.limit(LOOKED_AT - taken as i64).select((chat_words::word, chat_words::chat_id))
    };
    let end = chat_words::word.lt(end_of(first));
    let Some((word, chat)) = after else {
        return Ok(range(0).filter(chat_words::word.ge(first)).filter(end).load(conn)?);
    };
    let rest = range(0).filter(chat_words::word.eq(word.clone()).and(chat_words::chat_id.gt(chat)));
    let mut found: Vec<Named> = rest.filter(chat_words::word.ge(first)).filter(end.clone()).load(conn)?;
    if (found.len() as i64) < LOOKED_AT {
        found.extend(range(found.len()).filter(chat_words::word.gt(word)).filter(end).load::<Named>(conn)?);
    }
    Ok(found)
}

fn written((word, chat): &Named) -> String {
    format!("{word}.{chat}")
}

fn read_place(cursor: &str) -> Result<Named> {
    let place = cursor.split_once('.').and_then(|(word, id)| Some((word.to_owned(), id.parse().ok()?)));
    place.ok_or_else(PageRequest::wrong)
}
