//! Who is typing where. It ends by itself when nobody says that it goes on.

use std::{collections::HashMap, sync::Arc, time::Duration};

use clowder_core::{ChatId, Passing, Timestamp, Topic, UserId};
use clowder_messaging::{CHAT, Typing};
use serde_json::value::to_raw_value;

/// How long typing lasts when it is not renewed.
pub const TYPING_FOR: Duration = Duration::from_secs(6);

/// The others are told no more often than this that somebody goes on typing.
const TELL_EVERY: Duration = Duration::from_secs(2);

#[derive(Default)]
pub struct TypingList(HashMap<(ChatId, UserId), Timestamp>);

impl TypingList {
    /// Notes that somebody types or has stopped; answers what the others are to be told.
    pub fn set(&mut self, user: UserId, chat: ChatId, on: bool, now: Timestamp) -> Option<Passing> {
        if on {
            let known = self.0.insert((chat, user), now.plus(TYPING_FOR));
            let told_lately = known.is_some_and(|until| until > now.plus(TYPING_FOR).minus(TELL_EVERY));
            return if told_lately { None } else { event("typing.start", user, chat, now) };
        }
        self.0.remove(&(chat, user))?;
        event("typing.stop", user, chat, now)
    }

    /// Those who have not been heard of for too long.
    pub fn expired(&mut self, now: Timestamp) -> Vec<(UserId, Passing)> {
        let gone: Vec<_> = self.0.iter().filter(|(_, until)| **until <= now).map(|(who, _)| *who).collect();
        gone.into_iter()
            .filter_map(|(chat, user)| {
                self.0.remove(&(chat, user));
                Some((user, event("typing.stop", user, chat, now)?))
            })
            .collect()
    }
}

fn event(name: &'static str, user_id: UserId, chat_id: ChatId, at: Timestamp) -> Option<Passing> {
    let data = to_raw_value(&Typing { chat_id, user_id }).ok()?;
    Some(Passing { topic: Topic::new(CHAT, chat_id), name, at, data: Arc::from(data) })
}

#[cfg(test)]
mod tests {
    use clowder_core::Id;

    use super::*;

    #[test]
    fn typing_ends_when_said_or_by_itself() {
        let now = Timestamp::from_micros(1);
        let (ada, chat): (UserId, ChatId) = (Id::new(now), Id::new(now));
        let mut list = TypingList::default();
        let name = |passing: Option<Passing>| passing.map(|passing| passing.name);
        assert_eq!(name(list.set(ada, chat, false, now)), None, "who did not type cannot stop");
        assert_eq!(name(list.set(ada, chat, true, now)), Some("typing.start"));
        assert_eq!(name(list.set(ada, chat, false, now)), Some("typing.stop"));
        assert_eq!(name(list.set(ada, chat, true, now)), Some("typing.start"));
        let later = now.plus(Duration::from_secs(5));
        assert!(list.expired(later).is_empty());
        list.set(ada, chat, true, later);
        assert!(list.expired(now.plus(TYPING_FOR)).is_empty(), "renewed");
        assert_eq!(list.expired(later.plus(TYPING_FOR)).len(), 1);
        assert!(list.expired(later.plus(TYPING_FOR)).is_empty());
    }
}
