//! What somebody who is still typing may mean: people, then groups, then their own chats, then the hashtags of
//! these, a few of each.

use clowder_accounts::profiles::ranking::{Sought, Suggestion, SuggestionKind};
use clowder_core::{Page, PageRequest, Result, UserId};
use uuid::Uuid;

use super::{
    super::{dialect::Conn, groups, messaging::finding, people::Viewer, search as messages},
    look, search,
};
use crate::domains::{friends::FriendLists, presence::Online};

/// How many are suggested of each kind, at most: all of them fit on one page.
const MOST_PEOPLE: usize = 20;
const MOST_GROUPS: u32 = 10;
const MOST_CHATS: i64 = 10;
const MOST_HASHTAGS: usize = 10;

pub fn suggest(
    conn: &mut Conn,
    online: &Online,
    lists: &FriendLists,
    viewer: Viewer,
    wanted: &Sought,
    page: &PageRequest,
) -> Result<Page<Suggestion>> {
    let sought = wanted.text.as_deref();
    let people = search::found(conn, lists, viewer, sought, MOST_PEOPLE)?.into_iter().take(MOST_PEOPLE);
    let people: Vec<UserId> = people.collect();
    let people = look::shown(conn, online, viewer, &people)?.into_iter();
    let mut all: Vec<Suggestion> =
        people.map(|user| suggested(SuggestionKind::User, user.id.uuid(), user.display_name)).collect();
    if let Some(sought) = sought.filter(|_| wanted.groups) {
        let groups = groups::read::named_like(conn, viewer, sought, MOST_GROUPS)?;
        all.extend(groups.into_iter().map(|(id, name)| suggested(SuggestionKind::Group, id.uuid(), name)));
    }
    if let Some(sought) = sought.filter(|_| wanted.chats) {
        let chats = finding::titled_like(conn, viewer.id, sought, MOST_CHATS)?;
        all.extend(chats.into_iter().map(|(id, title)| suggested(SuggestionKind::Chat, id.uuid(), title)));
    }
    if let Some(sought) = sought.filter(|sought| wanted.hashtags && sought.starts_with('#')) {
        let tags = messages::tags(conn, viewer.id, viewer.now, sought, MOST_HASHTAGS)?;
        all.extend(tags.into_iter().map(|text| Suggestion { kind: SuggestionKind::Hashtag, id: None, text }));
    }
    Page::of_all(&all, page)
}

fn suggested(kind: SuggestionKind, id: Uuid, text: String) -> Suggestion {
    Suggestion { kind, id: Some(id), text }
}
