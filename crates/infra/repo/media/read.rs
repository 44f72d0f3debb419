//! Reading files: who sees them, what they are, and how much somebody has.

use clowder_core::{Page, PageRequest, Result, Timestamp, UserId, Word, audit::Entry};
use clowder_media::{
    Content, File, FileFilter, FileId, FileStatus, Format, ObjectId, Purpose, Size,
    policy::{Taken, Trash, Usage},
    refusals::{FILE_FORBIDDEN, FILE_LINK_INVALID, FILE_NOT_PUBLIC, FILE_UNKNOWN},
};
use diesel::{dsl::exists, prelude::*};

use super::{
    super::{
        dialect::Conn,
        domains::{Evidence, Sight, evidence, shows_file},
        people::Viewer,
    },
    links::Pass,
    posters,
};
use crate::domains::media::{FileRow, ObjectRow, file_objects, file_totals, file_usage, files};

/// A file of this person.
pub fn find(conn: &mut Conn, user: UserId, file: FileId) -> Result<Option<(FileRow, ObjectRow)>> {
    let own = files::table.inner_join(file_objects::table).filter(files::id.eq(file).and(files::owner_id.eq(user)));
    Ok(own.select((FileRow::as_select(), ObjectRow::as_select())).first(conn).optional()?)
}

pub fn own(conn: &mut Conn, user: UserId, file: FileId) -> Result<(FileRow, ObjectRow)> {
    Ok(find(conn, user, file)?.ok_or(FILE_UNKNOWN)?)
}

/// A file that somebody sees, and what the audit log has of that.
struct Sighted {
    row: FileRow,
    object: ObjectRow,
    look: Option<Entry>,
}

/// A file that somebody sees: their own, or one of a thing that they see, as its domain says. Of another person's picture,
/// nobody learns the name; of evidence, it is in the report.
fn visible_to(conn: &mut Conn, viewer: Viewer, file: FileId) -> Result<Option<Sighted>> {
    let any = files::table.inner_join(file_objects::table).filter(files::id.eq(file));
    let any = any.select((FileRow::as_select(), ObjectRow::as_select()));
    let found = any.first::<(FileRow, ObjectRow)>(conn).optional()?;
    if let Some((row, object)) = found.clone() {
        if row.owner_id == viewer.id {
            return Ok(Some(Sighted { row, object, look: None }));
        }
        if let Some(sight) = shows_file(conn, viewer, file)? {
            let row = if sight == Sight::Named { row } else { row.unnamed(&object) };
            return Ok(Some(Sighted { row, object, look: None }));
        }
    }
    let Some(Evidence { object, ready, look }) = evidence(conn, viewer, file)? else { return Ok(None) };
    let look = Some(look);
    if let Some((row, object)) = found {
        // The report has the names of files of messages.
        let is_picture =
            ![Purpose::Attachment, Purpose::Voice, Purpose::Video].iter().any(|it| it.as_str() == row.purpose);
        let row = if is_picture { row.unnamed(&object) } else { row };
        return Ok(Some(Sighted { row, object, look }));
    }
    let object = file_objects::table.find(object).select(ObjectRow::as_select());
    let object = object.first::<ObjectRow>(conn)?.as_it_was(ready);
    Ok(Some(Sighted { row: FileRow::gone(file, &object).unnamed(&object), object, look }))
}

pub fn shown(conn: &mut Conn, viewer: Viewer, file: FileId) -> Result<File> {
    let Sighted { row, object, .. } = visible_to(conn, viewer, file)?.ok_or(FILE_UNKNOWN)?;
    let (is_own, poster) = (row.owner_id == viewer.id, posters::to(conn, &row, &object)?);
    let file = posters::file(row, &object, poster.as_ref())?;
    // Whoever forwards a file, or gives it to a group, does not say whose it is.
    Ok(if is_own { file } else { File { uploaded_by: None, poster_id: None, ..file } })
}

/// A file as its owner sees it.
pub fn to_owner(conn: &mut Conn, row: FileRow, object: &ObjectRow) -> Result<File> {
    let poster = posters::to(conn, &row, object)?;
    posters::file(row, object, poster.as_ref())
}

/// A content, and what the audit log has of whoever looks at it.
pub type Looked = (Content, Option<Entry>);

pub fn content(conn: &mut Conn, viewer: Viewer, file: FileId) -> Result<Looked> {
    let Sighted { row, object, look } = visible_to(conn, viewer, file)?.ok_or(FILE_UNKNOWN)?;
    Ok((row.content(&object, viewer.id)?, look))
}

pub fn thumbnail(conn: &mut Conn, viewer: Viewer, file: FileId, size: Size, format: Format) -> Result<Looked> {
    let Sighted { row, object, look } = visible_to(conn, viewer, file)?.ok_or(FILE_UNKNOWN)?;
    let poster = posters::to(conn, &row, &object)?;
    Ok((posters::thumbnail(row, &object, poster, viewer.id, size, format)?, look))
}

