//! Posters of videos: a picture of their owner that takes the place of their thumbnails. Whoever sees the video sees these. The
//! video has the picture, which goes with it.

use std::collections::HashMap;

use clowder_core::{Ctx, Error, Nullable, Result, Thumbnail, UserId, Word, text::Flaw};
use clowder_media::{
    Change, Content, File, FileId, FilePatch, FileStatus, Format, Seen, Size, refusals::FILE_NO_VIDEO,
};
use diesel::{dsl::exists, prelude::*};

use super::{
    super::{
        among::AmongIds,
        db::Tx,
        dialect::{self, Conn},
        domains::{Hold, Holder, Place},
        journal,
        people::Viewer,
    },
    announcing,
    attaching::{self, FileFacts},
    pictures, read,
};
use crate::domains::media::{FileRow, Look, ObjectRow, file_objects, file_posters as table, files};

pub const HOLDER: Holder = Holder { shows: |_, _, _| Ok(false), names: false, holds, lets_go, tells };

/// A picture that a video has.
pub type Poster = (FileRow, ObjectRow);

/// The posters of those of these files that have one.
pub fn of(conn: &mut Conn, ids: &[FileId]) -> Result<HashMap<FileId, Poster>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let with = table::table.inner_join(files::table.inner_join(file_objects::table)).filter(table::file_id.among(ids));
    let rows: Vec<(FileId, FileRow, ObjectRow)> =
        with.select((table::file_id, FileRow::as_select(), ObjectRow::as_select())).load(conn)?;
    Ok(rows.into_iter().map(|(video, row, object)| (video, (row, object))).collect())
}

/// That of one file.
pub fn to(conn: &mut Conn, row: &FileRow, object: &ObjectRow) -> Result<Option<Poster>> {
    if is_video(object) { Ok(of(conn, &[row.id])?.remove(&row.id)) } else { Ok(None) }
}

/// Whether a file can have one.
pub fn is_video(object: &ObjectRow) -> bool {
    object.kind.starts_with("video/")
}

/// What others may know of what is in a file with this poster.
pub fn look(row: &FileRow, object: &ObjectRow, poster: Option<&Poster>) -> Result<Look> {
    let own = row.look(object)?;
    let Some((picture, made)) = poster else { return Ok(own) };
    if row.status(object)? != FileStatus::Ready || picture.status(made)? != FileStatus::Ready {
        return Ok(own);
    }
    let Look { seen, .. } = picture.look(made)?;
    let of = seen.thumbnails.iter();
    let thumbnails = of.map(|made| Thumbnail::of(row.id, made.size, made.width, made.height)).collect();
    Ok(Look { seen: Seen { blurhash: seen.blurhash, ..own.seen }, thumbnails })
}

/// A file with this poster, as its owner sees it.
pub fn file(row: FileRow, object: &ObjectRow, poster: Option<&Poster>) -> Result<File> {
    let Look { seen, thumbnails } = look(&row, object, poster)?;
    let poster_id = poster.map(|(picture, _)| picture.id);
    Ok(File { blurhash: seen.blurhash, thumbnails, poster_id, ..row.file(object)? })
}

/// A thumbnail of a file with this poster.
pub fn thumbnail(
    row: FileRow,
    object: &ObjectRow,
    poster: Option<Poster>,
    viewer: UserId,
    size: Size,
    format: Format,
) -> Result<Content> {
    match poster {
        Some((picture, made)) if picture.status(&made)? == FileStatus::Ready => {
            row.is_ready(object)?;
            let name = format!("{}.{}", row.id, format.ending());
            Ok(Content { name, ..picture.thumbnail(&made, viewer, size, format)? })
        }
        _ => row.thumbnail(object, viewer, size, format),
    }
}

/// Gives a video of the caller another poster, or none.
pub fn edit(tx: &mut Tx<'_>, ctx: &Ctx, file: FileId, patch: FilePatch) -> Result<File> {
    let user = ctx.user()?;
    dialect::accounts::lock_user(tx.conn, user)?;
    let (row, object) = read::changeable(tx.conn, Viewer::of(ctx)?, file)?;
    let before = to(tx.conn, &row, &object)?;
    let had = before.as_ref().map(|(picture, _)| picture.id);
    let has = patch.poster_id.map_or(had, |Nullable(has)| has);
    if has == had {
        return self::file(row, &object, before.as_ref());
    }
    if !is_video(&object) {
        return Err(FILE_NO_VIDEO.into());
    }
    diesel::delete(table::table.find(file)).execute(tx.conn)?;
    if let Some(poster) = has {
        hold(tx, user, poster)?;
        let one = (table::file_id.eq(file), table::poster_id.eq(poster));
        diesel::insert_into(table::table).values(one).execute(tx.conn)?;
    }
    attaching::loosen(tx, had);
    tell(tx, ctx, row, &object)
}

