//! Exports: requested, listed, and downloaded in chunks. Whoever holds a link needs no token, so the link is encrypted
//! and expires.

use std::ops::Range;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clowder_accounts::{
    model::{Download, Export, ExportId, ExportStatus},
    privacy::{CHUNK, EXPORT_KNOWN_FOR, Wish, may_export, status_of},
    refusals::{EXPORT_GONE, EXPORT_LINK_INVALID, EXPORT_UNKNOWN},
};
use clowder_core::{
    Ctx, Error, Id, NewJob, Page, PageRequest, Result, Timestamp, UserId, Word,
    audit::{Entry, Target},
    job::{Queue, Work},
};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::super::{
    accounts::profile,
    audit,
    db::Tx,
    dialect::{self, Conn},
    jobs,
    media::exporting::Content,
    two_factor, user_keys,
};
use crate::{
    domains::privacy::{export_chunks, export_files, exports as table},
    keys::{Keys, Purpose},
    seal::{KeyRing, Place, Sealed},
};

/// The job that makes an export.
#[derive(Debug, Serialize, Deserialize)]
pub struct Pack {
    pub export: ExportId,
}

impl Work for Pack {
    const KIND: &'static str = "account.export";
    const QUEUE: Queue = Queue::Exports;
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = table)]
pub struct ExportRow {
    pub id: ExportId,
    status: String,
    progress: i16,
    size: i64,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    user_id: UserId,
    link_id: Option<Id<()>>,
}

impl ExportRow {
    pub fn status(&self, now: Timestamp) -> Result<ExportStatus> {
        Ok(status_of(now, ExportStatus::parse_word(&self.status)?, self.created_at, self.expires_at))
    }

    /// Whoever has the link has the export, so it is only shown to `recent` sessions, which could also request another.
    fn export(self, keys: &Keys, now: Timestamp, recent: bool) -> Result<Export> {
        let status = self.status(now)?;
        let url = match (status, self.expires_at) {
            (ExportStatus::Ready, Some(until)) if recent => Some(link(keys, self.id, self.link_id, until)?),
            _ => None,
        };
        let size = (status == ExportStatus::Ready).then_some(self.size);
        let Self { id, created_at, expires_at, .. } = self;
        let progress = f64::from(self.progress) / 100.0;
        Ok(Export { id, status, progress, size, url, created_at, expires_at })
    }
}

