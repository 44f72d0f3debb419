//! Profiles that were asked for lately, kept in memory: the own one, which every client asks for at every start, and
//! the cards of people, which stand beside all that they say. Measured without this, the way to the database and back
//! was three quarters of the own profile's cost, and finding the senders a quarter of a list's.
//!
//! What is kept is as fresh as the journal is followed: an edit of this process is seen at once, one of another when
//! its change arrives. While nobody follows the journal, nothing is kept.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use clowder_accounts::{Own, privacy::tombstone};
use clowder_core::{Card, UserId};
use quick_cache::sync::Cache;

/// How many own profiles are kept; one is about half a KiB.
const OWN: usize = 10_000;
/// How many cards are kept; one is about 200 octets.
const CARDS: usize = 50_000;

pub struct Profiles {
    own: Cache<UserId, Arc<Own>>,
    /// With the version of the profile that said so.
    cards: Cache<UserId, (i64, Arc<Card>)>,
    followers: AtomicUsize,
    writing: Mutex<()>,
}

impl Default for Profiles {
    fn default() -> Self {
        let (own, cards) = (Cache::new(OWN), Cache::new(CARDS));
        Self { own, cards, followers: AtomicUsize::new(0), writing: Mutex::new(()) }
    }
}

impl Profiles {
    pub fn own(&self, user: UserId) -> Option<Own> {
        self.own.get(&user).map(|own| Own::clone(&own))
    }

    pub fn card(&self, user: UserId) -> Option<Arc<Card>> {
        self.cards.get(&user).map(|(_, card)| card)
    }

    /// Whether what is read from the database from now on may be kept.
    pub fn is_followed(&self) -> bool {
        self.followers.load(Ordering::SeqCst) > 0
    }

    /// Keeps a profile, unless a newer version is kept already.
    pub fn keep(&self, own: &Own) {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_followed() {
            return;
        }
        if self.own.get(&own.id).is_none_or(|kept| kept.version < own.version) {
            self.own.insert(own.id, Arc::new(own.clone()));
        }
        self.renew(Arc::new(own.card()), own.version);
    }

    /// Keeps a card that was read with this version of the profile, likewise.
    pub fn keep_card(&self, card: &Arc<Card>, version: i64) {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_followed() {
            self.renew(Arc::clone(card), version);
        }
    }

    /// Somebody has been erased: from now on they are shown as that, whatever arrives late.
    pub fn bury(&self, user: UserId) {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.own.remove(&user);
        self.renew(Arc::new(tombstone(user)), i64::MAX);
    }

    pub fn followed(&self) {
        self.followers.fetch_add(1, Ordering::SeqCst);
    }

    /// One who follows less. When nobody is left, what is kept must be forgotten.
    pub fn unfollowed(&self) {
        self.followers.fetch_sub(1, Ordering::SeqCst);
    }

    pub fn forget(&self) {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.own.clear();
        self.cards.clear();
    }

    fn renew(&self, card: Arc<Card>, version: i64) {
        if self.cards.get(&card.id).is_none_or(|(kept, _)| kept < version) {
            self.cards.insert(card.id, (version, card));
        }
    }
}

#[cfg(test)]
mod tests {
    use clowder_core::{Id, Timestamp};

    use super::*;

    fn card(id: UserId, name: &str) -> Arc<Card> {
        Arc::new(Card { id, username: name.to_owned(), display_name: name.to_owned() })
    }

    fn shown(profiles: &Profiles, id: UserId) -> Option<String> {
        profiles.card(id).map(|card| card.username.clone())
    }

    #[test]
    fn the_newest_card_counts_in_whatever_order_they_arrive() {
        let (profiles, ada) = (Profiles::default(), Id::new(Timestamp::from_micros(0)));
        profiles.keep_card(&card(ada, "first"), 1);
        assert_eq!(shown(&profiles, ada), None, "nobody follows");
        profiles.followed();
        profiles.keep_card(&card(ada, "second"), 2);
        profiles.keep_card(&card(ada, "first"), 1);
        assert_eq!(shown(&profiles, ada).as_deref(), Some("second"), "what was read before arrived late");
        profiles.bury(ada);
        profiles.keep_card(&card(ada, "third"), 3);
        assert_eq!(shown(&profiles, ada), Some(tombstone(ada).username));
        profiles.forget();
        assert_eq!(shown(&profiles, ada), None);
    }
}
