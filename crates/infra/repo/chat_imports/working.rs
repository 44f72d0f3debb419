//! The job that makes a chat of a file. It may die at any moment: what has been written is committed with how far that is.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use async_trait::async_trait;
use clowder_core::{
    Actor, ChatId, Ctx, Error, Id, Result, Role, UserId, Via, Word,
    audit::{Entry, Target},
    job::{Queue, Taken, Work, Worker},
};
use clowder_messaging::{
    ChatRole, ChatType, SystemAction, SystemNote,
    chat_imports::{ChatImportId, Check, ImportStatus, Order, Part, Plan, Read, Splitter, Unusable},
    refusals::{CHAT_IMPORT_BROKEN, CHAT_IMPORT_DELETED, CHAT_IMPORT_FAILED},
};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    super::{
        Repo, audit,
        chats::edit::tell,
        db::Tx,
        dialect::{self, Conn},
        messaging::{membership, system},
        moderation::sanctions,
        participants::writes,
    },
    fail, piece,
    planning::{self, held},
    writing::{self, Batch, Places},
};
use crate::domains::{
    accounts::users,
    messaging::{
        ChatImportRow, chat_import_authors as authors, chat_import_refusals as refusals, chat_imports as table, chats,
        participants,
    },
};

/// The number of tries before an import fails.
const TRIES: i16 = 6;
/// How many items one transaction writes.
const BATCH: usize = 200;
/// How many rows of other kinds one transaction writes.
const ROWS: usize = 200;

#[derive(Debug, Serialize, Deserialize)]
pub struct Make {
    pub import: ChatImportId,
}

impl Work for Make {
    const KIND: &'static str = "chat.import";
    const QUEUE: Queue = Queue::Exports;
}

pub struct Maker(pub Arc<Repo>);

#[async_trait]
impl Worker for Maker {
    fn kind(&self) -> &'static str {
        Make::KIND
    }

    fn queue(&self) -> Queue {
        Make::QUEUE
    }

    async fn work(&self, ctx: &Ctx, job: &Taken) -> Result<()> {
        let Make { import } = job.read()?;
        match self.make(ctx, import).await {
            Err(error) if job.attempts >= TRIES => {
                match error {
                    Error::Internal(_) => tracing::error!(%error, "an import of a chat failed on its last try"),
                    _ => tracing::warn!(%error, "an import of a chat failed on its last try"),
                }
                let ctx = ctx.clone();
                self.0.db.write(move |tx| fail(tx, &ctx, import, CHAT_IMPORT_FAILED)).await
            }
            made => made,
        }
    }

    /// Times of the file that are ahead count as now; they are only shown.
    fn needs_a_steady_clock(&self, _ctx: &Ctx, _job: &Taken) -> bool {
        false
    }
}

impl Maker {
    async fn make(&self, ctx: &Ctx, import: ChatImportId) -> Result<()> {
        let db = &self.0.db;
        let Some(row) = db.write(move |tx| take(tx, import)).await? else { return Ok(()) };
        let row = if row.checked {
            row
        } else {
            match self.check(&row).await? {
                Ok(plan) => self.plan(ctx, import, plan).await?,
                Err(unusable) => {
                    let (ctx, why) = (ctx.clone(), why(unusable));
                    return db.write(move |tx| fail(tx, &ctx, import, why)).await;
                }
            }
            match db.write(move |tx| held(tx, import, &[])).await? {
                Some(row) => row,
                None => return Ok(()),
            }
        };
        if self.write(ctx, &row).await? {
            self.open(ctx, import).await?;
        }
        Ok(())
    }

    /// Reads the whole file once.
    async fn check(&self, row: &ChatImportRow) -> Result<Result<Plan, Unusable>> {
        let mut check = Check::default();
        for number in 0..row.pieces {
            if let Err(unusable) = check.feed(&self.piece(row.id, number).await?) {
                return Ok(Err(unusable));
            }
        }
        Ok(check.end())
    }

    async fn piece(&self, import: ChatImportId, number: i32) -> Result<Vec<u8>> {
        let ring = self.0.db.ring();
        self.0.db.read(move |conn| piece(conn, &ring, import, number)).await
    }