/// Tells the owner of a video, and those who see things with it, that it has another poster.
fn tell(tx: &mut Tx<'_>, ctx: &Ctx, row: FileRow, object: &ObjectRow) -> Result<File> {
    announcing::order(tx, ctx, row.id)?;
    let (owner, poster) = (row.owner_id, to(tx.conn, &row, object)?);
    let now = file(row, object, poster.as_ref())?;
    journal::append(tx, ctx, &Change::Updated(owner, (&now).into()))?;
    Ok(now)
}

/// Holds a picture until the end of the transaction, if it is this person's and has thumbnails.
fn hold(tx: &mut Tx<'_>, owner: UserId, poster: FileId) -> Result<()> {
    let kept = dialect::media::keep_files(tx.conn, &[poster])?;
    let facts = attaching::facts(tx.conn, &kept)?.remove(&poster).filter(|facts| facts.owner == owner);
    match facts.as_ref().map_or_else(|| Some(pictures::unknown()), flaw) {
        Some(flaw) => Err(Error::Invalid(vec![flaw.at("/poster_id")])),
        None => Ok(()),
    }
}

fn flaw(facts: &FileFacts) -> Option<Flaw> {
    let is = |statuses: &[FileStatus]| statuses.iter().any(|status| facts.status == status.as_str());
    if is(&[FileStatus::Uploading, FileStatus::Scanning]) {
        return Some(Flaw::new("not_ready", "has not arrived yet, or is still being examined"));
    }
    if is(&[FileStatus::Quarantined, FileStatus::Failed]) {
        return Some(pictures::unusable());
    }
    let fits = facts.kind.starts_with("image/") && !facts.look.thumbnails.is_empty();
    (!fits).then(|| Flaw::new("unfit", "must be a picture that has thumbnails"))
}

/// A file goes; so does its poster, if nothing else has that.
pub fn forget(tx: &mut Tx<'_>, file: FileId) -> Result<()> {
    let gone = diesel::delete(table::table.find(file)).returning(table::poster_id);
    let gone: Option<FileId> = gone.get_result(tx.conn).optional()?;
    attaching::loosen(tx, gone);
    Ok(())
}

fn holds(conn: &mut Conn, file: FileId) -> Result<Option<Hold>> {
    let has = diesel::select(exists(table::table.filter(table::poster_id.eq(file)))).get_result::<bool>(conn)?;
    Ok(has.then_some(Hold::Firm))
}

/// The first video after this one that has this poster.
fn next(conn: &mut Conn, poster: FileId, after: Option<Place>) -> Result<Option<FileId>> {
    let after = FileId::from_uuid(pictures::last(after));
    let with = table::table.filter(table::poster_id.eq(poster).and(table::file_id.gt(after)));
    Ok(with.order(table::file_id).select(table::file_id).first(conn).optional()?)
}

/// A video, its owner locked.
fn video(tx: &mut Tx<'_>, file: FileId) -> Result<Option<(FileRow, ObjectRow)>> {
    let owner = files::table.find(file).select(files::owner_id).first::<UserId>(tx.conn).optional()?;
    let Some(owner) = owner else { return Ok(None) };
    dialect::accounts::lock_user(tx.conn, owner)?;
    read::find(tx.conn, owner, file)
}

/// Takes a file that is deleted from one of the videos that have it as their poster.
fn lets_go(tx: &mut Tx<'_>, ctx: &Ctx, file: FileId) -> Result<usize> {
    let Some(of) = next(tx.conn, file, None)? else { return Ok(0) };
    let found = video(tx, of)?;
    let this = table::table.find(of).filter(table::poster_id.eq(file));
    if diesel::delete(this).execute(tx.conn)? > 0
        && let Some((row, object)) = found
    {
        tell(tx, ctx, row, &object)?;
    }
    Ok(1)
}

/// The thumbnails of a video are there, or are not, as those of its poster are.
fn tells(tx: &mut Tx<'_>, ctx: &Ctx, file: FileId, after: Option<Place>) -> Result<Option<Place>> {
    let Some(of) = next(tx.conn, file, after)? else { return Ok(None) };
    if let Some((row, object)) = video(tx, of)? {
        tell(tx, ctx, row, &object)?;
    }
    Ok(Some((of.uuid(), 0)))
}
