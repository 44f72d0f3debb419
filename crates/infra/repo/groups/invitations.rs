//! To which groups somebody is invited, and by whom.

use clowder_core::{Page, PageRequest, Result, Word};
use clowder_social::groups::{
    GroupId, OwnInvitation, Standing,
    policy::{OPEN_FOR, Place},
};
use diesel::prelude::*;

use super::{
    super::{cards::Cards, dialect::Conn, people::Viewer},
    read,
};
use crate::domains::groups::{GroupRow, PersonRow, group_people, groups};

pub fn list(conn: &mut Conn, by: Viewer, page: &PageRequest) -> Result<Page<OwnInvitation>> {
    let Viewer { id: viewer, now, .. } = by;
    let mut open = group_people::table
        .inner_join(groups::table)
        .filter(group_people::user_id.eq(viewer).and(group_people::status.eq(Standing::Invited.as_str())))
        .filter(group_people::since.gt(now.minus(OPEN_FOR)))
        .filter(groups::deleted_at.is_null())
        .order(group_people::group_id.desc())
        .limit(page.fetch())
        .select((PersonRow::as_select(), GroupRow::as_select()))
        .into_boxed();
    if let Some(before) = page.id()? {
        let before: GroupId = before;
        open = open.filter(group_people::group_id.lt(before));
    }
    let (places, rows): (Vec<PersonRow>, Vec<GroupRow>) = open.load::<(PersonRow, GroupRow)>(conn)?.into_iter().unzip();
    let cards = Cards::of(conn, None, places.iter().filter_map(|place| place.invited_by))?;
    let owners = read::shown_owners(conn, by, rows.iter().map(|row| (row, Place::of(Standing::Invited))))?;
    let items = rows.into_iter().zip(places).map(|(row, place)| {
        let invited_by = place.invited_by.map(|inviter| cards.card(inviter)).transpose()?;
        Ok(OwnInvitation { group: row.group(place.place(now)?, &owners)?, invited_by, since: place.since })
    });
    Page::fill(items, page, |invitation| invitation.group.id.to_string())
}