    /// Writes everything but the messages. What an earlier try has written stays.
    async fn plan(&self, ctx: &Ctx, import: ChatImportId, plan: Plan) -> Result<()> {
        let (db, plan) = (&self.0.db, Arc::new(plan));
        for some in plan.refused.chunks(ROWS) {
            let some = some.to_vec();
            db.write(move |tx| planning::refuse(tx, import, &some)).await?;
        }
        let (caller, wanted) = (ctx.clone(), Arc::clone(&plan));
        if db.write(move |tx| planning::create(tx, &caller, import, &wanted)).await?.is_none() {
            return Ok(());
        }
        let authors: Vec<_> = plan.authors.clone().into_iter().collect();
        for some in authors.chunks(ROWS) {
            let (caller, some) = (ctx.clone(), some.iter().cloned().collect::<BTreeMap<_, _>>());
            if !db.write(move |tx| planning::find_authors(tx, &caller, import, &some)).await? {
                return Ok(());
            }
        }
        db.write(move |tx| planning::end(tx, import, &plan)).await
    }

    /// Reads the file a second time, and writes what has not been written. False if the import has ended.
    async fn write(&self, ctx: &Ctx, row: &ChatImportRow) -> Result<bool> {
        let import = row.id;
        // What was refused after the check, because its author is gone, has no place.
        let gone = self.0.db.read(move |conn| refused(conn, import)).await?;
        let mut run =
            Run { done: row.done, places: Places::default(), batch: Batch { until: row.done, ..Batch::default() } };
        let (mut splitter, mut order) = (Splitter::default(), Order::default());
        for number in 0..row.pieces {
            let (octets, mut parts) = (self.piece(import, number).await?, Vec::new());
            splitter.feed(&octets, &mut parts).map_err(|_| Error::internal("a file that was checked is broken"))?;
            for part in parts {
                let Part::Message(raw) = part else { continue };
                let (number, read) = order.next(raw.as_deref());
                match read {
                    Read::Taken(line) if number > row.done => run.batch.lines.push((number, *line)),
                    Read::Taken(line) if !gone.contains(&number) => run.places.add(&line),
                    _ => {}
                }
                run.batch.until = run.batch.until.max(number);
                if run.batch.lines.len() >= BATCH && !self.flush(ctx, import, &mut run).await? {
                    return Ok(false);
                }
            }
        }
        self.flush(ctx, import, &mut run).await
    }

    async fn flush(&self, ctx: &Ctx, import: ChatImportId, run: &mut Run) -> Result<bool> {
        let batch = Arc::new(std::mem::take(&mut run.batch));
        let until = batch.until;
        run.batch.until = until;
        if until == run.done {
            return Ok(true);
        }
        let (ctx, writes, done, earlier) =
            (ctx.clone(), Arc::clone(&batch), run.done, run.places.named_by(&batch.lines));
        let written = self.0.db.write(move |tx| writing::write(tx, &ctx, import, done, &writes, &earlier)).await?;
        let Some(written) = written else { return Ok(false) };
        let taken = batch.lines.iter().filter(|(number, _)| !written.refused.contains(number));
        taken.for_each(|(_, line)| run.places.add(line));
        run.done = until;
        Ok(true)
    }

    /// Lets people in: first whoever imports it, then its authors; at last everybody is told.
    async fn open(&self, ctx: &Ctx, import: ChatImportId) -> Result<()> {
        loop {
            let ctx = ctx.clone();
            if !self.0.db.write(move |tx| enter(tx, &ctx, import)).await? {
                return Ok(());
            }
        }
    }
}

/// How far the second reading is.
struct Run {
    done: i64,
    places: Places,
    batch: Batch,
}

const fn why(unusable: Unusable) -> clowder_core::Refusal {
    match unusable {
        Unusable::Broken => CHAT_IMPORT_BROKEN,
        Unusable::TooMuch(refusal) => refusal,
    }
}

/// Begins or goes on; `None` if there is nothing to do.
fn take(tx: &mut Tx<'_>, import: ChatImportId) -> Result<Option<ChatImportRow>> {
    let unfinished = [ImportStatus::Queued, ImportStatus::Running].map(Word::as_str);
    let taken = diesel::update(table::table.find(import).filter(table::status.eq_any(unfinished)))
        .set(table::status.eq(ImportStatus::Running.as_str()))
        .execute(tx.conn)?;
    let row = table::table.find(import).select(ChatImportRow::as_select());
    Ok(if taken == 0 { None } else { row.first(tx.conn).optional()? })
}

/// The numbers of all items that are refused.
fn refused(conn: &mut Conn, import: ChatImportId) -> Result<HashSet<i64>> {
    let all = refusals::table.filter(refusals::import_id.eq(import)).select(refusals::number);
    Ok(all.load(conn)?.into_iter().collect())
}

