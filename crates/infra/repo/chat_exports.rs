//! Exports of chats over the database: requested, listed, downloaded in pieces and ended.

mod privacy;
mod writing;

use std::sync::Arc;

use async_trait::async_trait;
use clowder_core::{
    ChatId, Ctx, Error, Id, NewJob, Page, PageRequest, Result, UserId, Word,
    audit::{Entry, Target},
    export::ExportStatus,
    job::Work,
};
use clowder_messaging::{
    ChatExports,
    chat_exports::{ChatExport, ChatExportId, ExportFile, KNOWN_FOR, Known, NewExport, READY_FOR, Wish, decide},
    refusals::{CHAT_EXPORT_GONE, CHAT_EXPORT_NOT_READY, CHAT_EXPORT_UNKNOWN, CHAT_UNKNOWN},
};
use diesel::{prelude::*, sql_types::Bool};
use serde::{Deserialize, Serialize};
use tracing::instrument;

use super::{
    Repo, audit,
    chats::hold::is_alive,
    clock::{never, until, when},
    db::Tx,
    dialect::{self, Conn},
    domains::{Domain, Sweep},
    fragment::Fragment,
    idempotency::Stub,
    jobs, user_keys,
};
use crate::{
    domains::messaging::{
        ChatExportRow, chat_export_pieces as pieces, chat_exports as table, chat_exports, chats, expand, participants,
    },
    seal::{Column, KeyRing, Place, Sealed, Under},
};
use writing::Write;

pub const DOMAIN: Domain = Domain {
    parts: privacy::PARTS,
    sealed: &[PIECE],
    words: &["chat_exports.format", "chat_exports.problem", "chat_exports.status"],
    times: &[
        when!(OnReturn, chat_exports.created_at),
        when!(OnReturn, chat_exports.expires_at, until!(chat_exports.expires_at, |_| READY_FOR)),
        never("chat_exports.member_since", "it is compared with the time in the membership"),
    ],
    sweeps: &[Sweep::Rows(privacy::sweep)],
    workers: |repo| vec![Arc::new(writing::Writer(Arc::clone(repo)))],
    ..Domain::NONE
};

const PIECE: Column = Column::new("chat_export_pieces", "data", "id", Under::UserKey);

/// What is stored of a request: the id of the export.
#[derive(Serialize, Deserialize)]
struct Stored(ChatExportId);

impl Stub for Stored {}

