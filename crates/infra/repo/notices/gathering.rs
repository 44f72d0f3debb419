//! What is due becomes emails: for each person one, whatever the number of things, and not too many in an hour. Any number of
//! nodes may do this at once; each takes other people.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use clowder_core::{
    Ctx, NewJob, Result, Timestamp, UserId, Word,
    job::{Queue, Taken, Work, Worker},
};
use clowder_notifications::{
    NotificationType,
    mail::{
        NoticeId, NoticeMailId,
        bundle::{self, Facts, Verdict, Waiting},
        policy,
    },
};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    super::{Repo, among::AmongIds, db::Tx, dialect, jobs},
    addresses, digests, telling,
};
use crate::domains::notices::{
    NoticeMailRow, NoticeQueueRow, Post, notice_digests, notice_mails as mails, notice_queues as queues,
    notices as table,
};

/// How many people are seen to in one transaction.
pub const PIECE: i64 = 20;

#[derive(Debug, Serialize, Deserialize)]
pub struct Gather {}

impl Work for Gather {
    const KIND: &'static str = "notice.gather";
    const QUEUE: Queue = Queue::Mail;
}

pub struct Gatherer(pub Arc<Repo>);

#[async_trait]
impl Worker for Gatherer {
    fn kind(&self) -> &'static str {
        Gather::KIND
    }

    fn queue(&self) -> Queue {
        Gather::QUEUE
    }

    /// A second run finds what the first one has left.
    async fn work(&self, ctx: &Ctx, _: &Taken) -> Result<()> {
        let db = &self.0.db;
        for step in STEPS {
            loop {
                let ctx = ctx.clone();
                // Others get their turn in between. Whoever is being changed by somebody else is left to the next run.
                if db.write(move |tx| step(tx, &ctx)).await? < PIECE as usize {
                    break;
                }
            }
        }
        Ok(())
    }
}

/// Sees to a few people, and returns how many these were.
type Step = fn(&mut Tx<'_>, &Ctx) -> Result<usize>;

const STEPS: [Step; 4] = [put_right, piece, digests::put_right, digests::piece];

/// Something that waits, as far as it decides.
type Row = (UserId, NoticeId, String, Timestamp);

/// Makes the emails that are due for some people; returns how many people it has seen to.
fn piece(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<usize> {
    let due = queues::table.filter(queues::next_at.le(ctx.now)).order((queues::next_at, queues::user_id));
    let due: Vec<UserId> = due.limit(PIECE).select(queues::user_id).load(tx.conn)?;
    let free = dialect::accounts::keep_free_users(tx.conn, &due)?;
    let rows = queues::table.filter(queues::user_id.eq_any(&free)).filter(queues::next_at.le(ctx.now));
    let rows = rows.order(queues::user_id).select(NoticeQueueRow::as_select());
    let rows: Vec<NoticeQueueRow> = dialect::unclaimed!(rows).load(tx.conn)?;
    let people: BTreeSet<UserId> = rows.iter().map(|row| row.user_id).collect();
    if people.is_empty() {
        return Ok(0);
    }
    let reachable = addresses::reachable(tx, &people)?;
    forget_waiting(tx, people.iter().filter(|user| !reachable.contains(*user)))?;
    let mut waiting = waiting(tx, &people)?;
    let (digests, recent) = (with_digest(tx, &people)?, recent(tx, ctx, &people)?);
    let (mut made, mut after, mut later) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        let things = waiting.remove(&row.user_id).unwrap_or_default();
        let facts: Vec<Waiting> = things.iter().map(fact).collect::<Result<_>>()?;
        let verdict = bundle::decide(
            ctx.now,
            Facts {
                waiting: &facts,
                has_digest: digests.contains(&row.user_id),
                recent: recent.get(&row.user_id).map(Vec::as_slice).unwrap_or_default(),
                an_hour: tx.services.options.notices.an_hour,
                apart: tx.services.options.notifications.mail_delay.min(APART),
            },
        );
        let Verdict { urgent, together, next } = verdict;
        let (told, are_left) = (urgent.len() + together.len(), together.is_empty());
        for (places, more) in [(urgent, 0), (together, row.more)] {
            if !places.is_empty() {
                let ids: Vec<NoticeId> = places.into_iter().filter_map(|place| Some(things.get(place)?.1)).collect();
                made.push((NoticeMailRow::new(NoticeMailId::new(ctx.now), row.user_id, None, more, ctx.now), ids));
            }
        }
        let waiting = (things.len() - told) as i64;
        later.extend(next);
        after.push(NoticeQueueRow { next_at: next, waiting, more: if are_left { row.more } else { 0 }, ..row });
    }
    // Of somebody for whom nothing else waits, the number of what there was no room for goes with it.
    for row in after.iter_mut().filter(|row| row.waiting == 0) {
        row.more = 0;
    }
    telling::change(tx, &after)?;
    send(tx, ctx, &made)?;
    telling::wake_later(tx, ctx, later)?;
    Ok(after.len())
}

/// How far two emails to one person are apart at most, however long the delay is.
const APART: Duration = Duration::from_secs(900);

fn fact((_, _, kind, due_at): &Row) -> Result<Waiting> {
    Ok(Waiting { urgent: NotificationType::parse_word(kind)?.is_urgent(), due_at: *due_at })
}

/// Stores emails with what they are about, and enqueues their jobs.
pub fn send(tx: &mut Tx<'_>, ctx: &Ctx, made: &[(NoticeMailRow, Vec<NoticeId>)]) -> Result<()> {
    if made.is_empty() {
        return Ok(());
    }
    let rows: Vec<NoticeMailRow> = made.iter().map(|(row, _)| row.clone()).collect();
    diesel::insert_into(mails::table).values(&rows).execute(tx.conn)?;
    for (mail, things) in made {
        let these = table::table.filter(table::id.among(things).and(table::mail_id.is_null()));
        diesel::update(these).set(table::mail_id.eq(mail.id)).execute(tx.conn)?;
    }
    made.iter().try_for_each(|(mail, _)| order(tx, ctx, mail))
}

/// Enqueues the job that sends an email.
pub fn order(tx: &mut Tx<'_>, ctx: &Ctx, mail: &NoticeMailRow) -> Result<()> {
    let job = NewJob::new(&Post { mail_id: mail.id }, ctx.now)?.keyed(format!("{} {}", Post::KIND, mail.id));
    jobs::order(tx, ctx, &job.about(mail.user_id))
}

/// Nothing waits for these any more: they can get no emails.
pub fn forget_waiting<'u>(tx: &mut Tx<'_>, people: impl Iterator<Item = &'u UserId>) -> Result<()> {
    let people: Vec<UserId> = people.copied().collect();
    if !people.is_empty() {
        let theirs = table::table.filter(table::user_id.among(&people).and(table::mail_id.is_null()));
        diesel::delete(theirs).execute(tx.conn)?;
    }
    Ok(())
}

