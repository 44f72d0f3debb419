//! Imports of chats over the database: a file arrives, a job makes a chat of it, and its progress is read.

mod planning;
mod privacy;
mod working;
mod writing;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use clowder_core::{
    ChatId, Ctx, Error, Id, NewJob, Page, PageRequest, Refusal, Result, UserId, Word,
    audit::{Entry, Target},
    job::Work,
};
use clowder_messaging::{
    ChatImports,
    chat_imports::{AuthorsBy, ChatImport, ChatImportId, ImportStatus, PIECE as PIECE_OCTETS, Refused, may_begin},
    refusals::CHAT_IMPORT_UNKNOWN,
};
use diesel::{dsl::count_star, prelude::*};
use serde::{Deserialize, Serialize};
use tracing::instrument;

use super::{
    Repo,
    accounts::ghosts,
    audit,
    chats::{clearing, hold::is_alive},
    clock::{SHOWN, never, when},
    db::Tx,
    dialect::{self, Conn},
    domains::{Domain, Sweep},
    idempotency::Stub,
    jobs,
    messaging::titles,
    user_keys,
};
use crate::{
    domains::messaging::{
        ChatImportRefusalRow, ChatImportRow, chat_import_authors as authors, chat_import_pieces as pieces,
        chat_import_refusals as refusals, chat_imports as table, chat_imports, chats, compress, expand,
    },
    seal::{Column, KeyRing, Place, Sealed, Under},
};
use working::Make;

pub const DOMAIN: Domain = Domain {
    parts: privacy::PARTS,
    sealed: &[PIECE],
    words: &[
        "chat_import_refusals.code",
        "chat_import_refusals.message",
        "chat_import_refusals.pointer",
        "chat_imports.authors",
        "chat_imports.problem",
        "chat_imports.status",
    ],
    times: &[when!(OnReturn, chat_imports.created_at), never("chat_imports.finished_at", SHOWN)],
    sweeps: &[Sweep::Rows(privacy::sweep)],
    workers: |repo| vec![Arc::new(working::Maker(Arc::clone(repo)))],
    ..Domain::NONE
};

const PIECE: Column = Column::new("chat_import_pieces", "data", "id", Under::UserKey);
/// How long a file that arrives counts as one that is being imported.
const ARRIVING: Duration = Duration::from_secs(600);
/// How many authors of a deleted chat are forgotten in one piece.
const AUTHORS: i64 = 200;

/// What is stored of an import that has begun: its id.
#[derive(Serialize, Deserialize)]
struct Stored(ChatImportId);

impl Stub for Stored {}

