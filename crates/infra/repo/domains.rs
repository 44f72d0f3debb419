//! Every domain, in one list: what it keeps about people, what people follow in it, what it seals, what it forgets with
//! time, and who does its jobs.
//! A new domain is one line of `for_domains!` in `base/src/domains.rs`; the rest is in its own module.

use std::{pin::Pin, sync::Arc, time::Duration};

use clowder_accounts::activity::Rule;
use clowder_core::{
    Ctx, FileId, Id, Recorded, Result, Topic, TopicKind, UserId,
    audit::Entry,
    follow::Following,
    job::{Cron, Worker},
    journal::Others,
};
use uuid::Uuid;

use super::{Repo, clock::Time, db::Tx, dialect::Conn, people::Viewer, privacy::parts::Part, readers::Reader};
use crate::{
    clock::Fate,
    seal::{Column, Under},
};

/// What a domain contributes to the store.
pub struct Domain {
    /// Its parts of a user's personal data.
    pub parts: &'static [Part],
    /// The kinds of topics that people follow in it.
    pub followed: &'static [Followed],
    /// Whose messages somebody hides.
    pub hidden: fn(&mut Conn, UserId) -> Result<Vec<UserId>>,
    /// Whose presence somebody hears of unasked, as long as they are connected: people who need not be their friends.
    pub watched: fn(&mut Conn, UserId) -> Result<Vec<UserId>>,
    /// Takes what somebody sees no more out of changes that are about to be replayed to them.
    pub conceal: fn(&mut Conn, Viewer, &mut Vec<Recorded>) -> Result<()>,
    /// The names of its changes that an erasure leaves as they are.
    pub kept_changes: &'static [&'static str],
    /// Its text columns without text of people: words, hashes, names of its own. A write that deletes a text of any other
    /// column must set `tx.deleted_text`, and remove the text from the journal, too ([`journal::rewrite`]).
    ///
    /// [`journal::rewrite`]: super::journal::rewrite
    pub words: &'static [&'static str],
    /// Its text columns whose earlier text stays in the journal until that is swept, and why.
    pub told: &'static [(&'static str, &'static str)],
    /// Which of its changes appear in the log of what somebody did.
    pub activity: &'static [Rule],
    /// Its readers of the journal.
    pub readers: &'static [Reader],
    /// Its sealed columns.
    pub sealed: &'static [Column],
    /// All of its times, and what becomes of each when a clock was ahead.
    pub times: &'static [Time],
    /// What in it has files of people.
    pub files: &'static [Holder],
    /// Which file somebody may see only because it is evidence of something, even after it was deleted.
    pub evidence: fn(&mut Conn, Viewer, FileId) -> Result<Option<Evidence>>,
    /// Its cleanup of expired data.
    pub sweeps: &'static [Sweep],
    /// Its recurring jobs.
    pub crons: &'static [Cron],
    /// Its job workers.
    pub workers: fn(&Arc<Repo>) -> Vec<Arc<dyn Worker>>,
}

/// Something that has files of people. Whoever attaches a file to it holds the file meanwhile
/// (`dialect::media::keep_files`), and whoever takes one away says so (`media::attaching::loosen`).
pub struct Holder {
    /// Whether somebody sees a thing that has this file: then they see the file.
    pub shows: fn(&mut Conn, Viewer, FileId) -> Result<bool>,
    /// Whether whoever sees such a thing learns the name of the file, too.
    pub names: bool,
    /// How firmly anything has this file.
    pub holds: fn(&mut Conn, FileId) -> Result<Option<Hold>>,
    /// Takes a file that is deleted, or about to be, from some of the things that have it. Answers from how many; none when
    /// no more is left to do.
    pub lets_go: fn(&mut Tx<'_>, &Ctx, FileId) -> Result<usize>,
    pub tells: Tells,
}

/// A file as evidence.
pub struct Evidence {
    /// The object with its bytes (`media::held`).
    pub object: Id<()>,
    /// Whether it could be read when it became evidence.
    pub ready: bool,
    /// What the audit log has of whoever looks at it.
    pub look: Entry,
}

/// Tells those who see some of the things with this file, after a place in their order, that the file has another state.
/// Answers with the place that it got to; none at the end.
pub type Tells = fn(&mut Tx<'_>, &Ctx, FileId, Option<Place>) -> Result<Option<Place>>;

/// Where a thing that has a file stands in the order of its domain.
pub type Place = (Uuid, i64);

/// How many holders have told of a file, and how far the next one is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Told {
    holders: usize,
    place: Option<Place>,
}

/// How firmly something has a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hold {
    /// It waits, and may end without a word: whether it still has the file is asked again.
    Waiting,
    /// Whoever takes the file away says so.
    Firm,
}

