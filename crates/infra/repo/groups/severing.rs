//! What a block ends between two people: invitations of one by the other, and requests that the other alone decides.

use clowder_core::{Ctx, Result, UserId, Word};
use clowder_social::groups::{
    GroupId, Standing,
    change::{Decided, Unwanted},
};
use diesel::prelude::*;

use super::{
    super::{
        db::Tx,
        dialect::{self, Conn},
    },
    attempts::{self, Kind},
    read,
    told::Told,
    writes::forget,
};
use crate::domains::groups::{PersonRow, group_people, groups};

/// Ends invitations that one of two people, who are locked, has from the other, and requests of one in groups that the
/// other owns, as if the one who does not want the other any more had done so in person; returns what everybody is told.
/// In groups that somebody else owns, others can decide, so requests stay there.
pub fn sever(tx: &mut Tx<'_>, ctx: &Ctx, by: UserId, other: UserId) -> Result<Vec<Told>> {
    let mut between: Vec<(GroupId, UserId)> = Vec::new();
    for (guest, host) in [(by, other), (other, by)] {
        let found = concerned(tx.conn, guest, host)?;
        between.extend(found.into_iter().map(|group| (group, guest)));
    }
    // Groups are locked in the order of their ids.
    between.sort_unstable();
    let mut told = Vec::new();
    for (group, guest) in between {
        dialect::groups::lock_group(tx.conn, group)?;
        // It may have been deleted, or have got another owner, before it was locked.
        let Some(held) = read::row(tx.conn, group)? else { continue };
        let row = group_people::table.find((group, guest)).select(PersonRow::as_select());
        let Some(row) = row.first::<PersonRow>(tx.conn).optional()? else { continue };
        let host = if guest == by { other } else { by };
        let own = guest == by;
        let (refused, ended) = match Standing::parse_word(&row.status)? {
            Standing::Invited if row.invited_by == Some(host) => {
                let reason = if own { Unwanted::Declined } else { Unwanted::Withdrawn };
                (own.then_some(Kind::Invitation), attempts::uninvited(tx.conn, group, guest, reason)?)
            }
            Standing::Pending if held.owner_id == Some(host) => {
                let action = if own { Decided::Cancel } else { Decided::Reject };
                ((!own).then_some(Kind::Request), attempts::decided(tx.conn, group, guest, action)?)
            }
            _ => continue,
        };
        told.extend(ended);
        forget(tx, group, guest)?;
        if let Some(kind) = refused {
            attempts::refused(tx.conn, ctx, kind, group, guest)?;
        }
    }
    Ok(told)
}

/// The groups in which something of the guest may depend on the host.
fn concerned(conn: &mut Conn, guest: UserId, host: UserId) -> Result<Vec<GroupId>> {
    let invited = group_people::status.eq(Standing::Invited.as_str()).and(group_people::invited_by.eq(host));
    let asked = group_people::status.eq(Standing::Pending.as_str()).and(groups::owner_id.eq(host));
    let own = group_people::table.inner_join(groups::table).filter(group_people::user_id.eq(guest));
    let mut found: Vec<GroupId> = own.filter(invited).select(group_people::group_id).load(conn)?;
    found.extend(own.filter(asked).select(group_people::group_id).load::<GroupId>(conn)?);
    Ok(found)
}
