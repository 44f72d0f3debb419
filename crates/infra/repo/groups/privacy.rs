//! Somebody's groups: exported, and left when they are erased.

use clowder_core::{Ctx, Id, Result, Timestamp, UserId, Word};
use clowder_social::groups::{GroupId, GroupVisibility, Invite, InviteId, Role, Standing, policy::may_see};
use diesel::prelude::*;
use serde_json::json;

use super::{
    super::{
        db::Tx,
        dialect::{self, Conn},
        privacy::{
            Asking, Erasing,
            parts::{EraseStep, ExportPage, File, Part, Phase, ROWS, Shape, after},
        },
    },
    clearing, people, read,
    told::tell,
    writes::{close, hand_over},
};
use crate::{
    domains::{
        accounts::users,
        groups::{LinkRow, PersonRow, group_attempts as attempts, group_deletions, group_links, group_people, groups},
    },
    privacy::erased,
};

pub const PARTS: &[Part] = &[Part {
    name: "groups",
    phase: Phase::Content,
    references: &[
        erased("group_attempts", "by_id"),
        erased("group_attempts", "user_id"),
        erased("group_deletions", "user_id"),
        erased("group_links", "created_by"),
        erased("group_people", "invited_by"),
        erased("group_people", "user_id"),
        erased("groups", "owner_id"),
    ],
    files: &[
        File {
            name: "groups.json",
            about: "the groups you are in, are invited to, asked to join or are banned from",
            shape: Shape::List,
            read: export,
        },
        File {
            name: "group_links.json",
            about: "links to groups that you made",
            shape: Shape::List,
            read: export_links,
        },
    ],
    erase,
}];

fn export(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    let after: GroupId = after(mark)?;
    let rows: Vec<(GroupId, String, String, PersonRow)> = group_people::table
        .inner_join(groups::table)
        .filter(group_people::user_id.eq(asking.user).and(group_people::group_id.gt(after)))
        .filter(groups::deleted_at.is_null())
        .order(group_people::group_id)
        .limit(ROWS)
        .select((groups::id, groups::name, groups::visibility, PersonRow::as_select()))
        .load(conn)?;
    let last = rows.last().map(|(id, ..)| *id);
    let item = |(id, name, visibility, row): (GroupId, String, String, PersonRow)| -> Result<_> {
        // Whoever is banned from a secret group does not learn what it is. When an invitation expires is no matter here.
        let name = may_see(GroupVisibility::parse_word(&visibility)?, row.place(row.since)?).then_some(name);
        Ok(json!({"group_id": id, "name": name, "status": row.status, "role": row.role, "since": row.since}))
    };
    Ok(ExportPage::by_id(rows.into_iter().map(item).collect::<Result<_>>()?, last))
}

fn export_links(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    let after: InviteId = after(mark)?;
    let rows: Vec<LinkRow> = group_links::table
        .filter(group_links::created_by.eq(asking.user).and(group_links::id.gt(after)))
        .order(group_links::id)
        .limit(ROWS)
        .select(LinkRow::as_select())
        .load(conn)?;
    let last = rows.last().map(|row| row.id);
    let items = rows.into_iter().map(|row| serde_json::to_value(Invite::from(row)));
    Ok(ExportPage::by_id(items.collect::<serde_json::Result<_>>()?, last))
}

/// One group in a piece, because each is locked with its chat; then everything else.
fn erase(tx: &mut Tx<'_>, ctx: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<EraseStep> {
    let (user, again) = (erasing.user, Some(String::new()));
    let member = group_people::user_id.eq(user).and(group_people::status.eq(Standing::Member.as_str()));
    let next = group_people::table.filter(member).order(group_people::group_id).select(group_people::group_id);
    if let Some(group) = next.first::<GroupId>(tx.conn).optional()? {
        leave(tx, ctx, user, group)?;
        return Ok(EraseStep { rows: 1, next: again });
    }
    let others: Vec<GroupId> = group_people::table
        .filter(group_people::user_id.eq(user))
        .limit(ROWS)
        .select(group_people::group_id)
        .load(tx.conn)?;
    if !others.is_empty() {
        let some = group_people::user_id.eq(user).and(group_people::group_id.eq_any(others));
        let rows = diesel::delete(group_people::table.filter(some)).execute(tx.conn)?;
        tx.deleted_text = true;
        return Ok(EraseStep { rows: rows as u64, next: again });
    }
    let rows = forget_attempts(tx, user)?;
    if rows > 0 {
        return Ok(EraseStep { rows, next: again });
    }
    diesel::delete(group_deletions::table.filter(group_deletions::user_id.eq(user))).execute(tx.conn)?;
    let links = group_links::table.filter(group_links::created_by.eq(user)).limit(ROWS).select(group_links::id);
    let links: Vec<InviteId> = links.load(tx.conn)?;
    let rows = diesel::delete(group_links::table.filter(group_links::id.eq_any(&links))).execute(tx.conn)?;
    Ok(EraseStep { rows: rows as u64, next: again.filter(|_| !links.is_empty()) })
}