/// A kind of topic that people follow.
pub struct Followed {
    pub kind: TopicKind,
    pub ids: FollowedIds,
}

/// The ids of the topics of this kind that somebody follows now, and after which number: the first after one, in their order,
/// at most so many.
pub type FollowedIds = fn(&mut Conn, UserId, Id<()>, i64) -> Result<Vec<(Id<()>, i64)>>;

/// Deletes some expired data, and returns how many rows.
pub enum Sweep {
    /// In one transaction. What is deleted contains texts about people.
    Rows(fn(&mut Tx<'_>, &Ctx) -> Result<usize>),
    /// In its own transactions; it is given how long the journal is kept.
    Steps(for<'a> fn(&'a Repo, &'a Ctx, Duration) -> Steps<'a>),
}

pub type Steps<'a> = Pin<Box<dyn Future<Output = Result<usize>> + Send + 'a>>;

impl Sweep {
    pub async fn run(&'static self, repo: &Repo, ctx: &Ctx, journal_for: Duration) -> Result<usize> {
        match self {
            Self::Rows(forget) => {
                let caller = ctx.clone();
                let forgotten = repo.db.write(move |tx| {
                    let forgotten = forget(tx, &caller)?;
                    // Addresses and names of people who never completed their sign-up.
                    tx.deleted_text |= forgotten > 0;
                    Ok(forgotten)
                });
                forgotten.await
            }
            Self::Steps(forget) => forget(repo, ctx, journal_for).await,
        }
    }
}

impl Domain {
    /// A domain that contributes nothing, as a base for those that contribute little.
    pub const NONE: Self = Self {
        parts: &[],
        followed: &[],
        hidden: |_, _| Ok(Vec::new()),
        watched: |_, _| Ok(Vec::new()),
        conceal: |_, _, _| Ok(()),
        kept_changes: &[],
        words: &[],
        told: &[],
        activity: &[],
        readers: &[],
        sealed: &[],
        times: &[],
        files: &[],
        evidence: |_, _, _| Ok(None),
        sweeps: &[],
        crons: &[],
        workers: |_| Vec::new(),
    };
}

macro_rules! list {
    ($($domain:ident $(: $port:path)?,)*) => {
        /// All domains, in the order of [`for_domains!`](clowder_infra_base::for_domains).
        pub static DOMAINS: &[Domain] = &[$(super::$domain::DOMAIN),*];
    };
}
clowder_infra_base::for_domains!(list);

/// The topics that somebody follows now, of all domains.
pub fn followed(conn: &mut Conn, user: UserId) -> Result<Vec<Following>> {
    let mut topics = Vec::new();
    for Followed { kind, ids } in DOMAINS.iter().flat_map(|domain| domain.followed) {
        let ids = ids(conn, user, Id::from_uuid(Uuid::nil()), i64::MAX)?;
        topics.extend(ids.into_iter().map(|(id, after)| Following { topic: Topic::new(*kind, id), after }));
    }
    Ok(topics)
}

/// After which number somebody follows a topic now, if they do.
pub fn follows(conn: &mut Conn, user: UserId, topic: Topic) -> Result<Option<i64>> {
    let kinds = DOMAINS.iter().flat_map(|domain| domain.followed);
    // An id belongs to only one kind of topic, and the first after the one before it is it or none.
    let before = Id::from_uuid(Uuid::from_u128(topic.id.as_u128().saturating_sub(1)));
    for Followed { ids, .. } in kinds.filter(|followed| followed.kind == topic.kind) {
        let found = ids(conn, user, before, 1)?.into_iter().find(|(id, _)| id.uuid() == topic.id);
        if let Some((_, after)) = found {
            return Ok(Some(after));
        }
    }
    Ok(None)
}

/// Whose messages somebody hides, in any domain.
pub fn hidden(conn: &mut Conn, user: UserId) -> Result<Vec<UserId>> {
    let mut hidden = Vec::new();
    for domain in DOMAINS {
        hidden.extend((domain.hidden)(conn, user)?);
    }
    Ok(hidden)
}

/// Whose messages somebody hides, and of whom they hear unasked, of all domains.
pub fn others(conn: &mut Conn, user: UserId) -> Result<Others> {
    let mut others = Others { hidden: hidden(conn, user)?, ..Others::default() };
    for domain in DOMAINS {
        others.watched.extend((domain.watched)(conn, user)?);
    }
    Ok(others)
}

/// Takes what somebody sees no more, in any domain, out of changes that are about to be replayed to them.
pub fn conceal(conn: &mut Conn, viewer: Viewer, changes: &mut Vec<Recorded>) -> Result<()> {
    DOMAINS.iter().try_for_each(|domain| (domain.conceal)(conn, viewer, changes))
}

/// The id of the first topic after this one that somebody follows now. An id belongs to only one kind of topic.
pub fn next_followed(conn: &mut Conn, user: UserId, after: Id<()>) -> Result<Option<Id<()>>> {
    let mut next = None;
    for Followed { ids, .. } in DOMAINS.iter().flat_map(|domain| domain.followed) {
        next = next.into_iter().chain(ids(conn, user, after, 1)?.into_iter().map(|(id, _)| id)).min();
    }
    Ok(next)
}

/// The names of the changes of all domains that an erasure leaves as they are.
pub fn kept_changes() -> impl Iterator<Item = &'static str> {
    DOMAINS.iter().flat_map(|domain| domain.kept_changes).copied()
}

/// Which changes of all domains appear in the log of what somebody did.
pub fn activity() -> impl Iterator<Item = &'static Rule> {
    DOMAINS.iter().flat_map(|domain| domain.activity)
}

