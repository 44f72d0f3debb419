//! One user who is here: their sockets, and the chats they follow.

use std::{collections::HashSet, sync::Arc};

use clowder_core::ChatId;

use super::super::outlet::Outlet;

#[derive(Default)]
pub struct Follows {
    outlets: Vec<Arc<Outlet>>,
    chats: Chats,
    /// Sockets that are on their way in and keep this entry alive.
    arriving: usize,
}

enum Chats {
    /// Not loaded yet: chats entered in the meantime.
    Unknown(Vec<ChatId>),
    Known(HashSet<ChatId>),
}

impl Default for Chats {
    fn default() -> Self {
        Self::Unknown(Vec::new())
    }
}

impl Follows {
    /// Counts a socket in; answers whether the chats are known already.
    pub fn arrive(&mut self) -> bool {
        self.arriving += 1;
        matches!(self.chats, Chats::Known(_))
    }

    pub fn arrived(&mut self) {
        self.arriving -= 1;
    }

    /// Takes the chats as the store knows them, and those entered while it was asked. Answers which are new.
    pub fn load(&mut self, loaded: Vec<ChatId>) -> Vec<ChatId> {
        match &mut self.chats {
            // Another socket of the same user was quicker.
            Chats::Known(_) => Vec::new(),
            Chats::Unknown(entered) => {
                let known: HashSet<ChatId> = loaded.into_iter().chain(entered.drain(..)).collect();
                let new = known.iter().copied().collect();
                self.chats = Chats::Known(known);
                new
            }
        }
    }

    /// Follows one more chat; answers whether that is new and known.
    pub fn enter(&mut self, chat: ChatId) -> bool {
        match &mut self.chats {
            Chats::Known(chats) => chats.insert(chat),
            Chats::Unknown(entered) => {
                entered.push(chat);
                false
            }
        }
    }

    pub fn attach(&mut self, outlet: Arc<Outlet>) {
        self.outlets.push(outlet);
    }

    pub fn detach(&mut self, outlet: &Arc<Outlet>) {
        self.outlets.retain(|other| !Arc::ptr_eq(other, outlet));
    }

    pub fn outlets(&self) -> impl Iterator<Item = &Arc<Outlet>> {
        self.outlets.iter()
    }

    /// The sockets that are told of what has this name.
    pub fn hearing(&self, name: &str) -> impl Iterator<Item = &Arc<Outlet>> {
        self.outlets.iter().filter(move |outlet| outlet.hears(name))
    }

    pub fn chats(&self) -> impl Iterator<Item = ChatId> {
        match &self.chats {
            Chats::Known(chats) => Some(chats),
            Chats::Unknown(_) => None,
        }
        .into_iter()
        .flatten()
        .copied()
    }

    pub fn is_gone(&self) -> bool {
        self.outlets.is_empty() && self.arriving == 0
    }
}

#[cfg(test)]
mod tests {
    use clowder_core::{Id, Timestamp};

    use super::*;

    #[test]
    fn what_is_entered_while_loading_is_followed() {
        let [one, two]: [ChatId; 2] = std::array::from_fn(|_| Id::new(Timestamp::from_micros(1)));
        let mut follows = Follows::default();
        assert!(!follows.arrive());
        assert!(!follows.enter(two), "not known yet");
        let mut new = follows.load(vec![one]);
        new.sort();
        assert_eq!(new, [one, two]);
        assert!(follows.load(vec![one]).is_empty(), "the second to load brings nothing new");
        assert!(!follows.enter(two), "known already");
        assert!(follows.arrive());
        follows.arrived();
        assert!(!follows.is_gone());
        follows.arrived();
        assert!(follows.is_gone());
    }
}
