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

/// What the places of the two lists begin with.
const OWN: &str = "own.";
const PUBLIC: &str = "public.";

pub fn page(conn: &mut Conn, viewer: UserId, text: &str, page: &PageRequest) -> Result<Page<FoundChat>> {
    let Some(sought) = Sought::parse(text) else { return Ok(Page { items: Vec::new(), next_cursor: None }) };
    let (mut items, public) = match page.cursor.as_deref().map(Place::read).transpose()?.unwrap_or(Place::Own(None)) {
        Place::Own(behind) => {
            let own = own(conn, viewer, text, behind, page.limit)?;
            let end = own.last().map(|(active_at, chat)| Page::<()>::place(*active_at, chat.id));
            let is_full = own.len() == page.limit as usize;
            let items: Vec<ChatEntry> = own.into_iter().map(|(_, chat)| chat).collect();
            if let Some(end) = end.filter(|_| is_full) {
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
    /// Behind one of somebody's own chats, if it is not the first page.
    Own(Option<(Timestamp, ChatId)>),
    Public(String),
}

impl Place {
    fn read(cursor: &str) -> Result<Self> {
        if let Some(place) = cursor.strip_prefix(OWN) {
            let place = PageRequest { cursor: Some(place.to_owned()), ..PageRequest::default() };
            return place.moment().map(Self::Own);
        }
        let public = cursor.strip_prefix(PUBLIC).map(|place| Self::Public(place.to_owned()));
        public.ok_or_else(PageRequest::wrong)
    }
}

/// So many of those behind a place, the most recently active first, each with when it was active.
fn own(
    conn: &mut Conn,
    viewer: UserId,
    text: &str,
    behind: Option<(Timestamp, ChatId)>,
    limit: u32,
) -> Result<Vec<(Timestamp, ChatEntry)>> {
    let ids = finding::with_titles(conn, viewer, text)?;
    type Row = (ChatId, String, Option<String>, Option<String>, i64, (Timestamp, Timestamp));
    let mut some = chats::table
        .filter(chats::id.among(&ids))
        .filter(chats::deleted_at.is_null())
        .order((chats::active_at.desc(), chats::id.desc()))
        .limit(i64::from(limit))
        .select((
            chats::id,
            chats::kind,
            chats::title,
            chats::description,
            chats::participant_count,
            (chats::created_at, chats::active_at),
        ))
        .into_boxed();
    if let Some((at, id)) = behind {
        some = some.filter(chats::active_at.lt(at).or(chats::active_at.eq(at).and(chats::id.lt(id))));
    }
    let rows: Vec<Row> = some.load(conn)?;
    let entry = |(id, kind, title, description, participant_count, (created_at, active_at)): Row| {
        let kind = ChatType::parse_word(&kind)?;
        Ok((active_at, ChatEntry { id, kind, title, description, participant_count, joined: true, created_at }))
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
