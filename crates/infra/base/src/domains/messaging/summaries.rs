//! A cache of what chats show to all participants alike: the title and the last message. Lists show it for each chat,
//! and measured without the cache, loading it was half of a list's cost in the database.
//!
//! The cache needs no invalidation. A summary is stored under the state of its chat when it was read, and a reader has
//! just read the chat's current state. Only in another journal, after a restore, the same states come again.

use std::sync::Arc;

use clowder_core::{ChatId, GroupId, Picture, Timestamp};
use clowder_messaging::{ChatRole, ChatType, ChatVisibility, History, Lifetime, Rights, chats::Pair, policy::Seat};
use quick_cache::{Weighter, sync::Cache};

use super::MessageRow;

/// The size of the cache in octets.
const ROOM: u64 = 16 << 20;
/// The size of a summary without its texts.
const BARE: usize = 320;
/// The size of one with texts of usual length.
const ORDINARY: usize = 512;

#[derive(Debug, Clone)]
pub struct ChatSummary {
    pub kind: ChatType,
    pub visibility: ChatVisibility,
    pub history: History,
    pub rights: Rights,
    pub slow_seconds: i64,
    pub lifetime: Option<Lifetime>,
    pub group_id: Option<GroupId>,
    pub title: Option<String>,
    pub description: Option<String>,
    pub avatar: Option<Picture>,
    /// Members of a private chat.
    pub pair: Option<Pair>,
    pub created_at: Timestamp,
    pub last: Option<MessageRow>,
}

impl ChatSummary {
    /// The place of somebody who has this role.
    pub fn seat(&self, role: ChatRole) -> Seat {
        Seat { kind: self.kind, role, rights: self.rights, of_group: self.group_id.is_some() }
    }
}

/// The state of a chat: `last_seq` counts messages, `revision` later changes of them, `version` changes of the chat
/// itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChatState {
    pub last_seq: i64,
    pub revision: i64,
    pub version: i64,
}

pub struct ChatSummaries {
    kept: Cache<ChatId, (ChatState, Arc<ChatSummary>), Weight>,
}

#[derive(Clone)]
struct Weight;

impl Weighter<ChatId, (ChatState, Arc<ChatSummary>)> for Weight {
    fn weight(&self, _: &ChatId, (_, summary): &(ChatState, Arc<ChatSummary>)) -> u64 {
        let last = summary.last.as_ref();
        let texts = [
            summary.title.as_ref(),
            summary.description.as_ref(),
            last.and_then(|last| last.content.as_ref()),
            last.and_then(|last| last.client_id.as_ref()),
            last.and_then(|last| last.data.as_ref()),
        ];
        (BARE + texts.into_iter().flatten().map(String::len).sum::<usize>()) as u64
    }
}

impl Default for ChatSummaries {
    fn default() -> Self {
        Self { kept: Cache::with_weighter(ROOM as usize / ORDINARY, ROOM, Weight) }
    }
}

impl ChatSummaries {
    pub fn get(&self, chat: ChatId, state: ChatState) -> Option<Arc<ChatSummary>> {
        self.kept.get(&chat).filter(|(kept, _)| *kept == state).map(|(_, summary)| summary)
    }

    /// Caches what was read after the chat was seen in this state. It may be newer; then the next reader has seen a
    /// newer state, too.
    pub fn keep(&self, chat: ChatId, state: ChatState, summary: Arc<ChatSummary>) {
        self.kept.insert(chat, (state, summary));
    }

    /// The chats are those of another journal, where the same states may come again with other content.
    pub fn clear(&self) {
        self.kept.clear();
    }
}

#[cfg(test)]
mod tests {
    use clowder_core::Id;

    use super::*;

    #[test]
    fn a_summary_is_found_in_the_state_that_it_was_kept_under() {
        let (now, summaries) = (Timestamp::from_micros(0), ChatSummaries::default());
        let chat = Id::new(now);
        let summary = ChatSummary {
            kind: ChatType::Group,
            visibility: ChatVisibility::Private,
            history: History::All,
            rights: Rights::of(ChatType::Group),
            slow_seconds: 0,
            lifetime: None,
            group_id: None,
            title: Some("Lunch".to_owned()),
            description: None,
            avatar: None,
            pair: None,
            created_at: now,
            last: None,
        };
        let state = ChatState { last_seq: 3, revision: 5, version: 1 };
        summaries.keep(chat, state, Arc::new(summary));
        assert!(summaries.get(chat, state).is_some_and(|summary| summary.title.is_some()));
        assert!(summaries.get(chat, ChatState { last_seq: 4, ..state }).is_none());
        assert!(summaries.get(chat, ChatState { revision: 6, ..state }).is_none());
        assert!(summaries.get(chat, ChatState { version: 2, ..state }).is_none());
        assert!(summaries.get(Id::new(now), state).is_none());
        summaries.clear();
        assert!(summaries.get(chat, state).is_none());
    }
}