/// The readers of the journal, of all domains.
pub fn readers() -> impl Iterator<Item = &'static Reader> {
    DOMAINS.iter().flat_map(|domain| domain.readers)
}

fn holders() -> impl Iterator<Item = &'static Holder> {
    DOMAINS.iter().flat_map(|domain| domain.files)
}

/// What somebody sees of a file of another person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// Only a picture, without the name that its owner has given to it.
    Picture,
    Named,
}

/// What somebody sees of this file because of anything that has it, in any domain.
pub fn shows_file(conn: &mut Conn, viewer: Viewer, file: FileId) -> Result<Option<Sight>> {
    for sight in [Sight::Named, Sight::Picture] {
        for holder in holders().filter(|holder| holder.names == (sight == Sight::Named)) {
            if (holder.shows)(conn, viewer, file)? {
                return Ok(Some(sight));
            }
        }
    }
    Ok(None)
}

/// What somebody may see of this file because it is evidence, in any domain.
pub fn evidence(conn: &mut Conn, viewer: Viewer, file: FileId) -> Result<Option<Evidence>> {
    for domain in DOMAINS {
        if let Some(found) = (domain.evidence)(conn, viewer, file)? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// How firmly anything has this file, in any domain.
pub fn holds_file(conn: &mut Conn, file: FileId) -> Result<Option<Hold>> {
    let mut hold = None;
    for holder in holders() {
        hold = hold.max((holder.holds)(conn, file)?);
    }
    Ok(hold)
}

/// Takes a file that is deleted, or about to be, from some of the things that have it; answers from how many.
pub fn let_file_go(tx: &mut Tx<'_>, ctx: &Ctx, file: FileId) -> Result<usize> {
    for holder in holders() {
        let gone = (holder.lets_go)(tx, ctx, file)?;
        if gone > 0 {
            return Ok(gone);
        }
    }
    Ok(0)
}

/// Tells some of those who see things with a file that it has another state; answers how far that is, unless it is done.
pub fn tell_of_file(tx: &mut Tx<'_>, ctx: &Ctx, file: FileId, told: Told) -> Result<Option<Told>> {
    let Some(holder) = holders().nth(told.holders) else { return Ok(None) };
    Ok(Some(match (holder.tells)(tx, ctx, file, told.place)? {
        None => Told { holders: told.holders + 1, place: None },
        place => Told { place, ..told },
    }))
}

/// The encrypted columns of all domains, those under the key ring first.
pub fn sealed_columns() -> Vec<&'static Column> {
    let mut columns: Vec<_> = DOMAINS.iter().flat_map(|domain| domain.sealed).collect();
    columns.sort_by_key(|column| column.under != Under::Ring);
    columns
}

/// The text columns of all domains whose deleted text needs no care, or stays in the journal.
pub fn texts_left_alone() -> Vec<&'static str> {
    let columns = |domain: &'static Domain| domain.words.iter().chain(domain.told.iter().map(|(column, _)| column));
    DOMAINS.iter().flat_map(columns).copied().collect()
}

/// The times of all domains, `table.column`, and what becomes of each when a clock was ahead.
pub fn times() -> Vec<(&'static str, Fate)> {
    DOMAINS.iter().flat_map(|domain| domain.times).map(|time| (time.column, time.fate)).collect()
}

/// The recurring jobs of all domains.
pub fn crons() -> Vec<Cron> {
    DOMAINS.iter().flat_map(|domain| domain.crons).cloned().collect()
}

/// The job workers of all domains.
pub fn workers(repo: &Arc<Repo>) -> Vec<Arc<dyn Worker>> {
    DOMAINS.iter().flat_map(|domain| (domain.workers)(repo)).collect()
}