/// Some of their attempts and invitations: theirs go, and of whom they invited only that somebody did stays.
fn forget_attempts(tx: &mut Tx<'_>, user: UserId) -> Result<u64> {
    let ids: Vec<Id<()>> = attempts::table
        .filter(attempts::user_id.eq(user))
        .order(attempts::id)
        .limit(ROWS)
        .select(attempts::id)
        .load(tx.conn)?;
    let mut rows = diesel::delete(attempts::table.filter(attempts::id.eq_any(ids))).execute(tx.conn)?;
    let made: Vec<Id<()>> = attempts::table
        .filter(attempts::by_id.eq(user))
        .order(attempts::id)
        .limit(ROWS)
        .select(attempts::id)
        .load(tx.conn)?;
    let made = attempts::table.filter(attempts::id.eq_any(made));
    rows += diesel::update(made).set(attempts::by_id.eq(None::<UserId>)).execute(tx.conn)?;
    let invited: Vec<(GroupId, UserId)> = group_people::table
        .filter(group_people::invited_by.eq(user))
        .order((group_people::group_id, group_people::user_id))
        .limit(ROWS)
        .select((group_people::group_id, group_people::user_id))
        .load(tx.conn)?;
    for one in invited {
        let one = group_people::table.find(one).filter(group_people::invited_by.eq(user));
        rows += diesel::update(one).set(group_people::invited_by.eq(None::<UserId>)).execute(tx.conn)?;
    }
    Ok(rows as u64)
}

/// Takes them out of a group. A group that they own goes to the longest-serving of those with the highest role; if nobody
/// is left, it is deleted.
fn leave(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId, group: GroupId) -> Result<()> {
    dialect::groups::lock_group(tx.conn, group)?;
    let Some(row) = read::row(tx.conn, group)? else {
        // It is being deleted anyway.
        let chat = groups::table.find(group).select(groups::chat_id).first(tx.conn)?;
        let is_member = read::place(tx.conn, ctx.now, group, user)?.is_member();
        let told = if is_member { clearing::take_out(tx, group, chat, &[user])? } else { Vec::new() };
        return tell(tx, ctx, &told);
    };
    let mut told = Vec::new();
    if row.owner_id == Some(user) {
        let Some(heir) = heir(tx.conn, ctx.now, group, user)? else {
            let told = close(tx, ctx, &row, user)?;
            clearing::order(tx, ctx, group)?;
            return tell(tx, ctx, &told);
        };
        diesel::update(group_people::table.find((group, user)))
            .set(group_people::role.eq(Role::Member.as_str()))
            .execute(tx.conn)?;
        told.extend(hand_over(tx, ctx, row.clone(), None, heir)?);
    }
    told.extend(people::take_out(tx, ctx, &row, user, user)?);
    diesel::delete(group_people::table.find((group, user))).execute(tx.conn)?;
    tell(tx, ctx, &told)
}

/// Suspended people come last: they cannot run a group. Whoever is being erased at the same time hands it on in turn.
fn heir(conn: &mut Conn, now: Timestamp, group: GroupId, except: UserId) -> Result<Option<UserId>> {
    let roles = [Role::Admin, Role::Moderator, Role::Member];
    for (suspended, role) in [false, true].into_iter().flat_map(|suspended| roles.map(|role| (suspended, role))) {
        let lasts = users::suspended_until.is_null().or(users::suspended_until.gt(now));
        let heir: Option<UserId> = group_people::table
            .inner_join(users::table)
            .filter(group_people::group_id.eq(group).and(group_people::role.eq(role.as_str())))
            .filter(users::deleted_at.is_null().and(users::id.ne(except)))
            .filter(users::suspension_reason.is_not_null().and(lasts).eq(suspended))
            .order((group_people::since, group_people::user_id))
            .select(group_people::user_id)
            .first(conn)
            .optional()?;
        if heir.is_some() {
            return Ok(heir);
        }
    }
    Ok(None)
}
