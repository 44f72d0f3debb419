//! People whom somebody may know: friends of friends.

use std::collections::{HashMap, HashSet};

use clowder_accounts::{policy::sight::FieldGroup, refusals::USER_UNKNOWN};
use clowder_core::{Ctx, Page, PageRequest, Result, UserId, Word};
use clowder_social::{
    FriendSuggestion,
    friends::{
        RequestStatus,
        policy::{MOST_DISMISSED, MOST_FRIENDS, may_dismiss},
        refusals::DISMISSED_LIMIT,
        suggest::{self, FRIENDS, LOOKED_AT},
    },
};
use diesel::{dsl::exists, prelude::*};

use super::{
    super::{
        among::AmongIds,
        db::Tx,
        dialect::Conn,
        people::{self, Viewer},
    },
    counts, lock_both,
};
use crate::domains::{
    accounts::{CardRow, users},
    blocks::mutes,
    friends::{dismissed_suggestions as dismissed, friend_requests as requests, friendships as table},
};

/// Staff are suggested whom anybody else would be: to moderate somebody is no reason to know them.
pub fn list(conn: &mut Conn, by: Viewer, page: &PageRequest) -> Result<Page<FriendSuggestion>> {
    let by = Viewer { staff: false, ..by };
    let viewer = by.id;
    let friends: Vec<UserId> = table::table
        .filter(table::user_id.eq(viewer))
        .order((table::since.desc(), table::friend_id.desc()))
        .limit(MOST_FRIENDS)
        .select(table::friend_id)
        .load(conn)?;
    let latest = friends.iter().take(FRIENDS).copied();
    let visible = users::table.filter(users::id.eq_any(latest)).filter(people::visible_to(by)).order(users::id);
    let visible: Vec<UserId> = visible.select(users::id).load(conn)?;
    let hiding = people::hiding(conn, by, FieldGroup::FriendsList, &visible)?;
    let shown: Vec<_> = visible.into_iter().filter(|friend| !hiding.contains(friend)).collect();
    let lists = counts(conn, &shown)?;
    let looked_at = suggest::look_at(lists.into_iter().collect(), LOOKED_AT);
    let theirs: Vec<UserId> =
        table::table.filter(table::user_id.eq_any(&looked_at)).limit(LOOKED_AT).select(table::friend_id).load(conn)?;
    let gone = dismissed::table.filter(dismissed::user_id.eq(viewer)).limit(MOST_DISMISSED);
    let gone: Vec<UserId> = gone.select(dismissed::dismissed_id).load(conn)?;
    let without: HashSet<_> = friends.into_iter().chain(gone).chain([viewer]).collect();
    let best = suggest::best(theirs, &without);
    let ids: Vec<_> = best.iter().map(|(user, _)| *user).collect();
    let mut cards = may_suggest(conn, by, &ids)?;
    // The list is made anew for each page, and goes on behind whoever was last, wherever others are by now.
    let after = page.cursor.as_deref().map(read_place).transpose()?;
    let rest = best.into_iter().filter(|(user, mutual)| after.is_none_or(|after| (-mutual, *user) > after));
    let suggested = rest.filter_map(|(user, mutual_friends)| {
        let user = cards.remove(&user)?.into();
        Some(Ok(FriendSuggestion { user, mutual_friends }))
    });
    Page::fill(suggested, page, |suggestion| format!("{}.{}", suggestion.mutual_friends, suggestion.user.id))
}

fn read_place(cursor: &str) -> Result<(i64, UserId)> {
    let place = cursor.split_once('.').and_then(|(mutual, id)| Some((mutual.parse::<u32>().ok()?, id.parse().ok()?)));
    let (mutual, id) = place.ok_or_else(PageRequest::wrong)?;
    Ok((-i64::from(mutual), id))
}

/// Those among them whom the viewer may see and has not muted, and with whom no request is open.
fn may_suggest(conn: &mut Conn, by: Viewer, ids: &[UserId]) -> Result<HashMap<UserId, CardRow>> {
    let viewer = by.id;
    let visible = users::table.filter(users::id.among(ids)).filter(people::visible_to(by));
    let rows: Vec<CardRow> = visible.select(CardRow::as_select()).load(conn)?;
    let mut cards: HashMap<_, _> = rows.into_iter().map(|row| (row.id, row)).collect();
    let with = requests::from_id.eq(viewer).and(requests::to_id.among(ids));
    let with = with.or(requests::to_id.eq(viewer).and(requests::from_id.among(ids)));
    let open = requests::table.filter(with).filter(requests::status.eq(RequestStatus::Pending.as_str()));
    let open: Vec<(UserId, UserId)> = open.select((requests::from_id, requests::to_id)).load(conn)?;
    let muted = mutes::table.filter(mutes::user_id.eq(viewer).and(mutes::muted_id.among(ids)));
    let muted = muted.filter(mutes::until.is_null().or(mutes::until.gt(by.now)));
    let muted: Vec<UserId> = muted.select(mutes::muted_id).load(conn)?;
    for user in open.into_iter().flat_map(|(from, to)| [from, to]).chain(muted) {
        cards.remove(&user);
    }
    Ok(cards)
}

pub fn dismiss(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId) -> Result<()> {
    let caller = ctx.user()?;
    may_dismiss(caller, user)?;
    let visible = exists(users::table.find(user).filter(people::visible_to(Viewer::of(ctx)?)));
    let present = lock_both(tx, caller, user)?;
    // Asked in any case: whether somebody exists must not show in time.
    let visible: bool = diesel::select(visible).get_result(tx.conn)?;
    if !present || !visible {
        return Err(USER_UNKNOWN.into());
    }
    let own = dismissed::table.filter(dismissed::user_id.eq(caller));
    let known = exists(dismissed::table.find((caller, user)));
    if diesel::select(known).get_result(tx.conn)? {
        return Ok(());
    }
    if own.count().get_result::<i64>(tx.conn)? >= MOST_DISMISSED {
        return Err(DISMISSED_LIMIT.into());
    }
    let row = (dismissed::user_id.eq(caller), dismissed::dismissed_id.eq(user), dismissed::dismissed_at.eq(ctx.now));
    diesel::insert_into(dismissed::table).values(row).execute(tx.conn)?;
    Ok(())
}
