//! The pictures of groups: an avatar, which its chat shows, too, and a cover.

use clowder_core::{Ctx, FileId, Result, UserId};
use clowder_social::groups::{GroupId, policy::may_see};
use diesel::prelude::*;

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

/// The groups that have this file as one of their pictures. Few have the same.
fn with(conn: &mut Conn, file: FileId) -> Result<Vec<GroupRow>> {
    let pictured = groups::table.filter(groups::avatar_id.eq(file)).select(GroupRow::as_select());
    let mut all: Vec<GroupRow> = pictured.order(groups::id).limit(MOST).load(conn)?;
    let covered = groups::table.filter(groups::cover_id.eq(file)).select(GroupRow::as_select());
    all.extend(covered.order(groups::id).limit(MOST).load::<GroupRow>(conn)?);
    Ok(all)
}

/// In how many groups is looked for whoever wants to see a file: as many as one person can own.
const MOST: i64 = 200;

/// Whoever sees a group sees its pictures.
fn shows(conn: &mut Conn, viewer: Viewer, file: FileId) -> Result<bool> {
    // One that is being deleted has none.
    for row in with(conn, file)? {
        let place = read::place(conn, viewer.now, row.id, viewer.id)?;
        if may_see(row.visibility()?, place) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn holds(conn: &mut Conn, file: FileId) -> Result<Option<Hold>> {
    Ok((!with(conn, file)?.is_empty()).then_some(Hold::Firm))
}

/// Takes a file from one of the groups that have it, and tells its members.
fn lets_go(tx: &mut Tx<'_>, ctx: &Ctx, file: FileId) -> Result<usize> {
    let Some(group) = with(tx.conn, file)?.first().map(|row| row.id) else { return Ok(0) };
    take(tx, ctx, group, file)?;
    Ok(1)
}

fn tells(tx: &mut Tx<'_>, ctx: &Ctx, file: FileId, _: Option<Place>) -> Result<Option<Place>> {
    pictures::withdraw(tx, ctx, file, lets_go)
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
