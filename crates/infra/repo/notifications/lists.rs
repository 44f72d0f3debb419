//! Lists of notifications: the newest first, gathered or one by one. What their owner may not see any more is left out, and
//! then removed, so that it is not counted either.

use std::collections::HashMap;

use clowder_core::{Page, PageRequest, Result, UserId, Word};
use clowder_notifications::{Notification, NotificationFilter, NotificationId};
use diesel::prelude::*;

use super::{
    super::{
        among::AmongIds,
        dialect::{Backend, Conn},
        people::Viewer,
    },
    showing::{self, Counted},
};
use crate::domains::notifications::{
    GroupRow, NotificationRow, notification_groups as groups, notification_inboxes as inboxes, notifications as table,
};

/// A page, and what of it may not be seen any more.
pub struct Listed {
    pub page: Page<Notification>,
    pub hidden: Vec<NotificationId>,
}

pub fn list(conn: &mut Conn, viewer: Viewer, filter: &NotificationFilter, page: &PageRequest) -> Result<Listed> {
    let after: Option<NotificationId> = page.id()?;
    let mut rows = match filter.single {
        true => single(conn, viewer.id, filter, after, page.fetch())?,
        false => gathered(conn, viewer.id, filter, after, page.fetch())?,
    };
    let more = rows.len() > page.limit as usize;
    rows.truncate(page.limit as usize);
    let next = rows.last().map(|(row, _)| row.id.to_string()).filter(|_| more);
    let language = showing::language(conn, viewer.id)?;
    let (mut items, mut hidden) = (Vec::with_capacity(rows.len()), Vec::new());
    for ((row, _), shown) in rows.iter().zip(showing::show(conn, viewer, &rows, language)?) {
        match shown {
            Some(notification) => items.push(notification),
            None => hidden.push(row.id),
        }
    }
    Ok(Listed { page: Page { items, next_cursor: next }, hidden })
}

fn single(
    conn: &mut Conn,
    user: UserId,
    filter: &NotificationFilter,
    after: Option<NotificationId>,
    most: i64,
) -> Result<Vec<Counted>> {
    let mut own: table::BoxedQuery<'static, Backend> =
        table::table.filter(table::user_id.eq(user).and(table::removed_at.is_null())).into_boxed();
    own = match filter.unread {
        Some(true) => own.filter(table::read_at.is_null()),
        Some(false) => own.filter(table::read_at.is_not_null()),
        None => own,
    };
    if let Some(kind) = filter.kind {
        own = own.filter(table::kind.eq(kind.as_str()));
    }
    if let Some(after) = after {
        own = own.filter(table::id.lt(after));
    }
    let rows: Vec<NotificationRow> =
        own.order(table::id.desc()).limit(most).select(NotificationRow::as_select()).load(conn)?;
    Ok(rows.into_iter().map(|row| (row, 1)).collect())
}

/// Of each group its last notification stands for all.
fn gathered(
    conn: &mut Conn,
    user: UserId,
    filter: &NotificationFilter,
    after: Option<NotificationId>,
    most: i64,
) -> Result<Vec<Counted>> {
    let mut own: groups::BoxedQuery<'static, Backend> = groups::table.filter(groups::user_id.eq(user)).into_boxed();
    own = match filter.unread {
        Some(true) => own.filter(groups::unread.gt(0)),
        Some(false) => own.filter(groups::unread.eq(0)),
        None => own,
    };
    if let Some(kind) = filter.kind {
        own = own.filter(groups::kind.eq(kind.as_str()));
    }
    if let Some(after) = after {
        own = own.filter(groups::latest_id.lt(after));
    }
    let found: Vec<GroupRow> =
        own.order(groups::latest_id.desc()).limit(most).select(GroupRow::as_select()).load(conn)?;
    let ids: Vec<NotificationId> = found.iter().map(|group| group.latest_id).collect();
    let rows = table::table.filter(table::id.among(&ids)).select(NotificationRow::as_select());
    let mut rows: HashMap<NotificationId, NotificationRow> =
        rows.load::<NotificationRow>(conn)?.into_iter().map(|row| (row.id, row)).collect();
    // A group is read when all of it is.
    let counted = found.into_iter().filter_map(|group| {
        let row = rows.remove(&group.latest_id)?;
        let read_at = row.read_at.filter(|_| group.unread == 0);
        Some((NotificationRow { read_at, ..row }, group.count))
    });
    Ok(counted.collect())
}

pub fn unread(conn: &mut Conn, user: UserId) -> Result<i64> {
    let own = inboxes::table.find(user).select(inboxes::unread);
    Ok(own.first(conn).optional()?.unwrap_or(0))
}