fn waiting(tx: &mut Tx<'_>, people: &BTreeSet<UserId>) -> Result<BTreeMap<UserId, Vec<Row>>> {
    let rows = table::table.filter(table::user_id.among(people).and(table::mail_id.is_null()));
    let rows = rows.order((table::user_id, table::at, table::id));
    let rows: Vec<Row> = rows.select((table::user_id, table::id, table::kind, table::due_at)).load(tx.conn)?;
    let mut waiting = BTreeMap::<UserId, Vec<Row>>::new();
    for row in rows {
        waiting.entry(row.0).or_default().push(row);
    }
    Ok(waiting)
}

fn with_digest(tx: &mut Tx<'_>, people: &BTreeSet<UserId>) -> Result<HashSet<UserId>> {
    let wanted = notice_digests::table.filter(notice_digests::user_id.among(people)).select(notice_digests::user_id);
    Ok(wanted.load::<UserId>(tx.conn)?.into_iter().collect())
}

/// When their emails of the last hour were made.
fn recent(tx: &mut Tx<'_>, ctx: &Ctx, people: &BTreeSet<UserId>) -> Result<HashMap<UserId, Vec<Timestamp>>> {
    let recent = mails::table.filter(mails::user_id.among(people)).filter(mails::period.is_null());
    let recent = recent.filter(mails::created_at.gt(ctx.now.minus(bundle::HOUR)));
    let recent: Vec<(UserId, Timestamp)> = recent.select((mails::user_id, mails::created_at)).load(tx.conn)?;
    let mut times = HashMap::<UserId, Vec<Timestamp>>::new();
    for (user, at) in recent {
        times.entry(user).or_default().push(at);
    }
    Ok(times)
}

/// What a clock that was ahead has put off is due now.
fn put_right(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<usize> {
    let beyond = queues::table.filter(queues::next_at.gt(ctx.now.plus(policy::FARTHEST)));
    let beyond = beyond.order(queues::user_id).limit(PIECE).select(queues::user_id);
    let beyond: Vec<UserId> = dialect::unclaimed!(beyond).load(tx.conn)?;
    if beyond.is_empty() {
        return Ok(0);
    }
    let theirs = table::table.filter(table::user_id.among(&beyond).and(table::mail_id.is_null()));
    diesel::update(theirs.filter(table::due_at.gt(ctx.now))).set(table::due_at.eq(ctx.now)).execute(tx.conn)?;
    let put = queues::table.filter(queues::user_id.among(&beyond));
    Ok(diesel::update(put).set(queues::next_at.eq(ctx.now)).execute(tx.conn)?)
}
