//! The tables of moderation, their rows, and what a process keeps for it in memory.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use clowder_core::{Card, ChatId, Id, MessageId, Result, Timestamp, UserId, Word, deletion::DeletionStatus};
use clowder_messaging::{
    MessageType,
    moderation::{
        Brake, Filter, Purge, PurgeId, ReviewId, Sanction, SanctionId, SanctionType, filter::Screen, pace::Rate,
    },
};
use diesel::prelude::*;
use uuid::Uuid;

use super::said;

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    chat_sanctions (id) {
        id -> Uid,
        chat_id -> Uid,
        user_id -> Uid,
        by_id -> Nullable<Uid>,
        kind -> Text,
        reason -> Text,
        since -> Ts,
        until -> Nullable<Ts>,
        lifted_at -> Nullable<Ts>,
        lifted_by -> Nullable<Uid>,
        lift_reason -> Nullable<Text>,
        told -> Bool,
        message_count -> Nullable<BigInt>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    word_filters (id) {
        id -> Uid,
        version -> BigInt,
        action -> Text,
        words -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    message_reviews (id) {
        id -> Uid,
        chat_id -> Uid,
        user_id -> Uid,
        by_server -> Bool,
        kind -> Text,
        seq -> Nullable<BigInt>,
        content -> Nullable<Text>,
        client_id -> Nullable<Text>,
        lifetime -> Nullable<BigInt>,
        fingerprint -> Nullable<Binary>,
        created_at -> Ts,
        mentions -> Nullable<Text>,
        reply_id -> Nullable<Uid>,
        thread_id -> Nullable<Uid>,
        forwarded_id -> Nullable<Uid>,
        forwarded_public -> Bool,
        poll -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    chat_brakes (chat_id) {
        chat_id -> Uid,
        joins -> BigInt,
        seconds -> BigInt,
        hold_seconds -> BigInt,
        counted_until -> Nullable<Ts>,
        held_until -> Nullable<Ts>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use clowder_core::sql::*;
    chat_purges (id) {
        id -> Uid,
        chat_id -> Uid,
        user_id -> Uid,
        by_id -> Uid,
        since -> Nullable<Ts>,
        until -> Nullable<Ts>,
        last_seq -> BigInt,
        seq -> BigInt,
        deleted -> BigInt,
        finished_at -> Nullable<Ts>,
    }
}

/// Under which id the filter of the server is.
pub const OF_SERVER: Id<()> = Id::from_uuid(Uuid::nil());
/// The version of the server's filter before anybody sets one: it has no words.
pub const UNSET: i64 = 1;

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = chat_sanctions)]
#[diesel(treat_none_as_default_value = false)]
pub struct SanctionRow {
    pub id: SanctionId,
    pub chat_id: ChatId,
    pub user_id: UserId,
    pub by_id: Option<UserId>,
    pub kind: String,
    pub reason: String,
    pub since: Timestamp,
    pub until: Option<Timestamp>,
    pub lifted_at: Option<Timestamp>,
    pub lifted_by: Option<UserId>,
    pub lift_reason: Option<String>,
    pub told: bool,
    pub message_count: Option<i64>,
}

impl SanctionRow {
    pub fn sanction(self, user: Card) -> Result<Sanction> {
        Ok(Sanction {
            id: self.id,
            chat_id: self.chat_id,
            kind: SanctionType::parse_word(&self.kind)?,
            user,
            reason: self.reason,
            message_count: self.message_count,
            by: self.by_id,
            since: self.since,
            until: self.until,
            lifted_at: self.lifted_at,
            lift_reason: self.lift_reason,
        })
    }
}

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = message_reviews)]
#[diesel(treat_none_as_default_value = false)]
pub struct ReviewRow {
    pub id: ReviewId,
    pub chat_id: ChatId,
    pub user_id: UserId,
    pub by_server: bool,
    pub kind: String,
    pub seq: Option<i64>,
    pub content: Option<String>,
    pub client_id: Option<String>,
    /// How long it stays, if it says so itself.
    pub lifetime: Option<i64>,
    pub fingerprint: Option<Vec<u8>>,
    pub created_at: Timestamp,
    /// The ids of those whom it mentions beside its text.
    pub mentions: Option<String>,
    pub reply_id: Option<MessageId>,
    pub thread_id: Option<MessageId>,
    pub forwarded_id: Option<MessageId>,
    pub forwarded_public: bool,
    /// What a poll asks beside its question.
    pub poll: Option<String>,
}

