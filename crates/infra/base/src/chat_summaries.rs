//! What chats show to all their participants alike, kept in memory: how they are called, and what was said last. A list
//! shows it of each chat, and measured without this, fetching it was half of what a list cost the database.
//!
//! Nobody has to keep it true. A summary is kept under the state in which its chat was when it was read, and whoever asks
//! has read the state that the chat is in now.

use std::sync::Arc;

use clowder_core::{ChatId, Timestamp};
use clowder_messaging::{ChatType, chats::Pair};
use quick_cache::{Weighter, sync::Cache};

use crate::domains::messaging::MessageRow;

/// How many octets of summaries are kept.
const ROOM: u64 = 16 << 20;
/// What a summary takes beside its texts.
const BARE: usize = 320;
/// What one takes with texts of ordinary length.
const ORDINARY: usize = 512;

#[derive(Debug)]
pub struct ChatSummary {
    pub kind: ChatType,
    pub title: Option<String>,
    pub description: Option<String>,
    /// Of a private chat.
    pub pair: Option<Pair>,
    pub created_at: Timestamp,
    pub last: Option<MessageRow>,
}

/// What a chat is like: `last_seq` counts what is sent, `revision` what is changed of it later, `version` what is changed
/// of the chat itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    pub last_seq: i64,
    pub revision: i64,
    pub version: i64,
}

pub struct ChatSummaries {
    kept: Cache<ChatId, (State, Arc<ChatSummary>), Weight>,
}

#[derive(Clone)]
struct Weight;

impl Weighter<ChatId, (State, Arc<ChatSummary>)> for Weight {
    fn weight(&self, _: &ChatId, (_, summary): &(State, Arc<ChatSummary>)) -> u64 {
        let last = summary.last.as_ref();
        let texts = [
            summary.title.as_ref(),
            summary.description.as_ref(),
            last.and_then(|last| last.content.as_ref()),
            last.and_then(|last| last.client_id.as_ref()),
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
    pub fn get(&self, chat: ChatId, state: State) -> Option<Arc<ChatSummary>> {
        self.kept.get(&chat).filter(|(kept, _)| *kept == state).map(|(_, summary)| summary)
    }

    /// Keeps what was read after the chat was seen in this state. It may be newer than that; then the next to ask has
    /// seen a newer state, too.
    pub fn keep(&self, chat: ChatId, state: State, summary: Arc<ChatSummary>) {
        self.kept.insert(chat, (state, summary));
    }
}

#[cfg(test)]
mod tests {
    use clowder_core::Id;

    use super::*;

    #[test]
    fn a_face_is_found_in_the_state_that_it_was_kept_under() {
        let (now, summaries) = (Timestamp::from_micros(0), ChatSummaries::default());
        let chat = Id::new(now);
        let summary = ChatSummary {
            kind: ChatType::Group,
            title: Some("Lunch".to_owned()),
            description: None,
            pair: None,
            created_at: now,
            last: None,
        };
        let state = State { last_seq: 3, revision: 5, version: 1 };
        summaries.keep(chat, state, Arc::new(summary));
        assert!(summaries.get(chat, state).is_some_and(|summary| summary.title.is_some()));
        assert!(summaries.get(chat, State { last_seq: 4, ..state }).is_none());
        assert!(summaries.get(chat, State { revision: 6, ..state }).is_none());
        assert!(summaries.get(chat, State { version: 2, ..state }).is_none());
        assert!(summaries.get(Id::new(now), state).is_none());
    }
}
