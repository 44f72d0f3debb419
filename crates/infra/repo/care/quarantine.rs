//! The files in quarantine, for moderators. Nobody gets their content.

use clowder_core::{
    Ctx, Page, PageRequest, Result, UserId, Word,
    audit::{Entry, Target},
};
use clowder_media::{
    Change, FileId, FileStatus, Purpose, care::QuarantinedFile, change::FileGone, kinds, refusals::FILE_NOT_QUARANTINED,
};
use data_encoding::HEXLOWER;
use diesel::prelude::*;
use serde_json::json;

use super::super::{
    audit,
    cards::Cards,
    db::Tx,
    dialect::{self, Conn},
    journal,
    media::{deleting, read},
};
use crate::{
    domains::media::{FileRow, ObjectRow, file_objects, files},
    store::Memory,
};

pub fn list(conn: &mut Conn, people: &Memory, page: &PageRequest) -> Result<Page<QuarantinedFile>> {
    let mut bad = file_objects::table
        .inner_join(files::table)
        .filter(file_objects::status.eq(FileStatus::Quarantined.as_str()))
        .order((file_objects::scanned_at.desc(), files::id.desc()))
        .limit(page.fetch())
        .select((FileRow::as_select(), ObjectRow::as_select()))
        .into_boxed();
    if let Some((at, id)) = page.moment()? {
        let id: FileId = id;
        let earlier = file_objects::scanned_at.lt(at);
        bad = bad.filter(earlier.or(file_objects::scanned_at.eq(at).and(files::id.lt(id))));
    }
    let rows: Vec<(FileRow, ObjectRow)> = bad.load(conn)?;
    let cards = Cards::of(conn, Some(people), rows.iter().map(|(file, _)| file.owner_id))?;
    let mut shown = Vec::with_capacity(rows.len());
    for (file, object) in rows {
        shown.push(QuarantinedFile {
            id: file.id,
            kind: kinds::named(&object.kind, &file.name).to_owned(),
            size: object.size,
            sha256: object.sha256.as_deref().map(|octets| HEXLOWER.encode(octets)),
            purpose: Purpose::parse_word(&file.purpose)?,
            status: FileStatus::Quarantined,
            uploaded_by: cards.card(file.owner_id)?,
            created_at: file.created_at,
            scanned_at: object.scanned_at,
            virus: object.virus,
            name: file.name,
        });
    }
    Page::fill(shown.into_iter().map(Ok), page, |file| Page::<()>::place(file.scanned_at, file.id))
}

pub fn delete(tx: &mut Tx<'_>, ctx: &Ctx, file: FileId) -> Result<()> {
    let owner = files::table.find(file).select(files::owner_id).first::<UserId>(tx.conn).optional()?;
    let owner = owner.ok_or(FILE_NOT_QUARANTINED)?;
    dialect::accounts::lock_user(tx.conn, owner)?;
    let (row, object) = read::find(tx.conn, owner, file)?.ok_or(FILE_NOT_QUARANTINED)?;
    if object.status()? != FileStatus::Quarantined {
        return Err(FILE_NOT_QUARANTINED.into());
    }
    deleting::end(tx, ctx, owner, &row, &object)?;
    let sha256 = object.sha256.as_deref().map(|octets| HEXLOWER.encode(octets));
    let entry = Entry::new("file.removed").on(Target::of("file", file)).about(owner);
    audit::record(tx, ctx, &entry.before(json!({"virus": object.virus, "sha256": sha256})))?;
    journal::append(tx, ctx, &Change::Deleted(owner, FileGone { id: file }))
}
