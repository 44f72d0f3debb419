//! The table of jobs: enqueuing, leasing, and storing results.

mod times;

use std::time::Duration;

use async_trait::async_trait;
use clowder_accounts::Email;
use clowder_core::{
    Ctx, Field, Id, Job, JobId, Jobs, Mail, NewJob, Page, PageRequest, Result, Timestamp,
    job::{Cron, DEAD_EMAILS_FOR, JOB_UNKNOWN, JobState, Taken, Verdict, Work, may_retry},
};
use diesel::prelude::*;

use super::{
    Repo,
    db::Tx,
    dialect,
    domains::{Domain, Sweep},
    upkeep::forget,
};
use crate::{
    cron,
    domains::jobs::{JobRow, crons, jobs},
    keys::{Keys, Purpose},
};

pub const DOMAIN: Domain = Domain {
    words: &["crons.name", "crons.schedule", "jobs.key", "jobs.kind", "jobs.last_error"],
    times: times::TIMES,
    sweeps: &[Sweep::Rows(sweep_dead_emails)],
    ..Domain::NONE
};

/// Failed emails that nobody retried: anybody can cause emails to addresses that do not exist.
fn sweep_dead_emails(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<usize> {
    let past = jobs::kind.eq(Mail::KIND).and(jobs::dead_at.le(ctx.now.minus(DEAD_EMAILS_FOR)));
    Ok(forget!(tx, jobs by id: JobId, past))
}

/// Due jobs of this kind, the longest due first, locked until the end of the transaction; jobs that another worker is
/// just taking are skipped.
fn due_jobs(conn: &mut dialect::Conn, kind: &str, limit: i64, now: Timestamp) -> Result<Vec<(Timestamp, JobId)>> {
    let due = jobs::table
        .filter(jobs::dead_at.is_null().and(jobs::run_at.le(now)).and(jobs::kind.eq(kind)))
        .filter(jobs::lease_until.is_null().or(jobs::lease_until.le(now)))
        .order((jobs::run_at, jobs::id))
        .limit(limit)
        .select((jobs::run_at, jobs::id));
    Ok(dialect::unclaimed!(due).load(conn)?)
}

/// The maximum size of a stored error, in octets.
const ERROR_ROOM: usize = 2_000;

/// Enqueues a job as part of a write: it runs if, and only if, the write is committed.
pub fn order(tx: &mut Tx<'_>, ctx: &Ctx, job: &NewJob) -> Result<()> {
    let id = JobId::new(ctx.now);
    let row = (
        jobs::id.eq(id),
        jobs::kind.eq(job.kind),
        jobs::payload.eq(tx.services.keys.seal(Purpose::Job, id.uuid().as_bytes(), &job.payload)?),
        jobs::key.eq(job.key.as_deref()),
        jobs::run_at.eq(job.run_at),
        jobs::attempts.eq(0),
        jobs::created_at.eq(ctx.now),
        jobs::subject_id.eq(job.subject),
        jobs::recipient.eq(job.recipient.as_deref().map(|address| recipient(&tx.services.keys, address))),
    );
    diesel::insert_into(jobs::table).values(row).on_conflict_do_nothing().execute(tx.conn)?;
    tx.ordered = true;
    Ok(())
}

/// Finds the recipient's address again: a keyed hash of its normalised spelling.
pub fn recipient(keys: &Keys, address: &str) -> Vec<u8> {
    let key = Email::parse(address.into()).map_or_else(|_| address.to_lowercase(), |email| email.key());
    keys.fingerprint(&[b"recipient", key.as_bytes()]).to_vec()
}

#[async_trait]
impl Jobs for Repo {
    async fn order(&self, ctx: &Ctx, job: NewJob) -> Result<()> {
        let ctx = ctx.clone();
        self.db.write(move |tx| order(tx, &ctx, &job)).await
    }

    fn lease(&self) -> Duration {
        self.deps.options.jobs.lease
    }

    async fn take(&self, ctx: &Ctx, kinds: Vec<&'static str>, limit: usize) -> Result<Vec<Taken>> {
        let (now, until, lease) = (ctx.now, ctx.now.plus(self.lease()), Id::new(ctx.now));
        self.db
            .write(move |tx| {
                let due = due(tx.conn, &kinds, limit, now)?;
                if due.is_empty() {
                    return Ok(Vec::new());
                }
                let held =
                    (jobs::lease_id.eq(lease), jobs::lease_until.eq(until), jobs::attempts.eq(jobs::attempts + 1));
                let mut rows: Vec<JobRow> = diesel::update(jobs::table.filter(jobs::id.eq_any(due)))
                    .set(held)
                    .returning(JobRow::as_returning())
                    .get_results(tx.conn)?;
                // Rows returned by an update have no order.
                rows.sort_by_key(|row| (row.run_at, row.id));
                rows.into_iter().map(|row| row.taken(lease, &tx.services.keys)).collect()
            })
            .await
    }

    async fn renew(&self, ctx: &Ctx, job: &Taken) -> Result<bool> {
        let (held, until) = (Held::of(job), ctx.now.plus(self.lease()));
        let renewed = self.db.write(move |tx| {
            let held = jobs::table.filter(jobs::id.eq(held.id).and(jobs::lease_id.eq(held.lease)));
            Ok(diesel::update(held).set(jobs::lease_until.eq(until)).execute(tx.conn)?)
        });
        Ok(renewed.await? == 1)
    }

    async fn settle(&self, ctx: &Ctx, job: &Taken, verdict: Verdict) -> Result<()> {
        let (held, now) = (Held::of(job), ctx.now);
        self.db.write(move |tx| settle(tx, now, held, verdict.clone())).await
    }

    async fn give_back(&self, _ctx: &Ctx, job: &Taken) -> Result<()> {
        let held = Held::of(job);
        let given_back = self.db.write(move |tx| {
            let held = jobs::table.filter(jobs::id.eq(held.id).and(jobs::lease_id.eq(held.lease)));
            let free = (
                jobs::lease_id.eq(None::<Id<()>>),
                jobs::lease_until.eq(None::<Timestamp>),
                jobs::attempts.eq(jobs::attempts - 1),
            );
            diesel::update(held).set(free).execute(tx.conn)?;
            Ok(())
        });
        given_back.await
    }

    async fn tick(&self, ctx: &Ctx, crons: &[Cron]) -> Result<()> {
        let now = ctx.now;
        let known: Vec<(String, String, Timestamp)> = self.db.read(|conn| Ok(crons::table.load(conn)?)).await?;
        for cron in crons {
            let known = known.iter().find(|(name, ..)| name == cron.name);
            if let Some((_, _, due)) = known.filter(|(_, schedule, next)| schedule == cron.schedule && *next > now) {
                if *due <= cron::next(cron.schedule, now)? {
                    continue;
                }
                tracing::warn!(schedule = cron.name, %due, "the next run of the schedule was too far ahead; it is \
                                                            computed again");
            }
            let (ctx, cron) = (ctx.clone(), cron.clone());
            self.db.write(move |tx| fire(tx, &ctx, &cron)).await?;
        }
        Ok(())
    }

    async fn list(&self, ctx: &Ctx, state: Option<JobState>, page: PageRequest) -> Result<Page<Job>> {
        let now = ctx.now;
        self.db.read(move |conn| list(conn, now, state, &page)).await
    }

    async fn retry(&self, ctx: &Ctx, job: JobId) -> Result<()> {
        let now = ctx.now;
        let freed = self.db.write(move |tx| {
            let found = jobs::table.filter(jobs::id.eq(job)).filter(idle(now));
            let found = found.select((jobs::run_at, jobs::attempts, jobs::dead_at.is_not_null()));
            let found: Option<(Timestamp, i16, bool)> = found.first(tx.conn).optional()?;
            let Some((run_at, attempts, is_dead)) = found else { return Ok(0) };
            may_retry(now, run_at, attempts, is_dead)?;
            revive(tx, now, vec![job])
        });
        if freed.await? == 0 { Err(JOB_UNKNOWN.into()) } else { Ok(()) }
    }

    async fn retry_dead(&self, ctx: &Ctx) -> Result<usize> {
        let now = ctx.now;
        let dead = jobs::table.filter(jobs::dead_at.is_not_null()).select(jobs::id).order(jobs::id);
        let dead: Vec<JobId> = self.db.read(move |conn| Ok(dead.load(conn)?)).await?;
        let mut revived = 0;
        // In pieces, so that other writers get their turn in between.
        for some in dead.chunks(200) {
            let some = some.to_vec();
            revived += self.db.write(move |tx| revive(tx, now, some.clone())).await?;
        }
        Ok(revived)
    }

    async fn drop_dead(&self, _ctx: &Ctx, job: JobId) -> Result<()> {
        let dead = jobs::table.filter(jobs::id.eq(job).and(jobs::dead_at.is_not_null()));
        let dropped = self.db.write(move |tx| Ok(diesel::delete(dead).execute(tx.conn)?));
        if dropped.await? == 0 { Err(JOB_UNKNOWN.into()) } else { Ok(()) }
    }

    async fn ordered(&self) {
        self.db.services().ordered.notified().await;
    }
}

/// The jobs of these kinds that have been due longest. Each kind is queried by itself, so that the index returns them
/// in order, however many wait.
fn due(conn: &mut dialect::Conn, kinds: &[&str], limit: usize, now: Timestamp) -> Result<Vec<JobId>> {
    let mut due = Vec::new();
    for kind in kinds {
        due.extend(due_jobs(conn, kind, limit as i64, now)?);
    }
    due.sort_unstable();
    due.truncate(limit);
    Ok(due.into_iter().map(|(_, id)| id).collect())
}

/// Who holds which job.
#[derive(Clone, Copy)]
struct Held {
    id: JobId,
    lease: Id<()>,
}

impl Held {
    fn of(job: &Taken) -> Self {
        Self { id: job.id, lease: job.lease }
    }
}

fn settle(tx: &mut Tx<'_>, now: Timestamp, held: Held, verdict: Verdict) -> Result<()> {
    let held = jobs::table.filter(jobs::id.eq(held.id).and(jobs::lease_id.eq(held.lease)));
    let (run_at, dead_at, error) = match verdict {
        Verdict::Done => {
            diesel::delete(held).execute(tx.conn)?;
            return Ok(());
        }
        Verdict::Again { at, error } => (at, None, error),
        Verdict::Dead { error } => (now, Some(now), error),
    };
    let mut error = error;
    error.truncate(error.floor_char_boundary(ERROR_ROOM));
    let free = (
        jobs::lease_id.eq(None::<Id<()>>),
        jobs::lease_until.eq(None::<Timestamp>),
        jobs::run_at.eq(run_at),
        jobs::dead_at.eq(dead_at),
        jobs::last_error.eq(error),
    );
    diesel::update(held).set(free).execute(tx.conn)?;
    Ok(())
}

/// Jobs that no worker holds.
#[diesel::dsl::auto_type(no_type_alias)]
fn idle(now: Timestamp) -> _ {
    jobs::lease_until.is_null().or(jobs::lease_until.le(now))
}

/// Runs jobs at once as if they were new. If another job has taken the key of one meanwhile, it is dropped: the other
/// job does its work.
fn revive(tx: &mut Tx<'_>, now: Timestamp, ids: Vec<JobId>) -> Result<usize> {
    let mut revived = 0;
    for id in ids {
        let key: Option<Option<String>> = jobs::table.find(id).select(jobs::key).first(tx.conn).optional()?;
        let waits = jobs::table.filter(jobs::key.eq(key.flatten()).and(jobs::dead_at.is_null()).and(jobs::id.ne(id)));
        if waits.count().get_result::<i64>(tx.conn)? > 0 {
            diesel::delete(jobs::table.find(id)).execute(tx.conn)?;
            continue;
        }
        let fresh = (
            jobs::run_at.eq(now),
            jobs::attempts.eq(0),
            jobs::dead_at.eq(None::<Timestamp>),
            jobs::lease_id.eq(None::<Id<()>>),
            jobs::lease_until.eq(None::<Timestamp>),
        );
        // A worker may have taken it since it was read.
        revived += diesel::update(jobs::table.filter(jobs::id.eq(id)).filter(idle(now))).set(fresh).execute(tx.conn)?;
    }
    tx.ordered |= revived > 0;
    Ok(revived)
}

/// Enqueues a due job and stores when it is due next. Of several nodes that try, only one can move the time forward.
fn fire(tx: &mut Tx<'_>, ctx: &Ctx, cron: &Cron) -> Result<()> {
    let next = cron::next(cron.schedule, ctx.now)?;
    let known: Option<(String, Timestamp)> =
        crons::table.find(cron.name).select((crons::schedule, crons::next_at)).first(tx.conn).optional()?;
    let Some((schedule, due)) = known else {
        let row = (crons::name.eq(cron.name), crons::schedule.eq(cron.schedule), crons::next_at.eq(next));
        diesel::insert_into(crons::table).values(row).on_conflict_do_nothing().execute(tx.conn)?;
        return Ok(());
    };
    let step = diesel::update(crons::table.find(cron.name).filter(crons::next_at.eq(due)))
        .set((crons::next_at.eq(next), crons::schedule.eq(cron.schedule)))
        .execute(tx.conn)?;
    // A new schedule begins with its next run.
    if step == 0 || schedule != cron.schedule || due > ctx.now {
        return Ok(());
    }
    let key = Some(format!("cron:{}", cron.name));
    let (payload, run_at) = (b"null".to_vec(), ctx.now);
    order(tx, ctx, &NewJob { kind: cron.kind, payload, run_at, key, subject: None, recipient: None })
}

fn list(conn: &mut dialect::Conn, now: Timestamp, state: Option<JobState>, page: &PageRequest) -> Result<Page<Job>> {
    let mut found = jobs::table.order(jobs::id.desc()).limit(page.fetch()).select(JobRow::as_select()).into_boxed();
    if let Some(last) = page.id::<Job>()? {
        found = found.filter(jobs::id.lt(last));
    }
    found = match state {
        None => found,
        Some(JobState::Dead) => found.filter(jobs::dead_at.is_not_null()),
        Some(JobState::Running) => found.filter(jobs::lease_until.gt(now)),
        Some(JobState::Waiting) => {
            found.filter(jobs::dead_at.is_null()).filter(jobs::lease_until.is_null().or(jobs::lease_until.le(now)))
        }
    };
    let rows = found.load(conn)?.into_iter().map(|row| Ok(row.job(now)));
    Page::fill(rows, page, |job: &Job| job.id.to_string())
}
