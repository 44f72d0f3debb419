//! Friend requests: made, answered, expired.

use std::time::Duration;

use clowder_accounts::{privacy::tombstone, refusals::USER_UNKNOWN};
use clowder_core::{Card, Ctx, Error, Made, Page, PageRequest, Result, Timestamp, UserId, Word};
use clowder_social::{
    FriendRequest, FriendRequestId, NewFriendRequest, RequestDirection,
    friends::{
        Action, Change, RequestMessage, RequestStatus,
        change::FRIEND_REQUEST,
        policy::{self, A_DAY, AGAIN_AFTER, Asked, DecisionFacts, KEPT_FOR, OPEN_FOR, RequestFacts},
        refusals::FRIEND_REQUEST_UNKNOWN,
    },
};
use diesel::{dsl::exists, prelude::*};

use super::{
    super::{
        Repo, blocks,
        cards::Cards,
        db::Tx,
        dialect::Conn,
        domains::Steps,
        journal,
        messaging::wanted,
        people::{self, Viewer},
    },
    are_friends, befriend, count, lock_both,
};
use crate::domains::{
    accounts::users,
    friends::{FriendRequestRow, friend_requests as table},
};

/// How many requests expire, or go, at a time.
const PIECE: i64 = 200;

pub fn request(tx: &mut Tx<'_>, ctx: &Ctx, new: NewFriendRequest) -> Result<Made<FriendRequest>> {
    let (caller, user) = (ctx.user()?, new.user_id);
    let exists = lock_both(tx, caller, user)?;
    let expired = expire_between(tx, ctx, caller, user)?;
    let facts = facts(tx.conn, ctx, user, exists)?;
    match policy::may_ask(ctx.now, caller, user, facts, USER_UNKNOWN)? {
        Asked::Request => {
            // Otherwise a request would be a way around what the other one has chosen.
            if new.message.is_some() {
                wanted::may_write_to(tx.conn, Viewer::of(ctx)?, user)?;
            }
            let row = FriendRequestRow {
                id: FriendRequestId::new(ctx.now),
                from_id: caller,
                to_id: user,
                message: new.message.map(RequestMessage::into_string),
                status: RequestStatus::Pending.as_str().to_owned(),
                created_at: ctx.now,
                decided_at: None,
            };
            diesel::insert_into(table::table).values(&row).execute(tx.conn)?;
            let request = view(tx.conn, row)?;
            tell(tx, ctx, expired, &request, &[])?;
            Ok(Made::New(request))
        }
        Asked::Befriend(theirs) => {
            let row = table::table.find(theirs).select(FriendRequestRow::as_select()).first(tx.conn)?;
            settle(tx, ctx, expired, row, RequestStatus::Accepted).map(Made::Found)
        }
    }
}

fn facts(conn: &mut Conn, ctx: &Ctx, user: UserId, exists: bool) -> Result<RequestFacts> {
    let caller = ctx.user()?;
    let open = |from: UserId, to: UserId| {
        let open = table::status.eq(RequestStatus::Pending.as_str());
        // One whose time is over does not count, even before the job notices.
        let open = open.and(table::created_at.gt(ctx.now.minus(OPEN_FOR)));
        table::table.filter(table::from_id.eq(from).and(table::to_id.eq(to))).filter(open).select(table::id)
    };
    let sent = table::table.filter(table::from_id.eq(caller));
    let rejected_at: Option<Option<Timestamp>> = sent
        .filter(table::to_id.eq(user).and(table::status.eq(RequestStatus::Rejected.as_str())))
        .order(table::decided_at.desc())
        .select(table::decided_at)
        .first(conn)
        .optional()?;
    // All is asked, whatever the first answer is: whether somebody exists must not show in time.
    let visible = users::table.find(user).filter(people::visible_to(Viewer::of(ctx)?));
    let visible: bool = diesel::select(self::exists(visible)).get_result(conn)?;
    // Staff see people who have blocked them, and do not become their friends.
    let blocked = !blocks::either_way(conn, caller, &[user])?.is_empty();
    let pending = sent.filter(table::status.eq(RequestStatus::Pending.as_str()));
    let pending = pending.filter(table::created_at.gt(ctx.now.minus(OPEN_FOR)));
    let today = sent.filter(table::created_at.gt(ctx.now.minus(A_DAY)));
    Ok(RequestFacts {
        visible: exists && visible && !blocked,
        // What somebody leaves behind who is being erased connects nobody any more.
        friends: are_friends(conn, caller, user)? && exists,
        asked: open(caller, user).first::<FriendRequestId>(conn).optional()?.is_some() && exists,
        theirs: open(user, caller).first(conn).optional()?.filter(|_| exists),
        rejected_at: rejected_at.flatten(),
        counts: [count(conn, caller)?, count(conn, user)?],
        open: pending.count().get_result(conn)?,
        today: today.count().get_result(conn)?,
        today_each: today.filter(table::to_id.eq(user)).count().get_result(conn)?,
    })
}

