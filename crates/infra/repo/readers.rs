//! The readers of the journal: their places and leases, and the one transaction in which each works and moves on.

mod setting_back;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use clowder_core::{
    Ctx, Id, Journal, Positions, Recorded, Result, Timestamp, UserId,
    journal::{Chunk, Entry, Extent, Former, Part, Stretch},
};
use diesel::prelude::*;
use uuid::Uuid;

use super::{
    Repo,
    clock::{until, when},
    db::Tx,
    dialect::{self, Conn, STREAMS},
    domains::{self, Domain},
    journal,
};
use crate::{
    domains::{
        audit::{audit, audit_head},
        readers::{reader_positions as table, readers},
    },
    readers::{Behind, CHUNK, ENOUGH, Handled, LEASE, Place, ReaderState, Readers, Rewind, behind},
    segments::KnownSegments,
};

pub const DOMAIN: Domain = Domain {
    words: &["reader_positions.reader", "readers.name"],
    times: &[when!(AtOnce, readers.lease_until, until!(readers.lease_until, |_| LEASE))],
    ..Domain::NONE
};

/// What a domain wants to do with every change.
pub struct Reader {
    /// Its places are stored under this name, which never changes.
    pub name: &'static str,
    /// Handles changes of some streams, each in its order, in the transaction that moves the reader past them. All at once:
    /// so it can take its locks in one order, whatever streams the changes are in.
    pub changes: fn(&mut Tx<'_>, &Ctx, &[Recorded]) -> Result<()>,
    /// What it also reads in the audit log, because it makes no change: these actions.
    pub actions: &'static [&'static str],
    /// Whether it can read anything again without doing it twice, so that an operator can set it back.
    pub repeats: bool,
    /// Handles such entries, in their order, in the same way.
    pub entries: fn(&mut Tx<'_>, &Ctx, &[Audited]) -> Result<()>,
}

/// What a reader sees of an entry of the audit log. Nothing of it is encrypted.
#[derive(Debug, Clone)]
pub struct Audited {
    pub action: String,
    /// Who acted, in person or by an API key of theirs.
    pub actor: Option<UserId>,
    /// Whose account it concerns.
    pub subject: Option<UserId>,
    pub target: Option<(String, Uuid)>,
    pub at: Timestamp,
    pub position: i64,
}

/// What an open store keeps of the readers.
pub struct State {
    /// Under which it holds leases.
    me: Id<()>,
    /// How often in a row each reader has failed. It handles half as much after each time: what takes too long together
    /// gets through in smaller steps.
    failed: Mutex<HashMap<&'static str, u32>>,
}

impl State {
    pub fn new(now: Timestamp) -> Self {
        Self { me: Id::new(now), failed: Mutex::default() }
    }

    /// How much a reader handles at a time, of one stream and of all.
    fn bounds(&self, name: &str) -> [Chunk; 2] {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied().unwrap_or(0);
        [CHUNK, ENOUGH]
            .map(|Chunk { rows, octets }| Chunk { rows: (rows >> failed).max(1), octets: (octets >> failed).max(1) })
    }

