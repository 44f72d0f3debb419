//! What a block ends between two people: invitations of one by the other, and requests that the other alone decides.

use clowder_core::{ChatId, Ctx, Result, UserId, Word};
use clowder_messaging::{
    Change, ChatRole,
    change::{Decided, Unwanted},
    invitations::Standing,
};
use diesel::prelude::*;

use super::{
    super::{
        chats::hold,
        db::Tx,
        dialect::{self, Conn},
        messaging::chats,
    },
    attempts::{self, Kind},
    guests::{decided, uninvited},
};
use crate::domains::messaging::{GuestRow, chat_guests, participants};

/// Ends invitations that one of two people, who are locked, has from the other, and requests of one to chats that the
/// other alone owns, as if the one who does not want the other any more had done so in person; returns what everybody is
/// told.
pub fn sever(tx: &mut Tx<'_>, ctx: &Ctx, by: UserId, other: UserId) -> Result<Vec<Change>> {
    let mut between: Vec<(ChatId, UserId)> = Vec::new();
    for (guest, host) in [(by, other), (other, by)] {
        let found = concerned(tx.conn, guest, host)?;
        between.extend(found.into_iter().map(|chat| (chat, guest)));
    }
    // Chats are locked in the order of their ids.
    between.sort_unstable();
    let mut told = Vec::new();
    for (chat, guest) in between {
        dialect::messaging::lock_chat(tx.conn, chat)?;
        // It may have been deleted, or have got another owner, before it was locked.
        if chats::face(tx.conn, chat)?.is_none() {
            continue;
        }
        let row = chat_guests::table.find((chat, guest)).select(GuestRow::as_select());
        let Some(row) = row.first::<GuestRow>(tx.conn).optional()? else { continue };
        let host = if guest == by { other } else { by };
        let own = guest == by;
        let (refused, ended) = match Standing::parse_word(&row.status)? {
            Standing::Invited if row.invited_by == Some(host) => {
                let reason = if own { Unwanted::Declined } else { Unwanted::Withdrawn };
                (own.then_some(Kind::Invitation), uninvited(tx.conn, chat, guest, reason)?)
            }
            Standing::Pending if decides_alone(tx.conn, chat, host)? => {
                let action = if own { Decided::Cancel } else { Decided::Reject };
                ((!own).then_some(Kind::Request), decided(tx.conn, chat, guest, action)?)
            }
            _ => continue,
        };
        told.extend(ended);
        diesel::delete(chat_guests::table.find((chat, guest))).execute(tx.conn)?;
        if let Some(kind) = refused {
            attempts::refused(tx.conn, ctx, kind, chat, guest)?;
        }
    }
    Ok(told)
}

/// Whether somebody is the only owner of a chat.
fn decides_alone(conn: &mut Conn, chat: ChatId, user: UserId) -> Result<bool> {
    Ok(hold::owners(conn, chat)? == [user])
}

/// The chats in which something of the guest may depend on the host.
fn concerned(conn: &mut Conn, guest: UserId, host: UserId) -> Result<Vec<ChatId>> {
    let own = || chat_guests::table.filter(chat_guests::user_id.eq(guest)).select(chat_guests::chat_id);
    let invited = chat_guests::status.eq(Standing::Invited.as_str()).and(chat_guests::invited_by.eq(host));
    let mut found: Vec<ChatId> = own().filter(invited).load(conn)?;
    // Nobody has many requests open.
    let asked: Vec<ChatId> = own().filter(chat_guests::status.eq(Standing::Pending.as_str())).load(conn)?;
    let owned = participants::user_id.eq(host).and(participants::role.eq(ChatRole::Owner.as_str()));
    let owned = participants::table.filter(owned).filter(participants::chat_id.eq_any(asked));
    found.extend(owned.select(participants::chat_id).load::<ChatId>(conn)?);
    Ok(found)
}