impl ReviewRow {
    /// All that is said in a message that was not sent, line by line.
    pub fn said(&self) -> Result<Option<String>> {
        // Without a poll, it is a text.
        said(MessageType::Poll.as_str(), self.content.clone(), self.poll.as_deref())
    }
}

#[derive(Debug, Clone, Copy, Queryable, Selectable, Insertable)]
#[diesel(table_name = chat_brakes)]
#[diesel(treat_none_as_default_value = false)]
pub struct BrakeRow {
    pub chat_id: ChatId,
    pub joins: i64,
    pub seconds: i64,
    pub hold_seconds: i64,
    pub counted_until: Option<Timestamp>,
    pub held_until: Option<Timestamp>,
}

impl BrakeRow {
    pub const fn brake(&self) -> Brake {
        let Self { joins, seconds, hold_seconds, held_until, .. } = *self;
        Brake { joins, seconds, hold_seconds, held_until }
    }
}

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = chat_purges)]
#[diesel(treat_none_as_default_value = false)]
pub struct PurgeRow {
    pub id: PurgeId,
    pub chat_id: ChatId,
    pub user_id: UserId,
    pub by_id: UserId,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub last_seq: i64,
    pub seq: i64,
    pub deleted: i64,
    pub finished_at: Option<Timestamp>,
}

impl PurgeRow {
    pub fn purge(&self) -> Purge {
        let is_done = self.finished_at.is_some();
        Purge {
            id: self.id,
            chat_id: self.chat_id,
            user_id: self.user_id,
            status: if is_done { DeletionStatus::Done } else { DeletionStatus::Running },
            progress: if is_done { 1.0 } else { (self.seq as f64 / (self.last_seq + 1) as f64).clamp(0.0, 1.0) },
            deleted: self.deleted,
        }
    }
}

/// A filter as it is stored.
pub fn filter_of(action: &str, words: &str) -> Result<Filter> {
    let words = words.lines().map(str::to_owned).collect();
    Ok(Filter { words, action: clowder_messaging::moderation::FilterAction::parse_word(action)? })
}

/// How many filters a process keeps ready, and how much memory they may take.
const MOST_SCREENS: usize = 4_096;
const MOST_OCTETS: usize = 64 << 20;

/// A version of a filter.
struct Kept {
    version: i64,
    /// Nothing if it has no words.
    screen: Option<Arc<Screen>>,
    octets: usize,
    /// The turn in which it was last used.
    used: u64,
}

#[derive(Default)]
struct Shelf {
    kept: HashMap<Id<()>, Kept>,
    /// How much memory all of them take.
    octets: usize,
    turn: u64,
}

impl Shelf {
    fn take(&mut self, id: Id<()>) {
        if let Some(kept) = self.kept.remove(&id) {
            self.octets -= kept.octets;
        }
    }

    fn is_full(&self) -> bool {
        self.kept.len() > MOST_SCREENS || self.octets > MOST_OCTETS
    }
}

/// A version of a filter, and the filter if it has words.
pub type Ready = ((Id<()>, i64), Option<Arc<Screen>>);

/// The filters of the last chats in which somebody wrote; the one that was not used for longest goes first. Each is kept
/// under its version, which a send reads with the chat that it locks, so nobody has to say that it changed.
#[derive(Default)]
pub struct Screens {
    shelf: Mutex<Shelf>,
}

impl Screens {
    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This version of a filter, if it is kept.
    pub fn get(&self, id: Id<()>, version: i64) -> Option<Option<Arc<Screen>>> {
        let mut shelf = self.shelf();
        shelf.turn += 1;
        let turn = shelf.turn;
        let kept = shelf.kept.get_mut(&id).filter(|kept| kept.version == version)?;
        kept.used = turn;
        Some(kept.screen.clone())
    }