pub fn ask(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<Export> {
    let user = ctx.user()?;
    dialect::accounts::lock_user(tx.conn, user)?;
    two_factor::require_recent(tx.conn, ctx)?;
    profile::own(tx.conn, user)?;
    let rows = rows(tx.conn, ctx.now, user)?;
    let recent = rows.iter().map(|row| Ok((row.id, row.status(ctx.now)?, row.created_at)));
    let id = match may_export(ctx.now, &recent.collect::<Result<Vec<_>>>()?)? {
        Wish::Again(id) => id,
        Wish::New => {
            let id = ExportId::new(ctx.now);
            diesel::insert_into(table::table)
                .values((
                    table::id.eq(id),
                    table::user_id.eq(user),
                    table::status.eq(ExportStatus::Queued.as_str()),
                    table::progress.eq(0),
                    table::size.eq(0),
                    table::created_at.eq(ctx.now),
                ))
                .execute(tx.conn)?;
            jobs::order(tx, ctx, &NewJob::new(&Pack { export: id }, ctx.now)?.keyed(format!("{}:{id}", Pack::KIND)))?;
            audit::record(tx, ctx, &Entry::new("export.requested").on(Target::user(user)))?;
            id
        }
    };
    one(tx.conn, &tx.services.keys, ctx, id)
}

/// The latest first.
fn rows(conn: &mut Conn, now: Timestamp, user: UserId) -> Result<Vec<ExportRow>> {
    let own = table::table.filter(table::user_id.eq(user).and(table::created_at.gt(now.minus(EXPORT_KNOWN_FOR))));
    Ok(own.order((table::created_at.desc(), table::id.desc())).limit(100).select(ExportRow::as_select()).load(conn)?)
}

pub fn list(conn: &mut Conn, keys: &Keys, ctx: &Ctx, page: &PageRequest) -> Result<Page<Export>> {
    let recent = two_factor::is_recent(conn, ctx)?;
    let mut own = table::table
        .filter(table::user_id.eq(ctx.user()?).and(table::created_at.gt(ctx.now.minus(EXPORT_KNOWN_FOR))))
        .order((table::created_at.desc(), table::id.desc()))
        .limit(page.fetch())
        .select(ExportRow::as_select())
        .into_boxed();
    if let Some((at, id)) = page.moment()? {
        let earlier = table::created_at.lt(at);
        own = own.filter(earlier.or(table::created_at.eq(at).and(table::id.lt::<ExportId>(id))));
    }
    let rows: Vec<ExportRow> = own.load(conn)?;
    let rows = rows.into_iter().map(|row| row.export(keys, ctx.now, recent));
    Page::fill(rows, page, |export| Page::<()>::place(export.created_at, export.id))
}

pub fn one(conn: &mut Conn, keys: &Keys, ctx: &Ctx, export: ExportId) -> Result<Export> {
    let own = table::table.find(export).filter(table::user_id.eq(ctx.user()?));
    let row: Option<ExportRow> = own.select(ExportRow::as_select()).first(conn).optional()?;
    let recent = two_factor::is_recent(conn, ctx)?;
    row.ok_or(EXPORT_UNKNOWN)?.export(keys, ctx.now, recent)
}

/// The content of a link's token.
#[derive(Serialize, Deserialize)]
struct Pass {
    export: ExportId,
    /// Stored in the export until its links are ended.
    link: Option<Id<()>>,
    until: Timestamp,
}

pub fn link(keys: &Keys, export: ExportId, link: Option<Id<()>>, until: Timestamp) -> Result<String> {
    let pass = serde_json::to_vec(&Pass { export, link, until })?;
    let token = URL_SAFE_NO_PAD.encode(keys.seal(Purpose::ExportLink, export.uuid().as_bytes(), &pass)?);
    Ok(format!("/api/exports/{export}/download?token={token}"))
}

/// Ends the links to all exports of a user; requesting one again creates another link. Running downloads are cut off.
pub fn end_links(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId) -> Result<()> {
    let own = table::table.filter(table::user_id.eq(user));
    diesel::update(own).set(table::link_id.eq(Id::<()>::new(ctx.now))).execute(tx.conn)?;
    Ok(())
}

/// The content of a link: which export and which link id.
pub fn may_fetch(keys: &Keys, now: Timestamp, export: ExportId, token: &str) -> Result<Option<Id<()>>> {
    let unseal = |sealed: Vec<u8>| keys.unseal(Purpose::ExportLink, export.uuid().as_bytes(), &sealed).ok();
    let opened = URL_SAFE_NO_PAD.decode(token).ok().and_then(unseal);
    let pass: Option<Pass> = opened.and_then(|plain| serde_json::from_slice(&plain).ok());
    let pass = pass.filter(|pass| pass.export == export).ok_or(EXPORT_LINK_INVALID)?;
    if pass.until > now { Ok(pass.link) } else { Err(EXPORT_GONE.into()) }
}

/// The link is valid, but may lead to nothing: it may have been ended, or the account erased.
pub fn download(conn: &mut Conn, now: Timestamp, export: ExportId, link: Option<Id<()>>) -> Result<Download> {
    let row: Option<ExportRow> = table::table.find(export).select(ExportRow::as_select()).first(conn).optional()?;
    let row = row.ok_or(EXPORT_GONE)?;
    if row.status(now)? != ExportStatus::Ready || row.link_id != link {
        return Err(EXPORT_GONE.into());
    }
    let size = row.size.unsigned_abs();
    Ok(Download { id: export, user: row.user_id, link, size, created_at: row.created_at })
}

/// How many pieces the content of a file has.
pub fn pieces_of(size: i64) -> Option<i32> {
    i32::try_from(size.unsigned_abs().div_ceil(CHUNK as u64)).ok()
}

/// A piece of an export.
pub enum Piece {
    Octets(Vec<u8>),
    /// A piece of the content of a file.
    Of(Content, Range<u64>),
}

pub fn piece(conn: &mut Conn, ring: &KeyRing, file: &Download, number: i32) -> Result<Option<Piece>> {
    type Row = (Id<()>, Sealed, UserId, Option<Id<()>>);
    let found: Option<Row> = export_chunks::table
        .inner_join(table::table)
        .filter(export_chunks::export_id.eq(file.id).and(export_chunks::number.eq(number)))
        .select((export_chunks::id, export_chunks::data, table::user_id, table::link_id))
        .first(conn)
        .optional()?;
    let Some((id, sealed, user, link)) = found else { return of_a_file(conn, file, number) };
    if link != file.link {
        return Ok(None);
    }
    let key = user_keys::find(conn, ring, user)?.ok_or_else(|| Error::internal("an export without its user's key"))?;
    Ok(Some(Piece::Octets(key.open(Place::new(super::EXPORT_CHUNK, id), &sealed)?)))
}

/// The piece with this number of the file that begins there or before.
fn of_a_file(conn: &mut Conn, file: &Download, number: i32) -> Result<Option<Piece>> {
    let found = export_files::table
        .inner_join(table::table)
        .filter(export_files::export_id.eq(file.id).and(export_files::first.le(number)))
        .order(export_files::first.desc())
        .select((table::link_id, export_files::first, export_files::object_id, export_files::clean, export_files::size))
        .first(conn)
        .optional()?;
    let Some((link, first, object, clean, size)) = found else { return Ok(None) };
    let (link, first, size): (Option<Id<()>>, i32, i64) = (link, first, size);
    if link != file.link {
        return Ok(None);
    }
    let start = u64::from(number.abs_diff(first)) * CHUNK as u64;
    let range = start..size.unsigned_abs().min(start + CHUNK as u64);
    Ok((!range.is_empty()).then_some(Piece::Of(Content { object, clean }, range)))
}