#[async_trait]
impl ChatExports for Repo {
    #[instrument(level = "debug", skip_all)]
    async fn export_chat(&self, ctx: &Ctx, chat: ChatId, new: NewExport) -> Result<ChatExport> {
        let (caller, again_by) = (ctx.clone(), ctx.clone());
        let first = move |tx: &mut Tx<'_>| {
            let export = ask(tx, &caller, chat, new)?;
            let stub = Stored(export.id);
            Ok((export, stub))
        };
        let again = move |tx: &mut Tx<'_>, Stored(id): Stored| one(tx.conn, &again_by, id);
        self.db.create(ctx, first, again).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn chat_exports(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<ChatExport>> {
        let ctx = ctx.clone();
        self.db.read(move |conn| list(conn, &ctx, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn chat_export(&self, ctx: &Ctx, export: ChatExportId) -> Result<ChatExport> {
        let ctx = ctx.clone();
        self.db.read(move |conn| one(conn, &ctx, export)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn chat_export_file(&self, ctx: &Ctx, export: ChatExportId) -> Result<ExportFile> {
        let ctx = ctx.clone();
        self.db.read(move |conn| file(conn, &ctx, export)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn chat_export_piece(&self, ctx: &Ctx, file: &ExportFile, number: i32) -> Result<Option<Vec<u8>>> {
        let (ctx, ring, file) = (ctx.clone(), self.db.ring(), *file);
        self.db.read(move |conn| piece(conn, &ring, &ctx, file, number)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn end_chat_export(&self, ctx: &Ctx, export: ChatExportId) -> Result<()> {
        let ctx = ctx.clone();
        self.db.write(move |tx| end(tx, &ctx, export)).await
    }
}

/// Whether the owner of an export has been in its chat since they requested it.
const IS_MEMBER: Fragment<Bool> = Fragment::new(
    "EXISTS (SELECT 1 FROM participants p JOIN chats c ON c.id = p.chat_id WHERE p.chat_id = chat_exports.chat_id \
     AND p.user_id = chat_exports.user_id AND p.joined_at = chat_exports.member_since AND c.deleted_at IS NULL)",
);

fn ask(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, new: NewExport) -> Result<ChatExport> {
    let user = ctx.user()?;
    dialect::accounts::lock_user(tx.conn, user)?;
    if !is_alive(tx.conn, user)? {
        return Err(CHAT_UNKNOWN.into());
    }
    let membership = participants::table
        .inner_join(chats::table)
        .filter(participants::chat_id.eq(chat).and(participants::user_id.eq(user)))
        .filter(chats::deleted_at.is_null())
        .select((participants::joined_at, participants::visible_from, chats::last_seq));
    let (member_since, from_seq, last_seq) = membership.first(tx.conn).optional()?.ok_or(CHAT_UNKNOWN)?;
    let own = table::table.filter(table::user_id.eq(user)).filter(table::created_at.gt(ctx.now.minus(KNOWN_FOR)));
    let own: Vec<(ChatExportRow, bool)> = own.select((ChatExportRow::as_select(), IS_MEMBER)).load(tx.conn)?;
    let known: Vec<Known> = own.iter().map(|(row, member)| row.known(*member)).collect::<Result<_>>()?;
    let id = match decide(ctx.now, chat, new.format, &known)? {
        Wish::Again(id) => id,
        Wish::New => {
            let row = ChatExportRow {
                id: ChatExportId::new(ctx.now),
                user_id: user,
                chat_id: chat,
                member_since,
                format: new.format.as_str().to_owned(),
                status: ExportStatus::Queued.as_str().to_owned(),
                problem: None,
                from_seq,
                last_seq,
                seq: from_seq,
                pieces: 0,
                messages: 0,
                size: 0,
                restarts: 0,
                created_at: ctx.now,
                expires_at: None,
            };
            diesel::insert_into(table::table).values(&row).execute(tx.conn)?;
            let job = NewJob::new(&Write { export: row.id }, ctx.now)?.about(user);
            jobs::order(tx, ctx, &job.keyed(format!("{} {}", Write::KIND, row.id)))?;
            let entry = Entry::new("chat.export_requested").on(Target::of("chat", chat));
            audit::record(tx, ctx, &entry.after(serde_json::json!({ "format": new.format.as_str() })))?;
            row.id
        }
    };
    one(tx.conn, ctx, id)
}

fn list(conn: &mut Conn, ctx: &Ctx, page: &PageRequest) -> Result<Page<ChatExport>> {
    let mut own = table::table
        .filter(table::user_id.eq(ctx.user()?).and(table::created_at.gt(ctx.now.minus(KNOWN_FOR))))
        .order((table::created_at.desc(), table::id.desc()))
        .limit(page.fetch())
        .select((ChatExportRow::as_select(), IS_MEMBER))
        .into_boxed();
    if let Some((at, id)) = page.moment()? {
        let earlier = table::created_at.lt(at);
        own = own.filter(earlier.or(table::created_at.eq(at).and(table::id.lt::<ChatExportId>(id))));
    }
    let rows: Vec<(ChatExportRow, bool)> = own.load(conn)?;
    let exports = rows.into_iter().map(|(row, member)| row.export(ctx.now, member, CHAT_UNKNOWN.code));
    Page::fill(exports, page, |export| Page::<()>::place(export.created_at, export.id))
}

/// The caller's export with this id, and whether they have been in its chat since.
fn own(conn: &mut Conn, ctx: &Ctx, export: ChatExportId) -> Result<(ChatExportRow, bool)> {
    let own = table::table.find(export).filter(table::user_id.eq(ctx.user()?));
    let own = own.filter(table::created_at.gt(ctx.now.minus(KNOWN_FOR)));
    let found = own.select((ChatExportRow::as_select(), IS_MEMBER)).first(conn).optional()?;
    Ok(found.ok_or(CHAT_EXPORT_UNKNOWN)?)
}

fn one(conn: &mut Conn, ctx: &Ctx, export: ChatExportId) -> Result<ChatExport> {
    let (row, member) = own(conn, ctx, export)?;
    row.export(ctx.now, member, CHAT_UNKNOWN.code)
}

fn file(conn: &mut Conn, ctx: &Ctx, export: ChatExportId) -> Result<ExportFile> {
    let (row, member) = own(conn, ctx, export)?;
    match row.known(member)?.status(ctx.now) {
        ExportStatus::Ready => row.file(),
        ExportStatus::Expired => Err(CHAT_EXPORT_GONE.into()),
        _ if !member => Err(CHAT_EXPORT_GONE.into()),
        _ => Err(CHAT_EXPORT_NOT_READY.into()),
    }
}

fn piece(conn: &mut Conn, ring: &KeyRing, ctx: &Ctx, file: ExportFile, number: i32) -> Result<Option<Vec<u8>>> {
    // What ends the export ends a download that is running, too.
    let own = table::id.eq(file.id).and(table::user_id.eq(file.user));
    let still = own.and(table::status.eq(ExportStatus::Ready.as_str())).and(table::expires_at.gt(ctx.now));
    let found: Option<(Id<()>, Sealed, UserId)> = pieces::table
        .inner_join(table::table)
        .filter(still)
        .filter(pieces::number.eq(number))
        .filter(IS_MEMBER)
        .select((pieces::id, pieces::data, table::user_id))
        .first(conn)
        .optional()?;
    let Some((id, sealed, user)) = found else { return Ok(None) };
    let key = user_keys::find(conn, ring, user)?.ok_or_else(|| Error::internal("an export without its owner's key"))?;
    expand(&key.open(Place::new(PIECE, id), &sealed)?).map(Some)
}

/// How often a file begins again. Whoever deletes a message now and then could keep it from ever being finished.
const MOST_RESTARTS: i64 = 20;

/// Lets the exports of a locked chat that are being written begin again, because these messages are deleted, and may be in what
/// is written or has just been read. A file that is finished stays as it is for its time, and so does one that has begun too
/// often.
pub fn begin_again(tx: &mut Tx<'_>, chat: ChatId, gone: &[i64]) -> Result<()> {
    let (Some(first), Some(last)) = (gone.iter().min(), gone.iter().max()) else { return Ok(()) };
    let running = table::chat_id.eq(chat).and(IS_RUNNING).and(table::restarts.lt(MOST_RESTARTS));
    let running = running.and(table::from_seq.lt(last)).and(table::last_seq.ge(first));
    let ids: Vec<ChatExportId> = table::table.filter(running).order(table::id).select(table::id).load(tx.conn)?;
    for id in ids {
        let begun: Option<(i64, i64)> = diesel::update(table::table.find(id).filter(IS_RUNNING))
            .set(table::restarts.eq(table::restarts + 1))
            .returning((table::from_seq, table::seq))
            .get_result(tx.conn)
            .optional()?;
        let Some((from, written)) = begun else { continue };
        if gone.iter().any(|seq| from < *seq && *seq <= written) {
            let anew = (table::seq.eq(from), table::pieces.eq(0), table::messages.eq(0_i64), table::size.eq(0_i64));
            diesel::update(table::table.find(id)).set(anew).execute(tx.conn)?;
            diesel::delete(pieces::table.filter(pieces::export_id.eq(id))).execute(tx.conn)?;
            tx.deleted_text = true;
        }
    }
    Ok(())
}

/// The condition of the index, as constant text, so that the databases use it.
const IS_RUNNING: Fragment<Bool> = Fragment::new("(chat_exports.status = 'running')");

/// The pieces are swept soon after.
fn end(tx: &mut Tx<'_>, ctx: &Ctx, export: ChatExportId) -> Result<()> {
    dialect::accounts::lock_user(tx.conn, ctx.user()?)?;
    own(tx.conn, ctx, export)?;
    let ends = [ExportStatus::Queued, ExportStatus::Running, ExportStatus::Ready].map(Word::as_str);
    diesel::update(table::table.find(export).filter(table::status.eq_any(ends)))
        .set((table::status.eq(ExportStatus::Expired.as_str()), table::expires_at.eq(ctx.now)))
        .execute(tx.conn)?;
    Ok(())
}