pub fn decide(tx: &mut Tx<'_>, ctx: &Ctx, id: FriendRequestId, action: Action) -> Result<FriendRequest> {
    let caller = ctx.user()?;
    let between: Option<(UserId, UserId)> =
        table::table.find(id).select((table::from_id, table::to_id)).first(tx.conn).optional()?;
    let (from, to) = between.ok_or(FRIEND_REQUEST_UNKNOWN)?;
    let other = if caller == from { to } else { from };
    if caller != from && caller != to {
        return Err(FRIEND_REQUEST_UNKNOWN.into());
    }
    lock_both(tx, caller, other)?;
    let row: Option<FriendRequestRow> =
        table::table.find(id).select(FriendRequestRow::as_select()).first(tx.conn).optional()?;
    // It may have gone with the other person.
    let row = row.ok_or(FRIEND_REQUEST_UNKNOWN)?;
    let facts = DecisionFacts {
        from,
        to,
        status: RequestStatus::parse_word(&row.status)?,
        created_at: row.created_at,
        counts: [count(tx.conn, from)?, count(tx.conn, to)?],
    };
    let status = policy::decide(ctx.now, caller, action, facts)?;
    settle(tx, ctx, Vec::new(), row, status)
}

/// Gives an open request its last status; both people are locked. They are told of it after these changes.
fn settle(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    before: Vec<Change>,
    row: FriendRequestRow,
    status: RequestStatus,
) -> Result<FriendRequest> {
    let row = set_status(tx, ctx, row, status)?;
    let pair = [row.from_id, row.to_id];
    let request = view(tx.conn, row)?;
    if status != RequestStatus::Accepted {
        tell(tx, ctx, before, &request, &[])?;
        return Ok(request);
    }
    befriend(tx, pair, ctx.now)?;
    tell(tx, ctx, before, &request, &Change::added(&request.from, &request.to))?;
    Ok(request)
}

/// What was written with a request that comes to nothing goes at once.
fn set_status(tx: &mut Tx<'_>, ctx: &Ctx, row: FriendRequestRow, status: RequestStatus) -> Result<FriendRequestRow> {
    let message = row.message.clone().filter(|_| status == RequestStatus::Accepted);
    if message != row.message {
        let silent = view(tx.conn, FriendRequestRow { message: None, ..row.clone() })?;
        journal::rewrite(tx, &[FRIEND_REQUEST], &Change::Requested(row.from_id, Box::new(silent)))?;
    }
    diesel::update(table::table.find(row.id))
        .set((table::status.eq(status.as_str()), table::decided_at.eq(ctx.now), table::message.eq(&message)))
        .execute(tx.conn)?;
    Ok(FriendRequestRow { message, status: status.as_str().to_owned(), decided_at: Some(ctx.now), ..row })
}

/// Tells both of a request, after what came before it, and then of what follows from it.
fn tell(tx: &mut Tx<'_>, ctx: &Ctx, before: Vec<Change>, request: &FriendRequest, then: &[Change]) -> Result<()> {
    let told = Change::of(request);
    let told: Vec<_> = before.iter().chain(&told).chain(then).map(|change| (ctx, change)).collect();
    journal::append_all(tx, &told)
}