    /// Keeps a version of a filter, unless a later one is kept already.
    pub fn keep(&self, id: Id<()>, version: i64, screen: Option<Arc<Screen>>) {
        let octets = screen.as_ref().map_or(0, |screen| screen.octets());
        let mut shelf = self.shelf();
        if shelf.kept.get(&id).is_some_and(|kept| kept.version > version) {
            return;
        }
        shelf.take(id);
        shelf.turn += 1;
        shelf.octets += octets;
        let kept = Kept { version, screen, octets, used: shelf.turn };
        shelf.kept.insert(id, kept);
        // None needs much of the room by itself, because the words of a filter are limited.
        while shelf.is_full() && shelf.kept.len() > 1 {
            let Some(oldest) = shelf.kept.iter().min_by_key(|(_, kept)| kept.used).map(|(id, _)| *id) else { return };
            shelf.take(oldest);
        }
    }

    /// What is kept of the filters with which what somebody writes in this chat is looked at: those of the server and of
    /// the chat.
    pub fn ready(&self, chat: ChatId) -> Vec<Ready> {
        let mut shelf = self.shelf();
        shelf.turn += 1;
        let turn = shelf.turn;
        let mut ready = Vec::new();
        for id in [OF_SERVER, Id::from_uuid(chat.uuid())] {
            if let Some(kept) = shelf.kept.get_mut(&id) {
                kept.used = turn;
                ready.push(((id, kept.version), kept.screen.clone()));
            }
        }
        ready
    }

    /// The database is another one: the same versions may be of other words.
    pub fn start_anew(&self) {
        *self.shelf() = Shelf::default();
    }
}

/// Into how many parts the buckets are divided, each with a lock of its own.
const SHARDS: usize = 16;
/// From how many buckets of a shard on those that are full again are forgotten.
const FEW: usize = 1_024;

/// When somebody can do as much as ever in a place again: in a chat, for most.
type Shard = HashMap<(Uuid, UserId), Timestamp>;

/// How many messages each person can send into each chat, or how often they can do something else in one place, counted on
/// this node. Nothing is written, so what is refused costs nobody else anything.
pub struct Paces {
    rate: Option<Rate>,
    shards: [Mutex<(Shard, usize)>; SHARDS],
}

impl Paces {
    pub fn new(rate: Option<Rate>) -> Self {
        Self { rate, shards: std::array::from_fn(|_| Mutex::new((HashMap::new(), FEW))) }
    }

    /// How long it takes until one more message can be sent.
    pub fn interval(&self) -> Duration {
        self.rate.map_or(Duration::ZERO, |rate| rate.interval)
    }

    /// Counts a message, or says how long to wait.
    pub fn take<P>(&self, place: Id<P>, user: UserId, now: Timestamp) -> Result<(), Duration> {
        let (Some(rate), Some(mut shard)) = (self.rate, self.shard(user)) else { return Ok(()) };
        let (full_at, limit) = &mut *shard;
        let key = (place.uuid(), user);
        let known = full_at.get(&key).copied();
        full_at.insert(key, rate.take(known, now)?);
        // Only as many stay as have sent lately; looking for them costs each message little, because it is seldom done.
        if full_at.len() > *limit {
            full_at.retain(|_, at| *at > now);
            *limit = (full_at.len() * 2).max(FEW);
        }
        Ok(())
    }

    /// Takes the last count back, because the message was not tried.
    pub fn give_back<P>(&self, place: Id<P>, user: UserId) {
        let (Some(rate), Some(mut shard)) = (self.rate, self.shard(user)) else { return };
        if let Some(full_at) = shard.0.get_mut(&(place.uuid(), user)) {
            *full_at = full_at.minus(rate.interval);
        }
    }

