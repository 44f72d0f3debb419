//! Finds chats: first those that somebody is in, by titles and by people, then public ones by their titles.

use std::{cmp::Ordering, collections::HashMap, time::Duration};

use clowder_core::{Card, ChatId, FileId, Page, PageRequest, Picture, Result, Timestamp, UserId, Word};
use clowder_messaging::{
    ChatEntry, ChatType,
    chats::{DirectoryFilter, Pair},
    search::{FoundChat, highlight::highlight, query::Sought, rank::score, tokens::tokens},
};
use diesel::prelude::*;

use super::super::{
    among::AmongIds,
    cards::Cards,
    chats::{directory, notes},
    dialect::Conn,
    messaging::finding,
};
use crate::{domains::messaging::chats, seal::KeyRing, store::Memory};

/// What the places of the two lists begin with.
const OWN: &str = "own.";
const PUBLIC: &str = "public.";

pub fn page(
    conn: &mut Conn,
    ring: &KeyRing,
    memory: Option<&Memory>,
    viewer: UserId,
    text: &str,
    page: &PageRequest,
) -> Result<Page<FoundChat>> {
    let Some(sought) = Sought::parse(text) else { return Ok(Page { items: Vec::new(), next_cursor: None }) };
    let (mut items, public) = match page.cursor.as_deref().map(Place::read).transpose()?.unwrap_or(Place::Own(None)) {
        Place::Own(behind) => {
            let ids = finding::own(conn, ring, viewer, text)?;
            let own = own(conn, &ids, behind, page.limit)?;
            let end = own.last().map(|(active_at, _, chat)| Page::<()>::place(*active_at, chat.id));
            let is_full = own.len() == page.limit as usize;
            let items = shown(conn, ring, memory, viewer, own, &sought)?;
            if let Some(end) = end.filter(|_| is_full) {
                return Ok(Page { items, next_cursor: Some(format!("{OWN}{end}")) });
            }
            (items, None)
        }
        Place::Public(cursor) => (Vec::new(), Some(cursor)),
    };
    let rest = PageRequest { limit: page.limit - items.len() as u32, cursor: public };
    let filter = DirectoryFilter { search: Some(text.to_owned()), kind: None };
    let public = directory::list(conn, viewer, &filter, &rest)?;
    let others = public.items.into_iter().filter(|chat| !chat.joined);
    items.extend(others.map(|chat| found(chat, None, None, &sought)));
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

/// When a chat was active, and whose it is, if it is private.
type Own = (Timestamp, Option<Pair>, ChatEntry);

/// So many of these chats behind a place, the most recently active first.
fn own(conn: &mut Conn, ids: &[ChatId], behind: Option<(Timestamp, ChatId)>, limit: u32) -> Result<Vec<Own>> {
    type Row = (
        ChatId,
        String,
        (Option<String>, Option<String>, Option<FileId>),
        i64,
        Option<Vec<u8>>,
        (Timestamp, Timestamp),
    );
    let mut some = chats::table
        .filter(chats::id.among(ids))
        .filter(chats::deleted_at.is_null())
        .order((chats::active_at.desc(), chats::id.desc()))
        .limit(i64::from(limit))
        .select((
            chats::id,
            chats::kind,
            (chats::title, chats::description, chats::avatar_id),
            chats::participant_count,
            chats::pair,
            (chats::created_at, chats::active_at),
        ))
        .into_boxed();
    if let Some((at, id)) = behind {
        some = some.filter(chats::active_at.lt(at).or(chats::active_at.eq(at).and(chats::id.lt(id))));
    }
    let rows: Vec<Row> = some.load(conn)?;
    let entry = |(id, kind, (title, description, avatar), participant_count, pair, (created_at, active_at)): Row| {
        let kind = ChatType::parse_word(&kind)?;
        let avatar = avatar.map(Picture::of);
        let chat = ChatEntry { id, kind, title, description, avatar, participant_count, joined: true, created_at };
        Ok((active_at, pair.as_deref().and_then(Pair::from_bytes), chat))
    };
    rows.into_iter().map(entry).collect()
}

/// The viewer's own chats with what else they see of them.
fn shown(
    conn: &mut Conn,
    ring: &KeyRing,
    memory: Option<&Memory>,
    viewer: UserId,
    own: Vec<Own>,
    sought: &Sought,
) -> Result<Vec<FoundChat>> {
    let ids: Vec<ChatId> = own.iter().map(|(.., chat)| chat.id).collect();
    let mut titles = if ids.is_empty() { HashMap::new() } else { notes::titles(conn, ring, viewer, Some(&ids))? };
    let other = |pair: &Option<Pair>| pair.map(|pair| pair.other(viewer));
    let cards = Cards::of(conn, memory, own.iter().filter_map(|(_, pair, _)| other(pair)))?;
    let shown = own.into_iter().map(|(_, pair, chat)| {
        let peer = other(&pair).map(|user| cards.card(user)).transpose()?;
        let title = titles.remove(&chat.id);
        Ok(found(chat, peer, title, sought))
    });
    shown.collect()
}

/// With the text that fits best, of those by which the chat can have been found.
fn found(chat: ChatEntry, peer: Option<Card>, own_title: Option<String>, sought: &Sought) -> FoundChat {
    let names = peer.iter().flat_map(|peer| [&peer.display_name, &peer.username]);
    let texts = chat.title.iter().chain(&own_title).chain(names).rev().map(|text| {
        let tokens = tokens(text);
        let hits = sought.hits(&tokens);
        (score(&tokens, &hits, sought.terms.len(), Duration::ZERO), highlight(text, &hits))
    });
    let best = texts.max_by(|(one, _), (other, _)| one.partial_cmp(other).unwrap_or(Ordering::Equal));
    let (fit, highlight) = best.unwrap_or_default();
    let score = fit / 2.0 + if chat.joined { 0.5 } else { 0.0 };
    FoundChat { peer, own_title, highlight, score, chat }
}