/// Ends the open requests between two people, who are locked, because one of them wants nothing of the other any more:
/// as if that one had cancelled or rejected them, so that the other learns no more than from these. Returns what they are
/// told.
pub fn refuse_between(tx: &mut Tx<'_>, ctx: &Ctx, by: UserId, other: UserId) -> Result<Vec<Change>> {
    let mut told = expire_between(tx, ctx, by, other)?;
    for row in open_between(tx.conn, by, other)? {
        let status = if row.from_id == by { RequestStatus::Cancelled } else { RequestStatus::Rejected };
        told.extend(end(tx, ctx, row, status)?);
    }
    Ok(told)
}

/// Ends requests between two people, who are locked, whose time is over, and returns what they are told: until the sweep
/// notices these, they would be in the way of new ones.
fn expire_between(tx: &mut Tx<'_>, ctx: &Ctx, one: UserId, other: UserId) -> Result<Vec<Change>> {
    let mut told = Vec::new();
    for row in open_between(tx.conn, one, other)? {
        if policy::is_over(ctx.now, row.created_at) {
            told.extend(end(tx, ctx, row, RequestStatus::Expired)?);
        }
    }
    Ok(told)
}

fn open_between(conn: &mut Conn, one: UserId, other: UserId) -> Result<Vec<FriendRequestRow>> {
    let between = table::from_id.eq(one).and(table::to_id.eq(other));
    let between = between.or(table::from_id.eq(other).and(table::to_id.eq(one)));
    let open = table::table.filter(between).filter(table::status.eq(RequestStatus::Pending.as_str()));
    Ok(open.select(FriendRequestRow::as_select()).load(conn)?)
}

fn end(tx: &mut Tx<'_>, ctx: &Ctx, row: FriendRequestRow, status: RequestStatus) -> Result<[Change; 2]> {
    let row = set_status(tx, ctx, row, status)?;
    Ok(Change::of(&view(tx.conn, row)?))
}

/// A request as one of the two sees it.
pub fn one(conn: &mut Conn, viewer: UserId, id: FriendRequestId) -> Result<FriendRequest> {
    let own = table::table.find(id).filter(table::from_id.eq(viewer).or(table::to_id.eq(viewer)));
    let row: Option<FriendRequestRow> = own.select(FriendRequestRow::as_select()).first(conn).optional()?;
    view(conn, row.ok_or(FRIEND_REQUEST_UNKNOWN)?)
}

/// What somebody has written to the viewer with a request that is open.
pub fn asked_with(conn: &mut Conn, viewer: Viewer, from: UserId) -> Result<Option<String>> {
    let open = table::status.eq(RequestStatus::Pending.as_str());
    let open = open.and(table::created_at.gt(viewer.now.minus(OPEN_FOR)));
    let open = table::table.filter(table::from_id.eq(from).and(table::to_id.eq(viewer.id))).filter(open);
    Ok(open.select(table::message).first::<Option<String>>(conn).optional()?.flatten())
}

/// The same for somebody who repeats the call that made it: after a block there is nothing to see, as after an erasure.
pub fn again(conn: &mut Conn, viewer: UserId, id: FriendRequestId) -> Result<FriendRequest> {
    let request = one(conn, viewer, id)?;
    let blocked = blocks::either_way(conn, viewer, &[request.from.id, request.to.id])?;
    if blocked.is_empty() { Ok(request) } else { Err(FRIEND_REQUEST_UNKNOWN.into()) }
}

fn view(conn: &mut Conn, row: FriendRequestRow) -> Result<FriendRequest> {
    let cards = Cards::of(conn, None, [row.from_id, row.to_id])?;
    row.request(|user| cards.card(user))
}

