//! What a block ends between two people: invitations of one by the other, and requests that the other alone decides.

use clowder_core::{Result, UserId, Word};
use clowder_social::groups::{GroupId, Standing};
use diesel::prelude::*;

use super::{
    super::{
        db::Tx,
        dialect::{self, Conn},
    },
    attempts::end_open,
    read,
    told::Told,
};
use crate::domains::groups::{PersonRow, group_people, groups};

/// Ends invitations that one of two people, who are locked, has from the other, and requests of one in groups that the
/// other owns; returns what everybody is told, which is the same as when their time is over. In groups that somebody
/// else owns, others can decide, so requests stay there.
pub fn sever(tx: &mut Tx<'_>, one: UserId, other: UserId) -> Result<Vec<Told>> {
    let mut between: Vec<(GroupId, UserId)> = Vec::new();
    for (guest, host) in [(one, other), (other, one)] {
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
        let host = if guest == one { other } else { one };
        let ends = match Standing::parse_word(&row.status)? {
            Standing::Invited => row.invited_by == Some(host),
            Standing::Pending => held.owner_id == Some(host),
            Standing::Member | Standing::Banned => false,
        };
        if ends {
            told.extend(end_open(tx, group, &row)?.into_iter().flatten());
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