/// A picture that somebody sees whom nobody knows.
pub fn public_picture(
    conn: &mut Conn,
    stranger: Viewer,
    file: FileId,
    thumbnail: Option<(Size, Format)>,
) -> Result<Content> {
    let Sighted { row, object, .. } = visible_to(conn, stranger, file)?.ok_or(FILE_NOT_PUBLIC)?;
    if !Purpose::parse_word(&row.purpose)?.is_picture() {
        return Err(FILE_NOT_PUBLIC.into());
    }
    match thumbnail {
        Some((size, format)) => row.thumbnail(&object, stranger.id, size, format),
        None => row.content(&object, stranger.id),
    }
}

/// A file that somebody wants to change: only their own.
pub fn changeable(conn: &mut Conn, viewer: Viewer, file: FileId) -> Result<(FileRow, ObjectRow)> {
    let Sighted { row, object, .. } = visible_to(conn, viewer, file)?.ok_or(FILE_UNKNOWN)?;
    if row.owner_id == viewer.id { Ok((row, object)) } else { Err(FILE_FORBIDDEN.into()) }
}

/// The content at an address that somebody has made: as long as they see the file, and have not ended the address.
pub fn linked(conn: &mut Conn, now: Timestamp, pass: Pass, file: FileId) -> Result<Content> {
    if !pass.is_good(conn, now)? {
        return Err(FILE_LINK_INVALID.into());
    }
    // What they see as everybody does.
    let viewer = Viewer { id: pass.user, staff: false, now };
    let Sighted { row, object, .. } = visible_to(conn, viewer, file)?.ok_or(FILE_LINK_INVALID)?;
    row.content(&object, viewer.id)
}

pub fn list(conn: &mut Conn, user: UserId, filter: FileFilter, page: &PageRequest) -> Result<Page<File>> {
    let mut own = files::table
        .inner_join(file_objects::table)
        .filter(files::owner_id.eq(user))
        .order(files::id.desc())
        .limit(page.fetch())
        .select((FileRow::as_select(), ObjectRow::as_select()))
        .into_boxed();
    if let Some(purpose) = filter.purpose {
        own = own.filter(files::purpose.eq(purpose.as_str()));
    }
    if let Some(before) = page.id()? {
        let before: FileId = before;
        own = own.filter(files::id.lt(before));
    }
    let rows: Vec<(FileRow, ObjectRow)> = own.load(conn)?;
    let videos = rows.iter().filter(|(_, object)| posters::is_video(object)).map(|(row, _)| row.id);
    let posters = posters::of(conn, &videos.collect::<Vec<_>>())?;
    let all = rows.into_iter().map(|(row, object)| {
        let poster = posters.get(&row.id);
        posters::file(row, &object, poster)
    });
    Page::fill(all, page, |file| file.id.to_string())
}

/// How many octets somebody has, in how many files.
pub fn used(conn: &mut Conn, user: UserId) -> Result<(i64, i64)> {
    let own = file_usage::table.find(user).select((file_usage::octets, file_usage::files));
    Ok(own.first(conn).optional()?.unwrap_or_default())
}

pub fn usage(conn: &mut Conn, user: UserId, now: Timestamp) -> Result<Usage> {
    let own = (file_usage::octets, file_usage::files, file_usage::trash_octets, file_usage::trash_objects);
    let own: Option<(i64, i64, i64, i64)> = file_usage::table.find(user).select(own).first(conn).optional()?;
    let (octets, files, trash_octets, trash_objects) = own.unwrap_or_default();
    let arriving = file_objects::owner_id.eq(user).and(file_objects::status.eq(FileStatus::Uploading.as_str()));
    let arriving = file_objects::table.filter(arriving).filter(file_objects::arriving_until.gt(now));
    Ok(Usage {
        octets,
        files,
        arriving: arriving.count().get_result(conn)?,
        trash: Trash { octets: trash_octets, objects: trash_objects },
    })
}

/// What of the room of this person and of the server is taken by others than this upload.
pub fn taken(conn: &mut Conn, user: UserId, upload: ObjectId, now: Timestamp) -> Result<Taken> {
    let own = file_objects::owner_id.eq(user).and(file_objects::arriving_until.gt(now));
    let own = file_objects::table.filter(own.and(file_objects::id.ne(upload))).select(file_objects::reserved);
    let reserved: Vec<i64> = own.load(conn)?;
    let (octets, _) = used(conn, user)?;
    let of_this = file_objects::table.find(upload).select(file_objects::reserved).first::<i64>(conn).optional()?;
    let server: i64 = file_totals::table.select(file_totals::octets).first(conn)?;
    Ok(Taken { own: octets + reserved.iter().sum::<i64>(), server: server - of_this.unwrap_or(0) })
}

/// Whether some file has these bytes.
pub fn is_kept(conn: &mut Conn, object: ObjectId) -> Result<bool> {
    let kept = file_objects::table.find(object).filter(file_objects::refs.gt(0));
    Ok(diesel::select(exists(kept)).get_result(conn)?)
}