pub fn list(
    conn: &mut Conn,
    viewer: UserId,
    now: Timestamp,
    direction: RequestDirection,
    page: &PageRequest,
) -> Result<Page<FriendRequest>> {
    let mut open = table::table
        .filter(table::status.eq(RequestStatus::Pending.as_str()))
        .filter(table::created_at.gt(now.minus(OPEN_FOR)))
        .order((table::created_at.desc(), table::id.desc()))
        .limit(page.fetch())
        .select(FriendRequestRow::as_select())
        .into_boxed();
    open = match direction {
        RequestDirection::In => open.filter(table::to_id.eq(viewer)),
        RequestDirection::Out => open.filter(table::from_id.eq(viewer)),
    };
    if let Some((at, id)) = page.moment()? {
        let id: FriendRequestId = id;
        open = open.filter(table::created_at.lt(at).or(table::created_at.eq(at).and(table::id.lt(id))));
    }
    let rows: Vec<FriendRequestRow> = open.load(conn)?;
    let cards = Cards::of(conn, None, rows.iter().flat_map(|row| [row.from_id, row.to_id]))?;
    let requests = rows.into_iter().map(|row| row.request(|user| cards.card(user)));
    Page::fill(requests, page, |request| Page::<()>::place(request.created_at, request.id))
}

/// Requests that were decided long ago. A rejection is kept for as long as it keeps the same person from asking again.
pub fn forget(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<usize> {
    const { assert!(KEPT_FOR.as_secs() > AGAIN_AFTER.as_secs()) };
    let old: Vec<FriendRequestRow> = table::table
        .filter(table::decided_at.lt(ctx.now.minus(KEPT_FOR)))
        .order(table::id)
        .limit(PIECE)
        .select(FriendRequestRow::as_select())
        .load(tx.conn)?;
    let count = old.len();
    // An erasure finds no change about a request that is gone, so its people are removed from them at once.
    remove(tx, old, |_, user| Ok(tombstone(user)))?;
    Ok(count)
}

/// Deletes requests, and removes their texts from the journal.
pub fn remove(
    tx: &mut Tx<'_>,
    rows: Vec<FriendRequestRow>,
    shown: impl Fn(&Cards, UserId) -> Result<Card>,
) -> Result<()> {
    let cards = Cards::of(tx.conn, None, rows.iter().flat_map(|row| [row.from_id, row.to_id]))?;
    for row in rows {
        let silent = FriendRequestRow { message: None, ..row };
        let (id, from) = (silent.id, silent.from_id);
        let silent = silent.request(|user| shown(&cards, user))?;
        journal::rewrite(tx, &[FRIEND_REQUEST], &Change::Requested(from, Box::new(silent)))?;
        diesel::delete(table::table.find(id)).execute(tx.conn)?;
    }
    Ok(())
}

/// Ends requests that were open for too long; both people are told.
pub fn expire<'a>(repo: &'a Repo, ctx: &'a Ctx, _: Duration) -> Steps<'a> {
    Box::pin(async move {
        let (mut count, before) = (0, ctx.now.minus(OPEN_FOR));
        loop {
            let due = repo.db.read(move |conn| {
                Ok(table::table
                    .filter(table::status.eq(RequestStatus::Pending.as_str()).and(table::created_at.le(before)))
                    .order((table::created_at, table::id))
                    .limit(PIECE)
                    .select((table::id, table::from_id, table::to_id))
                    .load::<(FriendRequestId, UserId, UserId)>(conn)?)
            });
            let due = due.await?;
            let mut expired = 0;
            for (id, from, to) in due {
                let ctx = ctx.clone();
                expired += repo.db.write(move |tx| expire_one(tx, &ctx, id, from, to)).await?;
            }
            count += expired;
            // What is left belongs to people who are being erased.
            if expired == 0 {
                return Ok(count);
            }
        }
    })
}

fn expire_one(tx: &mut Tx<'_>, ctx: &Ctx, id: FriendRequestId, from: UserId, to: UserId) -> Result<usize> {
    match lock_both(tx, from, to) {
        Ok(_) => {}
        Err(Error::Refused(_)) => return Ok(0),
        Err(error) => return Err(error),
    }
    let open = table::table.find(id).filter(table::status.eq(RequestStatus::Pending.as_str()));
    let row: Option<FriendRequestRow> = open.select(FriendRequestRow::as_select()).first(tx.conn).optional()?;
    match row {
        Some(row) => settle(tx, ctx, Vec::new(), row, RequestStatus::Expired).map(|_| 1),
        None => Ok(0),
    }
}
