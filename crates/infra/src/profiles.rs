//! Own profiles that were asked for lately, kept in memory: every client asks for its own at every start, and measured
//! without this, the way to the database and back was three quarters of the answer's cost.
//!
//! What is kept is as fresh as the journal is followed: an edit of this process is seen at once, one of another when
//! its change arrives. While nobody follows the journal, nothing is kept.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use clowder_accounts::Own;
use clowder_core::UserId;
use quick_cache::sync::Cache;

/// How many are kept; a profile is about half a KiB.
const ROOM: usize = 10_000;

pub struct Profiles {
    kept: Cache<UserId, Arc<Own>>,
    followers: AtomicUsize,
    writing: Mutex<()>,
}

impl Default for Profiles {
    fn default() -> Self {
        Self { kept: Cache::new(ROOM), followers: AtomicUsize::new(0), writing: Mutex::new(()) }
    }
}

impl Profiles {
    pub fn get(&self, user: UserId) -> Option<Own> {
        self.kept.get(&user).map(|own| Own::clone(&own))
    }

    /// Whether what is read from the database from now on may be kept.
    pub fn is_followed(&self) -> bool {
        self.followers.load(Ordering::SeqCst) > 0
    }

    /// Keeps a profile, unless a newer version is kept already.
    pub fn keep(&self, own: &Own) {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_followed() && self.kept.get(&own.id).is_none_or(|kept| kept.version < own.version) {
            self.kept.insert(own.id, Arc::new(own.clone()));
        }
    }

    pub fn followed(&self) {
        self.followers.fetch_add(1, Ordering::SeqCst);
    }

    pub fn unfollowed(&self) {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.followers.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.kept.clear();
        }
    }
}
