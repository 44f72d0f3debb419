//! Caches of recently used profiles: users' own ones, which every client requests at every start, and the cards of
//! people, which accompany everything they write. Measured without this, the database round trip was three quarters of
//! the cost of an own profile, and finding the senders a quarter of that of a list.
//!
//! The caches are as fresh as the journal is followed: an edit by this process counts at once, one of another when its
//! change arrives. While nothing follows the journal, nothing is cached.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use clowder_accounts::{Own, privacy::tombstone};
use clowder_core::{Card, UserId};
use quick_cache::sync::Cache;

/// The maximum number of cached own profiles, of about half a KiB each.
const OWN: usize = 10_000;
/// The maximum number of cached cards, of about 200 octets each.
const CARDS: usize = 50_000;

pub struct Profiles {
    own: Cache<UserId, Arc<Own>>,
    /// With the version of the profile it was read from.
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

    /// Whether what is read from the database from now on may be cached.
    pub fn is_followed(&self) -> bool {
        self.followers.load(Ordering::SeqCst) > 0
    }

    /// Caches a profile, unless a newer version is cached already.
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

    /// The same for a card read with this version of the profile.
    pub fn keep_card(&self, card: &Arc<Card>, version: i64) {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_followed() {
            self.renew(Arc::clone(card), version);
        }
    }

    /// A user was erased: from now on they are shown as such, whatever arrives late.
    pub fn bury(&self, user: UserId) {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.own.remove(&user);
        self.renew(Arc::new(tombstone(user)), i64::MAX);
    }

    pub fn followed(&self) {
        self.followers.fetch_add(1, Ordering::SeqCst);
    }

    /// One follower less. Without followers, the caches must be cleared.
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
        Arc::new(Card::new(id, name.to_owned(), name.to_owned()))
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
