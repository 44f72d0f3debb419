//! Somebody's friendships and requests: exported, and ended with their account.

use clowder_core::{Ctx, Result, Timestamp, UserId};
use clowder_social::{FriendRequestId, friends::Change};
use diesel::prelude::*;
use serde_json::json;

use super::{
    super::{
        blocks,
        cards::Cards,
        db::Tx,
        dialect::Conn,
        journal,
        privacy::{
            Asking, Erasing,
            parts::{EraseStep, ExportPage, File, Part, Phase, ROWS, Shape, after, all_gone},
        },
    },
    part, requests,
};
use crate::{
    domains::friends::{
        FriendRequestRow, FriendshipRow, dismissed_suggestions as dismissed, friend_lists, friend_requests, friendships,
    },
    privacy::erased,
};

pub const PARTS: &[Part] = &[Part {
    name: "friends",
    phase: Phase::Content,
    references: &[
        erased("friendships", "user_id"),
        erased("friendships", "friend_id"),
        erased("friend_lists", "user_id"),
        erased("friend_requests", "from_id"),
        erased("friend_requests", "to_id"),
        erased("dismissed_suggestions", "user_id"),
        erased("dismissed_suggestions", "dismissed_id"),
    ],
    files: &[
        File { name: "friends.json", about: "your friends", shape: Shape::List, read: export_friends },
        File {
            name: "friend_requests.json",
            about: "the friend requests that you sent and received",
            shape: Shape::List,
            read: export_requests,
        },
        File {
            name: "dismissed_suggestions.json",
            about: "people whom you do not want to be suggested to you",
            shape: Shape::List,
            read: export_dismissed,
        },
    ],
    erase,
}];

fn export_friends(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    let next: UserId = after(mark)?;
    let own = friendships::table.filter(friendships::user_id.eq(asking.user).and(friendships::friend_id.gt(next)));
    let own = own.order(friendships::friend_id).limit(ROWS).select(FriendshipRow::as_select());
    let rows: Vec<FriendshipRow> = own.load(conn)?;
    let last = rows.last().map(|row| row.friend_id);
    let cards = Cards::of(conn, None, rows.iter().map(|row| row.friend_id))?;
    let item = |row: FriendshipRow| Ok(json!({"user": cards.card(row.friend_id)?, "since": row.since}));
    Ok(ExportPage::by_id(rows.into_iter().map(item).collect::<Result<_>>()?, last))
}

fn export_requests(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    let (user, next): (_, FriendRequestId) = (asking.user, after(mark)?);
    let own = friend_requests::from_id.eq(user).or(friend_requests::to_id.eq(user));
    let own = friend_requests::table.filter(own).filter(friend_requests::id.gt(next));
    let own = own.order(friend_requests::id).limit(ROWS).select(FriendRequestRow::as_select());
    let rows: Vec<FriendRequestRow> = own.load(conn)?;
    let last = rows.last().map(|row| row.id);
    let known = blocks::known_cards(conn, asking, rows.iter().flat_map(|row| [row.from_id, row.to_id]))?;
    let item = |row: FriendRequestRow| {
        json!({
            "id": row.id, "from_id": row.from_id, "from": known.get(&row.from_id), "to_id": row.to_id,
            "to": known.get(&row.to_id), "message": row.message, "status": row.status, "created_at": row.created_at,
            "decided_at": row.decided_at
        })
    };
    Ok(ExportPage::by_id(rows.into_iter().map(item).collect(), last))
}

fn export_dismissed(conn: &mut Conn, asking: &Asking, mark: Option<&str>) -> Result<ExportPage> {
    let next: UserId = after(mark)?;
    let own = dismissed::table.filter(dismissed::user_id.eq(asking.user).and(dismissed::dismissed_id.gt(next)));
    let own = own.order(dismissed::dismissed_id).limit(ROWS);
    let rows: Vec<(UserId, Timestamp)> = own.select((dismissed::dismissed_id, dismissed::dismissed_at)).load(conn)?;
    let last = rows.last().map(|(user, _)| *user);
    let known = blocks::known_cards(conn, asking, rows.iter().map(|(user, _)| *user))?;
    let item = |(user, dismissed_at): (UserId, Timestamp)| json!({"user_id": user, "user": known.get(&user), "dismissed_at": dismissed_at});
    Ok(ExportPage::by_id(rows.into_iter().map(item).collect(), last))
}

/// A bounded number of rows at a time, of one kind: the texts of requests leave the journal before friendships end.
/// Friends are told that the friendship has ended.
fn erase(tx: &mut Tx<'_>, ctx: &Ctx, erasing: &Erasing, _: Option<&str>) -> Result<EraseStep> {
    let user = erasing.user;
    let of_them = friend_requests::from_id.eq(user).or(friend_requests::to_id.eq(user));
    let gone: Vec<FriendRequestRow> = friend_requests::table
        .filter(of_them)
        .order(friend_requests::id)
        .limit(ROWS)
        .select(FriendRequestRow::as_select())
        .load(tx.conn)?;
    if !gone.is_empty() {
        let rows = gone.len();
        requests::remove(tx, gone, Cards::card)?;
        return all_gone(rows, true);
    }
    let suggestions = dismissed::user_id.eq(user).or(dismissed::dismissed_id.eq(user));
    let suggestions: Vec<(UserId, UserId)> = dismissed::table
        .filter(suggestions)
        .order((dismissed::user_id, dismissed::dismissed_id))
        .limit(ROWS)
        .select((dismissed::user_id, dismissed::dismissed_id))
        .load(tx.conn)?;
    if !suggestions.is_empty() {
        let mut rows = 0;
        for suggestion in suggestions {
            rows += diesel::delete(dismissed::table.find(suggestion)).execute(tx.conn)?;
        }
        return all_gone(rows, true);
    }
    let friends: Vec<UserId> = friendships::table
        .filter(friendships::user_id.eq(user))
        .order(friendships::friend_id)
        .limit(ROWS)
        .select(friendships::friend_id)
        .load(tx.conn)?;
    if friends.is_empty() {
        return all_gone(diesel::delete(friend_lists::table.find(user)).execute(tx.conn)?, false);
    }
    let parted = part(tx, user, &friends)?;
    let told: Vec<_> = parted.into_iter().map(|friend| Change::Removed(friend, user)).collect();
    let told: Vec<_> = told.iter().map(|change| (ctx, change)).collect();
    journal::append_all(tx, &told)?;
    all_gone(told.len(), true)
}
