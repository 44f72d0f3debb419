//! Finds chats by their titles: first those that somebody is in, then public ones.

use clowder_core::{ChatId, Page, PageRequest, Result, Timestamp, UserId, Word};
use clowder_messaging::{
    ChatEntry, ChatType,
    chats::DirectoryFilter,
    search::{FoundChat, highlight::highlight, query::Sought, rank::score, tokens::tokens},
};
use diesel::prelude::*;

use super::super::{among::AmongIds, chats::directory, dialect::Conn, messaging::finding};
use crate::domains::messaging::chats;

/// How many of somebody's own chats a search lists.
const MOST_OWN: i64 = 200;
/// What the places of the two lists begin with.
const OWN: &str = "own.";
const PUBLIC: &str = "public.";

pub fn page(conn: &mut Conn, viewer: UserId, text: &str, page: &PageRequest) -> Result<Page<FoundChat>> {
    let Some(sought) = Sought::parse(text) else { return Ok(Page { items: Vec::new(), next_cursor: None }) };
    let (mut items, public) = match page.cursor.as_deref().map(Place::read).transpose()?.unwrap_or(Place::Own(0)) {
        Place::Own(from) => {
            let own = own(conn, viewer, text)?;
            let items: Vec<ChatEntry> = own.iter().skip(from).take(page.limit as usize).cloned().collect();
            let end = from + items.len();
            if end < own.len() || items.len() == page.limit as usize {
                let items = items.into_iter().map(|chat| found(chat, &sought)).collect();
                return Ok(Page { items, next_cursor: Some(format!("{OWN}{end}")) });
            }
            (items, None)
        }
        Place::Public(cursor) => (Vec::new(), Some(cursor)),
    };
    let rest = PageRequest { limit: page.limit - items.len() as u32, cursor: public };
    let filter = DirectoryFilter { search: Some(text.to_owned()), kind: None };
    let public = directory::list(conn, viewer, &filter, &rest)?;
    items.extend(public.items.into_iter().filter(|chat| !chat.joined));
    let items = items.into_iter().map(|chat| found(chat, &sought)).collect();
    Ok(Page { items, next_cursor: public.next_cursor.map(|cursor| format!("{PUBLIC}{cursor}")) })
}

enum Place {
    Own(usize),
    Public(String),
}

impl Place {
    fn read(cursor: &str) -> Result<Self> {
        let own = cursor.strip_prefix(OWN).and_then(|from| from.parse().ok()).map(Self::Own);
        let public = cursor.strip_prefix(PUBLIC).map(|place| Self::Public(place.to_owned()));
        own.or(public).ok_or_else(PageRequest::wrong)
    }
}

/// The most recently active first.
fn own(conn: &mut Conn, viewer: UserId, text: &str) -> Result<Vec<ChatEntry>> {
    let ids = finding::with_titles(conn, viewer, text)?;
    type Row = (ChatId, String, Option<String>, Option<String>, i64, Timestamp);
    let rows: Vec<Row> = chats::table
        .filter(chats::id.among(&ids))
        .filter(chats::deleted_at.is_null())
        .order((chats::active_at.desc(), chats::id.desc()))
        .limit(MOST_OWN)
        .select((chats::id, chats::kind, chats::title, chats::description, chats::participant_count, chats::created_at))
        .load(conn)?;
    let entry = |(id, kind, title, description, participant_count, created_at): Row| {
        let kind = ChatType::parse_word(&kind)?;
        Ok(ChatEntry { id, kind, title, description, participant_count, joined: true, created_at })
    };
    rows.into_iter().map(entry).collect()
}

fn found(chat: ChatEntry, sought: &Sought) -> FoundChat {
    let title = chat.title.as_deref().unwrap_or_default();
    let tokens = tokens(title);
    let hits = sought.hits(&tokens);
    let fit = score(&tokens, &hits, sought.terms.len(), std::time::Duration::ZERO);
    let score = fit / 2.0 + if chat.joined { 0.5 } else { 0.0 };
    FoundChat { highlight: highlight(title, &hits), score, chat }
}