#[async_trait]
impl ChatImports for Repo {
    #[instrument(level = "debug", skip_all)]
    async fn begin_import(&self, ctx: &Ctx) -> Result<ChatImportId> {
        let ctx = ctx.clone();
        self.db.write(move |tx| begin(tx, &ctx)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn add_to_import(&self, ctx: &Ctx, import: ChatImportId, number: i32, piece: &[u8]) -> Result<()> {
        if piece.len() > PIECE_OCTETS {
            return Err(Error::internal("a piece of a file that is too large"));
        }
        let (ctx, piece) = (ctx.clone(), piece.to_vec());
        self.db.write(move |tx| add(tx, &ctx, import, number, &piece)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn start_import(&self, ctx: &Ctx, import: ChatImportId, by: AuthorsBy) -> Result<ChatImport> {
        let caller = ctx.clone();
        let row = self.db.read(move |conn| own(conn, &caller, import)).await?;
        // The file is what makes a repeated call the same one.
        let mut call = ctx.clone();
        if let Some(key) = &ctx.idempotency_key {
            let said = self.deps.keys.fingerprint(&[b"import", by.as_str().as_bytes(), &row.digest]);
            call.idempotency_key = Some(key.with(&said));
        }
        let (caller, again_by) = (call.clone(), call.clone());
        let first = move |tx: &mut Tx<'_>| Ok((start(tx, &caller, import, by)?, Stored(import)));
        let again = move |tx: &mut Tx<'_>, Stored(earlier): Stored| {
            discard(tx, &again_by, import)?;
            shown(tx.conn, &again_by, earlier)
        };
        self.db.create(&call, first, again).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn drop_import(&self, ctx: &Ctx, import: ChatImportId) -> Result<()> {
        let ctx = ctx.clone();
        self.db.write(move |tx| discard(tx, &ctx, import)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn chat_import(&self, ctx: &Ctx, import: ChatImportId) -> Result<ChatImport> {
        let ctx = ctx.clone();
        self.db.read(move |conn| shown(conn, &ctx, import)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn refused_imports(&self, ctx: &Ctx, import: ChatImportId, page: PageRequest) -> Result<Page<Refused>> {
        let ctx = ctx.clone();
        self.db.read(move |conn| refused(conn, &ctx, import, &page)).await
    }
}

fn begin(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<ChatImportId> {
    let user = ctx.user()?;
    dialect::accounts::lock_user(tx.conn, user)?;
    if !is_alive(tx.conn, user)? {
        return Err(CHAT_IMPORT_UNKNOWN.into());
    }
    let open = table::status.eq_any([ImportStatus::Queued, ImportStatus::Running].map(Word::as_str));
    // A file whose sender has gone away keeps nobody waiting for long.
    let arrives = table::status.eq(ImportStatus::Uploading.as_str());
    let arrives = arrives.and(table::created_at.gt(ctx.now.minus(ARRIVING)));
    let running = table::table.filter(table::user_id.eq(user)).filter(open.or(arrives));
    may_begin(running.select(count_star()).first(tx.conn)?)?;
    let row = ChatImportRow {
        id: ChatImportId::new(ctx.now),
        user_id: user,
        status: ImportStatus::Uploading.as_str().to_owned(),
        problem: None,
        authors: AuthorsBy::default().as_str().to_owned(),
        digest: Vec::new(),
        pieces: 0,
        size: 0,
        chat_id: None,
        checked: false,
        items: 0,
        done: 0,
        messages: 0,
        skipped: 0,
        refused: 0,
        created_at: ctx.now,
        finished_at: None,
    };
    diesel::insert_into(table::table).values(&row).execute(tx.conn)?;
    Ok(row.id)
}

/// The caller's import with this id, arrived or not.
fn own(conn: &mut Conn, ctx: &Ctx, import: ChatImportId) -> Result<ChatImportRow> {
    let own = table::table.find(import).filter(table::user_id.eq(ctx.user()?));
    let found: Option<ChatImportRow> = own.select(ChatImportRow::as_select()).first(conn).optional()?;
    Ok(found.ok_or(CHAT_IMPORT_UNKNOWN)?)
}

fn add(tx: &mut Tx<'_>, ctx: &Ctx, import: ChatImportId, number: i32, piece: &[u8]) -> Result<()> {
    dialect::accounts::lock_user(tx.conn, ctx.user()?)?;
    let row = own(tx.conn, ctx, import)?;
    // What takes too long to arrive is forgotten meanwhile.
    if row.status != ImportStatus::Uploading.as_str() {
        return Err(CHAT_IMPORT_UNKNOWN.into());
    }
    if row.pieces != number {
        return Err(Error::internal("a piece of a file that is not expected"));
    }
    let digest = tx.services.keys.fingerprint(&[&row.digest, piece]).to_vec();
    let grown = (table::pieces.eq(number + 1), table::size.eq(row.size + piece.len() as i64), table::digest.eq(digest));
    diesel::update(table::table.find(import)).set(grown).execute(tx.conn)?;
    let id = Id::<()>::new(ctx.now);
    let sealed = user_keys::of(tx, ctx, row.user_id)?.seal(Place::new(PIECE, id), &compress(piece)?)?;
    diesel::insert_into(pieces::table)
        .values((pieces::id.eq(id), pieces::import_id.eq(import), pieces::number.eq(number), pieces::data.eq(sealed)))
        .execute(tx.conn)?;
    Ok(())
}

fn start(tx: &mut Tx<'_>, ctx: &Ctx, import: ChatImportId, by: AuthorsBy) -> Result<ChatImport> {
    dialect::accounts::lock_user(tx.conn, ctx.user()?)?;
    let arrived = table::table.find(import).filter(table::user_id.eq(ctx.user()?));
    let arrived = arrived.filter(table::status.eq(ImportStatus::Uploading.as_str()));
    let queued = (table::status.eq(ImportStatus::Queued.as_str()), table::authors.eq(by.as_str()));
    if diesel::update(arrived).set(queued).execute(tx.conn)? == 0 {
        return Err(CHAT_IMPORT_UNKNOWN.into());
    }
    let job = NewJob::new(&Make { import }, ctx.now)?.about(ctx.user()?);
    jobs::order(tx, ctx, &job.keyed(format!("{} {import}", Make::KIND)))?;
    audit::record(tx, ctx, &Entry::new("chat.import_requested").on(Target::of("chat_import", import)))?;
    shown(tx.conn, ctx, import)
}

/// Forgets a file that no job has begun with; its pieces are swept soon after.
fn discard(tx: &mut Tx<'_>, ctx: &Ctx, import: ChatImportId) -> Result<()> {
    let arriving = table::table.find(import).filter(table::user_id.eq(ctx.user()?));
    let arriving = arriving.filter(table::status.eq(ImportStatus::Uploading.as_str()));
    let failed = (table::status.eq(ImportStatus::Failed.as_str()), table::finished_at.eq(ctx.now));
    diesel::update(arriving).set(failed).execute(tx.conn)?;
    Ok(())
}

/// One that has arrived.
fn shown(conn: &mut Conn, ctx: &Ctx, import: ChatImportId) -> Result<ChatImport> {
    let row = own(conn, ctx, import)?;
    // A file that was dropped was never an import.
    let is_none = row.status == ImportStatus::Uploading.as_str()
        || row.status == ImportStatus::Failed.as_str() && row.problem.is_none();
    if is_none { Err(CHAT_IMPORT_UNKNOWN.into()) } else { row.import() }
}

fn refused(conn: &mut Conn, ctx: &Ctx, import: ChatImportId, page: &PageRequest) -> Result<Page<Refused>> {
    shown(conn, ctx, import)?;
    let rows: Vec<ChatImportRefusalRow> = refusals::table
        .filter(refusals::import_id.eq(import).and(refusals::number.gt(page.number()?.unwrap_or(0))))
        .order(refusals::number)
        .limit(page.fetch())
        .select(ChatImportRefusalRow::as_select())
        .load(conn)?;
    Page::fill(rows.into_iter().map(|row| Ok(row.refused())), page, |refused| refused.number.to_string())
}

/// A piece of the file.
fn piece(conn: &mut Conn, ring: &KeyRing, import: ChatImportId, number: i32) -> Result<Vec<u8>> {
    let found: Option<(Id<()>, Sealed, UserId)> = pieces::table
        .inner_join(table::table)
        .filter(pieces::import_id.eq(import).and(pieces::number.eq(number)))
        .select((pieces::id, pieces::data, table::user_id))
        .first(conn)
        .optional()?;
    let (id, sealed, user) = found.ok_or_else(|| Error::internal("a file without one of its pieces"))?;
    let key = user_keys::find(conn, ring, user)?.ok_or_else(|| Error::internal("a file without its owner's key"))?;
    expand(&key.open(Place::new(PIECE, id), &sealed)?)
}

/// Ends an import that cannot be finished: what there is of its chat is deleted by a job.
fn fail(tx: &mut Tx<'_>, ctx: &Ctx, import: ChatImportId, why: Refusal) -> Result<()> {
    let open = [ImportStatus::Queued, ImportStatus::Running].map(Word::as_str);
    let row = table::table.find(import).filter(table::status.eq_any(open)).select(ChatImportRow::as_select());
    let Some(row) = row.first(tx.conn).optional()? else { return Ok(()) };
    abandon(tx, ctx, row.chat_id)?;
    let failed = (
        table::status.eq(ImportStatus::Failed.as_str()),
        table::problem.eq(why.code),
        table::finished_at.eq(ctx.now),
        table::chat_id.eq(None::<ChatId>),
    );
    diesel::update(table::table.find(import)).set(failed).execute(tx.conn)?;
    Ok(())
}

/// Lets a job delete a chat in which nobody is yet.
fn abandon(tx: &mut Tx<'_>, ctx: &Ctx, chat: Option<ChatId>) -> Result<()> {
    let Some(chat) = chat else { return Ok(()) };
    dialect::messaging::lock_chat(tx.conn, chat)?;
    let empty = chats::table.find(chat).filter(chats::deleted_at.is_null()).filter(chats::participant_count.eq(0));
    let gone = (chats::deleted_at.eq(ctx.now), chats::title.eq(None::<String>), chats::description.eq(None::<String>));
    if diesel::update(empty).set(gone).execute(tx.conn)? > 0 {
        titles::unindex(tx, chat)?;
        tx.deleted_text = true;
        clearing::order(tx, ctx, chat)?;
    }
    Ok(())
}

/// Forgets some of the authors of a deleted chat, and what those without an account are called; answers how many rows.
pub fn clear(tx: &mut Tx<'_>, chat: ChatId) -> Result<u64> {
    let some = authors::table.filter(authors::chat_id.eq(chat)).order(authors::username).limit(AUTHORS);
    let some: Vec<(String, UserId, bool)> =
        some.select((authors::username, authors::user_id, authors::has_account)).load(tx.conn)?;
    let nameless: Vec<UserId> =
        some.iter().filter(|(.., has_account)| !has_account).map(|(_, user, _)| *user).collect();
    ghosts::forget(tx, &nameless)?;
    let names: Vec<&String> = some.iter().map(|(name, ..)| name).collect();
    let these = authors::table.filter(authors::chat_id.eq(chat).and(authors::username.eq_any(names)));
    tx.deleted_text |= !some.is_empty();
    Ok(diesel::delete(these).execute(tx.conn)? as u64)
}