    fn shard(&self, user: UserId) -> Option<MutexGuard<'_, (Shard, usize)>> {
        let shard = self.shards.get(usize::from(user.uuid().as_bytes()[15]) % SHARDS)?;
        Some(shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use clowder_core::Id;
    use clowder_messaging::moderation::FilterAction;

    use super::*;

    #[test]
    fn buckets_are_of_a_person_in_a_chat_and_forgotten_when_full() {
        let at = Timestamp::from_micros;
        let paces = Paces::new(Some(Rate { interval: Duration::from_secs(1), burst: 2 }));
        let ([ada, bob], [one, two]): ([UserId; 2], [ChatId; 2]) =
            (std::array::from_fn(|_| Id::new(at(0))), std::array::from_fn(|_| Id::new(at(0))));
        for _ in 0..2 {
            paces.take(one, ada, at(0)).unwrap();
        }
        assert_eq!(paces.take(one, ada, at(0)), Err(Duration::from_secs(1)));
        assert_eq!((paces.take(two, ada, at(0)), paces.take(one, bob, at(0))), (Ok(()), Ok(())));
        assert_eq!(paces.take(one, ada, at(1_000_000)), Ok(()));
        paces.give_back(one, ada);
        assert_eq!((paces.take(one, ada, at(1_000_000)), paces.take(one, ada, at(1_000_000)).is_err()), (Ok(()), true));
        for n in 0..200_000 {
            paces.take(ChatId::new(at(n)), ada, at(n * 10_000)).unwrap();
        }
        let kept: usize = paces.shards.iter().map(|shard| shard.lock().unwrap().0.len()).sum();
        assert!(kept < 4 * FEW, "{kept} are kept");
        let unlimited = Paces::new(None);
        assert!((0..1_000).all(|_| unlimited.take(one, ada, at(0)).is_ok()));
    }

    #[test]
    fn filters_are_kept_under_their_version() {
        let screens = Screens::default();
        let (chat, at) = (ChatId::new(Timestamp::from_micros(1)), Timestamp::from_micros(1));
        let id = Id::from_uuid(chat.uuid());
        let screen = Screen::new(&filter_of("hold", "one\ntwo").unwrap()).unwrap();
        assert!(screens.get(id, 1).is_none() && screens.ready(chat).is_empty());
        screens.keep(id, 1, Some(Arc::new(screen)));
        assert!(screens.get(id, 1).flatten().is_some_and(|screen| screen.action == FilterAction::Hold));
        assert!(screens.get(id, 2).is_none());
        assert!(matches!(screens.ready(chat).as_slice(), [((of, 1), Some(_))] if *of == id));
        screens.keep(id, 2, None);
        assert!(screens.get(id, 2).is_some_and(|screen| screen.is_none()));
        screens.keep(id, 1, None);
        screens.keep(OF_SERVER, 7, None);
        let versions: Vec<_> = screens.ready(chat).into_iter().map(|(version, _)| version).collect();
        assert_eq!(versions, [(OF_SERVER, 7), (id, 2)], "an earlier version is not kept instead of a later one");
        for _ in 0..MOST_SCREENS + 100 {
            screens.keep(Id::new(at), 1, None);
        }
        assert_eq!(screens.shelf().kept.len(), MOST_SCREENS);
        screens.start_anew();
        assert!(screens.get(id, 2).is_none());
    }

    #[test]
    fn filters_take_so_much_memory_and_those_in_use_stay() {
        let screens = Screens::default();
        let new_id = || Id::new(Timestamp::from_micros(1));
        let words: Vec<_> = (0..500).map(|n| format!("{n:03}{n:0>97}")).collect();
        let one = Arc::new(Screen::new(&filter_of("block", &words.join("\n")).unwrap()).unwrap());
        let octets = one.octets();
        assert!(octets > words.len(), "{octets}");
        assert!(octets < MOST_OCTETS / 24, "the largest one takes little of the room: {octets}");
        // The same filter under many ids, which are counted as if each had memory of its own.
        let (used, room) = (new_id(), MOST_OCTETS / octets);
        screens.keep(used, 1, Some(Arc::clone(&one)));
        for _ in 0..room + 10 {
            screens.keep(new_id(), 1, Some(Arc::clone(&one)));
            assert!(screens.get(used, 1).is_some(), "it is used all the time");
            let shelf = screens.shelf();
            assert!(shelf.octets <= MOST_OCTETS, "{}", shelf.octets);
            assert_eq!(shelf.octets, shelf.kept.values().map(|kept| kept.octets).sum::<usize>());
        }
        assert_eq!(screens.shelf().kept.len(), room.min(MOST_SCREENS), "only what does not fit has gone");
        screens.keep(used, 2, None);
        assert_eq!(screens.shelf().octets, (room.min(MOST_SCREENS) - 1) * octets, "the version before has gone");
    }
}
