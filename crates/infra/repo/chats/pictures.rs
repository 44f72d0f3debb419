//! The pictures of chats.

use clowder_core::{ChatId, Ctx, FileId, Result, UserId};
use clowder_messaging::{Change, ChatFace, change::CHAT_UPDATED};
use diesel::{dsl::exists, prelude::*, sql_types::Bool};

use super::{
    super::{
        db::Tx,
        dialect::{self, Conn},
        domains::{Hold, Holder, Place},
        fragment::Fragment,
        journal,
        media::{
            attaching::loosen,
            pictures::{self, Chosen},
        },
        messaging::chats,
        people::Viewer,
    },
    edit::tell,
};
use crate::domains::messaging::{FaceRow, chat_guests as guests, chats as table, participants};

pub const HOLDER: Holder = Holder { shows, names: false, holds, lets_go, tells };

/// Whoever is invited sees the chat, too.
const IS_INVITED: Fragment<Bool> = Fragment::new("(chat_guests.status = 'invited')");
const IS_PUBLIC: Fragment<Bool> = Fragment::new("(chats.visibility = 'public')");

fn of(face: &ChatFace) -> Option<FileId> {
    face.avatar.map(|picture| picture.file_id)
}

/// Gives a locked chat another picture, if it is one: a file of this person.
pub fn replace(tx: &mut Tx<'_>, owner: UserId, before: &ChatFace, after: &ChatFace) -> Result<()> {
    let chosen = Chosen::other("avatar", pictures::CHAT, of(before), of(after));
    pictures::hold(tx, owner, chosen.as_slice())?;
    pictures::replace(tx, &[of(before)], &[of(after)]);
    Ok(())
}

/// Takes the picture from a locked chat that is being deleted.
pub fn take_away(tx: &mut Tx<'_>, chat: ChatId) -> Result<()> {
    let had = table::table.find(chat).filter(table::avatar_id.is_not_null()).select(table::avatar_id);
    let Some(Some(file)) = had.first::<Option<FileId>>(tx.conn).optional()? else { return Ok(()) };
    diesel::update(table::table.find(chat)).set(table::avatar_id.eq(None::<FileId>)).execute(tx.conn)?;
    loosen(tx, [file]);
    Ok(())
}

/// Whoever sees a chat sees its picture: who is in it or invited, and everybody if it is public.
fn shows(conn: &mut Conn, viewer: Viewer, file: FileId) -> Result<bool> {
    let pictured = || table::table.filter(table::avatar_id.eq(file)).filter(table::deleted_at.is_null());
    if diesel::select(exists(pictured().filter(IS_PUBLIC))).get_result(conn)? {
        return Ok(true);
    }
    let own = participants::chat_id.eq(table::id).and(participants::user_id.eq(viewer.id));
    let own = pictured().inner_join(participants::table.on(own));
    if diesel::select(exists(own)).get_result(conn)? {
        return Ok(true);
    }
    let asked = guests::chat_id.eq(table::id).and(guests::user_id.eq(viewer.id));
    let asked = pictured().inner_join(guests::table.on(asked)).filter(IS_INVITED);
    Ok(diesel::select(exists(asked)).get_result(conn)?)
}

fn holds(conn: &mut Conn, file: FileId) -> Result<Option<Hold>> {
    let has = diesel::select(exists(table::table.filter(table::avatar_id.eq(file)))).get_result::<bool>(conn)?;
    Ok(has.then_some(Hold::Firm))
}

/// Takes a file from one of the chats that have it, and tells whoever is in it. From that of a group its group takes it.
fn lets_go(tx: &mut Tx<'_>, ctx: &Ctx, file: FileId) -> Result<usize> {
    let pictured = table::table.filter(table::avatar_id.eq(file)).filter(table::group_id.is_null());
    let next = pictured.order(table::id).select(table::id).first::<ChatId>(tx.conn).optional()?;
    let Some(chat) = next else { return Ok(0) };
    dialect::messaging::lock_chat(tx.conn, chat)?;
    let own = table::table.find(chat).filter(table::avatar_id.eq(file));
    let without = (table::avatar_id.eq(None::<FileId>), table::version.eq(table::version + 1));
    if diesel::update(own).set(without).execute(tx.conn)? == 0 {
        return Ok(1);
    }
    // One that is being deleted is told of to nobody.
    if let Some(row) = chats::face(tx.conn, chat)? {
        let updated = Change::ChatUpdated(Box::new(row.face()?));
        journal::supersede(tx, &[CHAT_UPDATED], &updated)?;
        tell(tx, ctx, &[updated])?;
    }
    Ok(1)
}

fn tells(tx: &mut Tx<'_>, ctx: &Ctx, file: FileId, after: Option<Place>) -> Result<Option<Place>> {
    pictures::tell(tx, ctx, file, after, lets_go, renew)
}

/// Tells whoever is in the next chat that its picture can be read. The members of a group hear of that as of its own.
fn renew(tx: &mut Tx<'_>, ctx: &Ctx, file: FileId, after: Option<Place>) -> Result<Option<Place>> {
    let later = table::table.filter(table::id.gt(ChatId::from_uuid(pictures::last(after))));
    let pictured = later.filter(table::avatar_id.eq(file)).filter(table::group_id.is_null());
    let next = pictured.order(table::id).select(table::id).first::<ChatId>(tx.conn).optional()?;
    let Some(chat) = next else { return Ok(None) };
    dialect::messaging::lock_chat(tx.conn, chat)?;
    let face = chats::face(tx.conn, chat)?.map(FaceRow::face).transpose()?;
    if let Some(face) = face.filter(|face| of(face) == Some(file)) {
        tell(tx, ctx, &[Change::ChatUpdated(Box::new(face))])?;
    }
    Ok(Some((chat.uuid(), 0)))
}
