//! The pictures of people: an avatar, which is part of their card, and a cover, which is part of their profile. Both are
//! their own files.

use clowder_accounts::{ProfilePatch, usernames::Renamer};
use clowder_core::{Ctx, FileId, Nullable, Result, UserId, Visibility, Word};
use diesel::{dsl::exists, prelude::*};

use super::super::{
    accounts::profile,
    db::Tx,
    dialect::{self, Conn},
    domains::{Hold, Holder, Place},
    media::pictures,
    people::{Viewer, visible_to},
};
use crate::domains::{accounts::users, friends::friendships};

pub const HOLDER: Holder = Holder { shows, names: false, holds, lets_go, tells };

/// Whoever sees somebody sees their avatar, and whoever sees their profile its cover.
fn shows(conn: &mut Conn, viewer: Viewer, file: FileId) -> Result<bool> {
    let pictured = users::table.filter(users::avatar_id.eq(file)).filter(visible_to(viewer));
    if diesel::select(exists(pictured)).get_result(conn)? {
        return Ok(true);
    }
    let friends = friendships::user_id.eq(viewer.id).and(friendships::friend_id.eq(users::id));
    let open = users::visibility.ne(Visibility::Friends.as_str()).or(users::id.eq(viewer.id));
    let open = open.or(exists(friendships::table.filter(friends)));
    let covered = users::table.filter(users::cover_id.eq(file)).filter(visible_to(viewer));
    let seen = match viewer.staff {
        true => diesel::select(exists(covered)).get_result(conn)?,
        false => diesel::select(exists(covered.filter(open))).get_result(conn)?,
    };
    Ok(seen)
}

/// Somebody who has this file as one of their pictures.
fn with(conn: &mut Conn, file: FileId) -> Result<Option<UserId>> {
    let pictured = users::table.filter(users::avatar_id.eq(file)).select(users::id);
    if let Some(user) = pictured.first::<UserId>(conn).optional()? {
        return Ok(Some(user));
    }
    let covered = users::table.filter(users::cover_id.eq(file)).select(users::id);
    Ok(covered.first::<UserId>(conn).optional()?)
}

fn holds(conn: &mut Conn, file: FileId) -> Result<Option<Hold>> {
    Ok(with(conn, file)?.map(|_| Hold::Firm))
}

/// Takes a file from the profile that has it, as its owner would.
fn lets_go(tx: &mut Tx<'_>, ctx: &Ctx, file: FileId) -> Result<usize> {
    let Some(user) = with(tx.conn, file)? else { return Ok(0) };
    dialect::accounts::lock_user(tx.conn, user)?;
    let own = users::table.find(user).select((users::avatar_id, users::cover_id));
    let (avatar, cover): (Option<FileId>, Option<FileId>) = own.first(tx.conn)?;
    let gone = |picture: Option<FileId>| (picture == Some(file)).then_some(Nullable(None));
    let patch = ProfilePatch { avatar: gone(avatar), cover: gone(cover), ..ProfilePatch::default() };
    if let Some((before, after)) = profile::change(tx, ctx, user, Renamer::Owner, patch)? {
        profile::tell(tx, ctx, &before, &after)?;
    }
    Ok(1)
}

fn tells(tx: &mut Tx<'_>, ctx: &Ctx, file: FileId, after: Option<Place>) -> Result<Option<Place>> {
    pictures::tell(tx, ctx, file, after, lets_go, renew)
}

/// Tells the person who has the picture that it can be read: nobody else has it.
fn renew(tx: &mut Tx<'_>, ctx: &Ctx, file: FileId, after: Option<Place>) -> Result<Option<Place>> {
    let Some(user) = with(tx.conn, file)?.filter(|_| after.is_none()) else { return Ok(None) };
    dialect::accounts::lock_user(tx.conn, user)?;
    // They may have taken it away meanwhile.
    if with(tx.conn, file)? == Some(user) {
        let own = profile::own(tx.conn, user)?.at(ctx.now);
        profile::tell(tx, ctx, &own, &own)?;
    }
    Ok(Some((user.uuid(), 0)))
}