    fn note<T>(&self, name: &'static str, result: &Result<T>) {
        let mut all = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = all.entry(name).or_default();
        *failed = if result.is_ok() { failed.saturating_sub(1) } else { (*failed + 1).min(MOST_HALVINGS) };
    }
}

/// By then, one change is handled at a time.
const MOST_HALVINGS: u32 = 10;

/// Where the place in the audit log is stored, beside those in the streams.
pub const AUDIT: i16 = -1;
/// How many positions of the audit log are looked through at a time, whatever stands there.
const SPAN: i64 = 5_000;

/// What is stored of a reader.
struct Stored {
    place: Place,
    at: Positions,
    audit: i64,
}

/// From where to where a reader goes in one stream.
struct Step {
    stream: i16,
    at: i64,
    to: i64,
}

/// Where a reader goes in all streams, and what it handles on the way.
#[derive(Default)]
struct Turn {
    steps: Vec<Step>,
    changes: Vec<Recorded>,
    entries: Vec<Audited>,
}

#[async_trait]
impl Readers for Repo {
    async fn read(&self, ctx: &Ctx) -> Result<Handled> {
        let (mut handled, mut failed) = (Handled::default(), None);
        for reader in domains::readers() {
            match self.let_read(ctx, reader).await {
                Ok(more) => handled += more,
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(handled), Err)
    }

    async fn list(&self) -> Result<Vec<ReaderState>> {
        setting_back::list(self).await
    }

    async fn rewind(&self, name: String, to: Rewind) -> Result<i64> {
        setting_back::rewind(self, name, to).await
    }
}

impl Repo {
    /// Lets one reader work, as [`Readers::read`] does with all.
    pub(super) async fn let_read(&self, ctx: &Ctx, reader: &'static Reader) -> Result<Handled> {
        let (me, now) = (self.readers.me, ctx.now);
        let extent = Journal::extent(self).await?;
        // In transactions of their own: a reader that finds nothing to do must never hold one table and wait for another
        // one, or a restore of the whole database could wait for it in turn.
        let found = self.db.read(move |conn| place(conn, reader.name)).await?;
        if found.as_ref().is_some_and(|place| !place.is_free_for(me, now)) {
            return Ok(Handled::default());
        }
        let found = match found {
            Some(place) if place.epoch == extent.epoch => {
                let (at, audit) = self.db.read(move |conn| positions(conn, reader.name)).await?;
                Stored { place, at, audit }
            }
            _ => {
                let known = Arc::clone(&self.segments);
                self.db.write(move |tx| begin(tx, reader.name, &known)).await?
            }
        };
        // It became another one since this has looked: the next turn sees that.
        if found.place.epoch != extent.epoch {
            return Ok(Handled::default());
        }
        let mut all = behind(&found.at, &extent);
        // Another stream first each time, so that none waits for ever for its turn.
        let half_seconds = usize::try_from(now.as_micros() / 500_000).unwrap_or_default();
        let first = half_seconds % all.len().max(1);
        all.rotate_left(first);
        let left: i64 = all.iter().map(|behind| behind.head - behind.at).sum();
        metrics::gauge!("clowder_reader_behind", "reader" => reader.name).set(left as f64);
        let (mut turn, mut rows, mut octets) = (Turn::default(), 0, 0);
        let [chunk, enough] = self.readers.bounds(reader.name);
        for behind in all {
            if rows >= enough.rows || octets >= enough.octets {
                break;
            }
            let stretch = Stretch::after(behind.stream, behind.from);
            let Part { entries, stored, .. } = Journal::read(self, vec![stretch], chunk).await?;
            // It became another one since; the next turn sees that.
            if stored.is_some_and(|stored| stored != extent.stored) {
                return Ok(Handled::default());
            }
            rows += entries.len();
            octets += entries.iter().map(Entry::octets).sum::<usize>();
            turn.read(reader, behind, entries);
        }
        if !reader.actions.is_empty()
            && let Some((step, entries)) = self.db.read(move |conn| audited(conn, reader.actions, found.audit)).await?
        {
            turn.steps.push(step);
            turn.entries = entries;
        }
        if turn.steps.is_empty() {
            return Ok(Handled::default());
        }
        let (caller, epoch) = (ctx.clone(), extent.epoch);
        let gone: i64 = turn.steps.iter().filter(|step| step.stream != AUDIT).map(|step| step.to - step.at).sum();
        let turn = Arc::new(turn);
        let taken = Arc::clone(&turn);
        let handled = self.db.write(move |tx| advance(tx, &caller, reader, me, epoch, &taken)).await;
        self.readers.note(reader.name, &handled);
        let handled = handled?;
        if handled > 0 {
            metrics::gauge!("clowder_reader_behind", "reader" => reader.name).set((left - gone) as f64);
        }
        let is_long = |step: &Step| step.stream == AUDIT && step.to - step.at == SPAN;
        let more_is_left = left > gone || turn.steps.iter().any(is_long);
        Ok(Handled { changes: handled, is_full: handled > 0 && more_is_left })
    }
}

impl Turn {
    /// The changes of one stream that a reader handles next. Those that this version cannot read are passed over.
    fn read(&mut self, reader: &Reader, behind: Behind, entries: Vec<Entry>) {
        let Behind { stream, at, from, .. } = behind;
        let to = entries.last().map_or(from, |entry| entry.position);
        if behind.missed() > 0 && at > 0 {
            tracing::warn!(
                reader = reader.name,
                stream,
                missed = behind.missed(),
                "changes were deleted from the journal before they were read"
            );
        }
        if let Ok(stream) = i16::try_from(stream)
            && to > at
        {
            self.steps.push(Step { stream, at, to });
            self.changes.extend(entries.into_iter().filter_map(|entry| entry.change));
        }
    }
}

/// What a reader handles next of the audit log, whose positions have no gaps either.
fn audited(conn: &mut Conn, actions: &[&str], at: i64) -> Result<Option<(Step, Vec<Audited>)>> {
    let head: i64 = audit_head::table.select(audit_head::position).first(conn)?;
    let to = head.min(at + SPAN);
    if to <= at {
        return Ok(None);
    }
    type Actor = (Option<Id<()>>, Option<UserId>);
    type Row = (String, Actor, Option<UserId>, Option<String>, Option<Id<()>>, Timestamp, i64);
    let rows: Vec<Row> = audit::table
        .filter(audit::position.gt(at).and(audit::position.le(to)))
        .filter(audit::action.eq_any(actions))
        .order(audit::position)
        .select((
            audit::action,
            (audit::actor_id, audit::owner_id),
            audit::subject_id,
            audit::target_type,
            audit::target_id,
            audit::at,
            audit::position,
        ))
        .load(conn)?;
    let entry = |(action, (actor, owner), subject, kind, target, at, position): Row| {
        // An actor without an owner is a user, or nobody.
        let actor = owner.or(actor.map(|id| UserId::from_uuid(id.uuid())));
        let target = kind.zip(target).map(|(kind, id): (String, Id<()>)| (kind, id.uuid()));
        Audited { action, actor, subject, target, at, position }
    };
    Ok(Some((Step { stream: AUDIT, at, to }, rows.into_iter().map(entry).collect())))
}

fn stored(conn: &mut Conn, name: &str) -> Result<Option<Stored>> {
    let Some(place) = place(conn, name)? else { return Ok(None) };
    let (at, audit) = positions(conn, name)?;
    Ok(Some(Stored { place, at, audit }))
}

fn place(conn: &mut Conn, name: &str) -> Result<Option<Place>> {
    type Row = (Id<()>, Option<Id<()>>, Option<Timestamp>);
    let row: Option<Row> = readers::table
        .find(name)
        .select((readers::epoch, readers::holder, readers::lease_until))
        .first(conn)
        .optional()?;
    Ok(row.map(|(epoch, holder, lease_until)| Place { epoch: epoch.uuid(), held: holder.zip(lease_until) }))
}

/// Which journal a reader is in, and how far that and the audit log reach now.
pub fn heads(conn: &mut Conn, known: &KnownSegments) -> Result<(Uuid, Positions, i64)> {
    let Extent { epoch, heads, .. } = journal::present(conn, known)?;
    Ok((epoch, heads, audit_head::table.select(audit_head::position).first(conn)?))
}

/// In the streams, and in the audit log.
fn positions(conn: &mut Conn, name: &str) -> Result<(Positions, i64)> {
    let rows = table::table.filter(table::reader.eq(name)).select((table::stream, table::position));
    let rows: HashMap<i16, i64> = rows.load::<(i16, i64)>(conn)?.into_iter().collect();
    let at = |stream: i16| rows.get(&stream).copied().unwrap_or(0);
    Ok((Positions::new((0..STREAMS as i16).map(at).collect()), at(AUDIT)))
}

/// A new reader starts with what the journal still has. If the journal is another one than before, its positions mean
/// nothing: the reader starts at the present heads. If it goes on in another epoch, so does the reader. Which journal it is,
/// is asked under the lock: whoever has looked before would set back a reader that is in a later one.
fn begin(tx: &mut Tx<'_>, name: &'static str, known: &KnownSegments) -> Result<Stored> {
    let epoch = Id::<()>::from_uuid(journal::present(tx.conn, known)?.epoch);
    diesel::insert_into(readers::table)
        .values((readers::name.eq(name), readers::epoch.eq(epoch)))
        .on_conflict_do_nothing()
        .execute(tx.conn)?;
    dialect::readers::lock_reader(tx.conn, name)?;
    let extent = journal::present(tx.conn, known)?;
    let epoch = Id::<()>::from_uuid(extent.epoch);
    let found = stored(tx.conn, name)?.ok_or_else(|| clowder_core::Error::internal("a reader without a row"))?;
    if found.place.epoch == extent.epoch {
        return Ok(found);
    }
    diesel::update(readers::table.find(name)).set(readers::epoch.eq(epoch)).execute(tx.conn)?;
    let former = journal::former(tx.conn, extent.epoch)?;
    let at = match former.into_iter().find(|former| former.epoch == found.place.epoch) {
        // What it has read of a server that died, and is lost, is written anew.
        Some(Former { heads: kept, .. }) => {
            Positions::new((0..STREAMS).map(|stream| found.at.get(stream).min(kept.get(stream))).collect())
        }
        None => {
            tracing::warn!(reader = name, "the journal is another one: the reader goes on at its present end");
            extent.heads
        }
    };
    for (stream, position) in (0..STREAMS as i16).zip(at.as_slice()) {
        put(tx, name, stream, *position)?;
    }
    let place = Place { epoch: extent.epoch, ..found.place };
    Ok(Stored { place, at, audit: found.audit })
}

/// Handles what was read and moves past it, unless another node has done so in the meantime. Returns how many changes
/// and positions of the audit log that were.
fn advance(tx: &mut Tx<'_>, ctx: &Ctx, reader: &Reader, me: Id<()>, epoch: Uuid, turn: &Turn) -> Result<usize> {
    let (name, Turn { steps, changes, entries }) = (reader.name, turn);
    dialect::readers::lock_reader(tx.conn, name)?;
    let Some(Stored { place, at, audit }) = stored(tx.conn, name)? else { return Ok(0) };
    let stands = |step: &Step| step.at == usize::try_from(step.stream).map_or(audit, |stream| at.get(stream));
    if place.epoch != epoch || !place.is_free_for(me, ctx.now) || !steps.iter().all(stands) {
        return Ok(0);
    }
    if place.wants_lease(me, ctx.now) {
        let held = (readers::holder.eq(me), readers::lease_until.eq(ctx.now.plus(LEASE)));
        diesel::update(readers::table.find(name)).set(held).execute(tx.conn)?;
    }
    let mut passed = 0;
    for Step { stream, at, to } in steps {
        put(tx, name, *stream, *to)?;
        passed += usize::try_from(to - at).unwrap_or_default();
    }
    if !changes.is_empty() {
        (reader.changes)(tx, ctx, changes)?;
    }
    if !entries.is_empty() {
        (reader.entries)(tx, ctx, entries)?;
    }
    Ok(passed)
}

fn put(tx: &mut Tx<'_>, name: &str, stream: i16, position: i64) -> Result<()> {
    diesel::insert_into(table::table)
        .values((table::reader.eq(name), table::stream.eq(stream), table::position.eq(position)))
        .on_conflict((table::reader, table::stream))
        .do_update()
        .set(table::position.eq(position))
        .execute(tx.conn)?;
    Ok(())
}