/// Lets some more people in; false when everybody is in, and it is done.
fn enter(tx: &mut Tx<'_>, ctx: &Ctx, import: ChatImportId) -> Result<bool> {
    let chat: Option<Option<ChatId>> = table::table.find(import).select(table::chat_id).first(tx.conn).optional()?;
    let Some(chat) = chat.flatten() else { return Ok(false) };
    let waiting = authors::table.filter(authors::chat_id.eq(chat).and(authors::has_account)).order(authors::username);
    let next: Vec<UserId> = waiting.limit(ROWS as i64).select(authors::user_id).load(tx.conn)?;
    let Some(row) = held(tx, import, &next)? else { return Ok(false) };
    let via = Via::Session(Id::from_uuid(Uuid::nil()));
    let ctx = ctx.by(Actor::User { id: row.user_id, via, role: Role::User });
    dialect::messaging::lock_chat(tx.conn, chat)?;
    // Another worker may have come here before.
    let Some(row) = held(tx, import, &[])? else { return Ok(false) };
    // Whoever imports it is in it first, and may have deleted it while the others come in.
    let there = chats::table.find(chat).filter(chats::deleted_at.is_null());
    let there = there.select((chats::kind, chats::participant_count)).first::<(String, i64)>(tx.conn).optional()?;
    let Some((kind, count)) = there else {
        fail(tx, &ctx, import, CHAT_IMPORT_DELETED)?;
        return Ok(false);
    };
    // Afterwards, they may hand it over and leave.
    if count == 0 {
        let changes = membership::add(tx, &ctx, chat, &[row.user_id], ChatRole::Owner)?;
        tell(tx, &ctx, &changes)?;
        return Ok(true);
    }
    if !next.is_empty() {
        let next = waiting.filter(authors::user_id.eq_any(&next)).select(authors::user_id);
        let next: Vec<UserId> = next.load(tx.conn)?;
        // The owner may have added some of them meanwhile.
        let present = participants::table.filter(participants::chat_id.eq(chat));
        let present = present.filter(participants::user_id.eq_any(&next)).select(participants::user_id);
        let present: Vec<UserId> = present.load(tx.conn)?;
        let alive = users::table.filter(users::id.eq_any(&next)).filter(users::deleted_at.is_null());
        let mut come: Vec<UserId> = alive.order(users::id).select(users::id).load(tx.conn)?;
        let banned = sanctions::banned(tx.conn, ctx.now, chat, &come)?;
        come.retain(|user| !present.contains(user) && !banned.contains(user));
        let wanted = come.len();
        // Who is in as many chats as one can be stays out, and so does everybody for whom the group has no room.
        let busy = writes::busy(tx, row.user_id, &come)?;
        come.retain(|user| !busy.contains(user));
        if kind != ChatType::Channel.as_str() {
            let room = tx.services.options.messaging.people_per_group.saturating_sub(count);
            come.truncate(usize::try_from(room).unwrap_or(0));
        }
        let left_out = table::left_out.eq(table::left_out + (wanted - come.len()) as i64);
        diesel::update(table::table.find(import)).set(left_out).execute(tx.conn)?;
        let changes =
            if come.is_empty() { Vec::new() } else { membership::add(tx, &ctx, chat, &come, ChatRole::Member)? };
        // They are in it, or do not come; which names they had in the file is forgotten.
        let done = authors::table.filter(authors::chat_id.eq(chat).and(authors::user_id.eq_any(&next)));
        diesel::delete(done).execute(tx.conn)?;
        tx.deleted_text = true;
        tell(tx, &ctx, &changes)?;
        return Ok(true);
    }
    let note = SystemNote { action: SystemAction::Imported, user_ids: Vec::new(), title: None, role: None };
    let said = system::say(tx, &ctx, chat, row.user_id, note)?;
    let done = (table::status.eq(ImportStatus::Done.as_str()), table::finished_at.eq(ctx.now));
    diesel::update(table::table.find(import)).set(done).execute(tx.conn)?;
    let entry = Entry::new("chat.imported").on(Target::of("chat", chat)).about(row.user_id);
    let after = serde_json::json!({
        "import_id": import, "messages": row.messages, "refused": row.refused, "left_out": row.left_out,
    });
    audit::record(tx, &ctx, &entry.after(after))?;
    tell(tx, &ctx, &[said])?;
    Ok(false)
}
