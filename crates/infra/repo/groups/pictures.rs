//! The pictures of groups: an avatar, which its chat shows, too, and a cover.

use clowder_core::{Ctx, FileId, Result, UserId, Word};
use clowder_social::groups::{Change, GroupFilter, GroupId, GroupVisibility};
use diesel::{dsl::exists, prelude::*};

use super::{
    super::{
        db::Tx,
        dialect::{self, Conn},
        domains::{Hold, Holder, Place},
        media::pictures::{self, Chosen},
        people::Viewer,
    },
    read,
    told::{Told, tell},
    writes::changed,
};
use crate::domains::groups::{GroupRow, groups};

pub const HOLDER: Holder = Holder { shows, names: false, holds, lets_go, tells };

/// Holds the avatar and the cover that a group is to have, as far as they are others than before; they must be this person's.
pub fn hold(tx: &mut Tx<'_>, owner: UserId, before: [Option<FileId>; 2], after: [Option<FileId>; 2]) -> Result<()> {
    let chosen = [
        Chosen::other("avatar", pictures::GROUP, before[0], after[0]),
        Chosen::other("cover", pictures::GROUP_COVER, before[1], after[1]),
    ];
    pictures::hold(tx, owner, &chosen.into_iter().flatten().collect::<Vec<_>>())
}

/// The first group after this one that has the file as one of its pictures.
fn next(conn: &mut Conn, file: FileId, after: GroupId) -> Result<Option<GroupId>> {
    let later = || groups::table.filter(groups::id.gt(after)).order(groups::id).select(groups::id);
    let pictured = later().filter(groups::avatar_id.eq(file)).first::<GroupId>(conn).optional()?;
    let covered = later().filter(groups::cover_id.eq(file)).first::<GroupId>(conn).optional()?;
    Ok(pictured.into_iter().chain(covered).min())
}

fn first(conn: &mut Conn, file: FileId) -> Result<Option<GroupId>> {
    next(conn, file, GroupId::from_uuid(pictures::last(None)))
}

/// Whoever sees a group sees its pictures, as [`clowder_social::groups::policy::may_see`] says. One that is being deleted has
/// none.
fn shows(conn: &mut Conn, viewer: Viewer, file: FileId) -> Result<bool> {
    let own = groups::id.eq_any(read::concerned(viewer.now, viewer.id, &GroupFilter::default()));
    let seen = groups::table
        .filter(groups::avatar_id.eq(file).or(groups::cover_id.eq(file)))
        .filter(groups::deleted_at.is_null())
        .filter(groups::visibility.ne(GroupVisibility::Secret.as_str()).or(own));
    Ok(diesel::select(exists(seen)).get_result(conn)?)
}

fn holds(conn: &mut Conn, file: FileId) -> Result<Option<Hold>> {
    Ok(first(conn, file)?.map(|_| Hold::Firm))
}

/// Takes a file from one of the groups that have it, and tells its members.
fn lets_go(tx: &mut Tx<'_>, ctx: &Ctx, file: FileId) -> Result<usize> {
    let Some(group) = first(tx.conn, file)? else { return Ok(0) };
    take(tx, ctx, group, file)?;
    Ok(1)
}

fn tells(tx: &mut Tx<'_>, ctx: &Ctx, file: FileId, after: Option<Place>) -> Result<Option<Place>> {
    pictures::tell(tx, ctx, file, after, lets_go, renew)
}

/// Tells the members of the next group that its picture can be read.
fn renew(tx: &mut Tx<'_>, ctx: &Ctx, file: FileId, after: Option<Place>) -> Result<Option<Place>> {
    let Some(group) = next(tx.conn, file, GroupId::from_uuid(pictures::last(after)))? else { return Ok(None) };
    dialect::groups::lock_group(tx.conn, group)?;
    let row = read::row(tx.conn, group)?.filter(|row| row.pictures().contains(&Some(file)));
    if let Some(row) = row {
        tell(tx, ctx, &[Told::Group(Change::Updated(Box::new(row.face()?)))])?;
    }
    Ok(Some((group.uuid(), 0)))
}

fn take(tx: &mut Tx<'_>, ctx: &Ctx, group: GroupId, file: FileId) -> Result<()> {
    dialect::groups::lock_group(tx.conn, group)?;
    let Some(before) = read::row(tx.conn, group)? else { return Ok(()) };
    let [avatar_id, cover_id] = before.pictures().map(|picture| picture.filter(|picture| *picture != file));
    let after = GroupRow { avatar_id, cover_id, ..before.clone() };
    match changed(tx, &before, after)? {
        Some((_, updated)) => tell(tx, ctx, &[Told::Group(updated)]),
        None => Ok(()),
    }
}
