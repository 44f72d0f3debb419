//! Friends over the database. Whatever connects two people is written while both are locked.

mod lists;
pub mod mutual;
mod privacy;
pub mod relationships;
mod requests;
mod suggestions;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use async_trait::async_trait;
use clowder_accounts::{
    activity::{Rule, Target, Whose},
    refusals::SESSION_ENDED,
};
use clowder_core::{Ctx, Made, Page, PageRequest, Result, Timestamp, UserId, Word};
use clowder_social::{
    Decision, Friend, FriendFilter, FriendRequest, FriendRequestId, FriendSuggestion, Friends, FriendsOf,
    NewFriendRequest, Relationship, RequestDirection,
    friends::{Change, RequestStatus, change::FRIEND_REQUEST, policy::OPEN_FOR, refusals::FRIEND_UNKNOWN, suggest},
};
use diesel::{dsl::exists, prelude::*, sql_types::Bool};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::instrument;

pub use requests::asked_with;

use super::{
    Repo,
    among::AmongIds,
    clock::{PRESENCE, SHOWN, never},
    db::Tx,
    dialect::{self, Conn},
    domains::{Domain, Sweep},
    fragment::Fragment,
    idempotency::Stub,
    journal,
    people::{self, Viewer},
};
use crate::domains::{
    accounts::users,
    friends::{FriendLists, FriendshipRow, friend_lists, friend_requests, friendships},
};

pub const DOMAIN: Domain = Domain {
    parts: privacy::PARTS,
    activity: &[
        Rule::new("friend.added", "friend.added", Whose::Told, Target::Subject("user")),
        Rule::new(FRIEND_REQUEST, "friend.requested", Whose::Actor, Target::Subject("friend_request")).only(is_asked),
        Rule::new(FRIEND_REQUEST, "friend.rejected", Whose::OnOneself("/to/id"), Target::Subject("friend_request"))
            .only(is_rejected),
        Rule::new(FRIEND_REQUEST, "friend.cancelled", Whose::OnOneself("/from/id"), Target::Subject("friend_request"))
            .only(is_cancelled),
        Rule::new("friend.removed", "friend.removed", Whose::Actor, Target::Subject("user")),
    ],
    words: &["friend_requests.status"],
    times: &[
        never("dismissed_suggestions.dismissed_at", PRESENCE),
        never("friend_requests.created_at", "what lies after now counts as now"),
        never("friend_requests.decided_at", "what lies after now counts as now"),
        never("friendships.since", SHOWN),
    ],
    sweeps: &[Sweep::Steps(requests::expire), Sweep::Rows(requests::forget)],
    ..Domain::NONE
};

/// Whether a request has just been made.
fn is_asked(request: &Value) -> bool {
    request["status"] == "pending"
}

fn is_rejected(request: &Value) -> bool {
    request["status"] == "rejected"
}

fn is_cancelled(request: &Value) -> bool {
    request["status"] == "cancelled"
}

/// What an open store keeps of friends.
#[derive(Default)]
pub struct State {
    pub lists: Arc<FriendLists>,
}

impl State {
    /// The journal is another one, and so is the state of the database.
    pub fn start_anew(&self) {
        self.lists.clear();
    }
}

/// What is stored of a request: its id, and whether it was new.
#[derive(Serialize, Deserialize)]
struct Asked {
    id: FriendRequestId,
    new: bool,
}

impl Stub for Asked {}

#[async_trait]
impl Friends for Repo {
    #[instrument(level = "debug", skip_all)]
    async fn request(&self, ctx: &Ctx, new: NewFriendRequest) -> Result<Made<FriendRequest>> {
        let caller = ctx.clone();
        let first = move |tx: &mut Tx<'_>| {
            let made = requests::request(tx, &caller, new.clone())?;
            let stub = match &made {
                Made::New(request) => Asked { id: request.id, new: true },
                Made::Found(request) => Asked { id: request.id, new: false },
            };
            Ok((made, stub))
        };
        let viewer = ctx.user()?;
        let again = move |tx: &mut Tx<'_>, Asked { id, new }: Asked| {
            let request = requests::again(tx.conn, viewer, id)?;
            Ok(if new { Made::New(request) } else { Made::Found(request) })
        };
        self.db.create(ctx, first, again).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn requests(&self, ctx: &Ctx, direction: RequestDirection, page: PageRequest) -> Result<Page<FriendRequest>> {
        let (caller, now) = (ctx.user()?, ctx.now);
        self.db.read(move |conn| requests::list(conn, caller, now, direction, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn decide(&self, ctx: &Ctx, request: FriendRequestId, decision: Decision) -> Result<FriendRequest> {
        let ctx = ctx.clone();
        self.db.write(move |tx| requests::decide(tx, &ctx, request, decision.action)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn list(&self, ctx: &Ctx, filter: FriendFilter, page: PageRequest) -> Result<Page<Friend>> {
        let (viewer, online) = (Viewer::of(ctx)?, Arc::clone(&self.deps.online));
        self.db.read(move |conn| lists::own(conn, &online, viewer, &filter, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn of(&self, ctx: &Ctx, whose: FriendsOf, page: PageRequest) -> Result<Page<Friend>> {
        let (viewer, online) = (Viewer::of(ctx)?, Arc::clone(&self.deps.online));
        self.db.read(move |conn| lists::of(conn, &online, viewer, whose, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn remove(&self, ctx: &Ctx, user: UserId) -> Result<()> {
        let ctx = ctx.clone();
        self.db.write(move |tx| remove(tx, &ctx, user)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn relationships(&self, ctx: &Ctx, ids: Vec<UserId>) -> Result<Vec<Relationship>> {
        let (viewer, lists) = (Viewer::of(ctx)?, Arc::clone(&self.friends.lists));
        self.db.read(move |conn| relationships::of(conn, &lists, viewer, &ids)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn suggestions(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<FriendSuggestion>> {
        let viewer = Viewer::of(ctx)?;
        self.db.read(move |conn| suggestions::list(conn, viewer, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn dismiss(&self, ctx: &Ctx, user: UserId) -> Result<()> {
        let ctx = ctx.clone();
        self.db.write(move |tx| suggestions::dismiss(tx, &ctx, user)).await
    }
}

/// Locks two people, so that neither is erased meanwhile, and nobody else changes what connects
/// them. Returns whether the other one exists.
pub fn lock_both(tx: &mut Tx<'_>, caller: UserId, user: UserId) -> Result<bool> {
    let both = [caller, user];
    dialect::accounts::lock_users(tx.conn, &both)?;
    let present = users::table.filter(users::id.eq_any(both)).filter(users::deleted_at.is_null()).select(users::id);
    let present: Vec<UserId> = present.load(tx.conn)?;
    if present.contains(&caller) { Ok(present.contains(&user)) } else { Err(SESSION_ENDED.into()) }
}

/// The status of requests that wait for an answer, and after which moment they must have been made.
pub fn open(now: Timestamp) -> (&'static str, Timestamp) {
    (RequestStatus::Pending.as_str(), now.minus(OPEN_FOR))
}

/// How many friends somebody has.
pub fn count(conn: &mut Conn, user: UserId) -> Result<i64> {
    let friends: Option<i64> = friend_lists::table.find(user).select(friend_lists::friends).first(conn).optional()?;
    Ok(friends.unwrap_or(0))
}

/// How many of somebody's friends are seen under this condition, as in the list of their friends.
pub fn count_seen(conn: &mut Conn, user: UserId, seen: people::Condition) -> Result<i64> {
    let theirs = friendships::table.filter(friendships::user_id.eq(user)).select(friendships::friend_id);
    Ok(users::table.filter(users::id.eq_any(theirs)).filter(seen).count().get_result(conn)?)
}

/// How many friends each of these people has; who has none may be missing.
fn counts(conn: &mut Conn, people: &[UserId]) -> Result<HashMap<UserId, i64>> {
    let lists = friend_lists::table.filter(friend_lists::user_id.among(people));
    let counts: Vec<(UserId, i64)> = lists.select((friend_lists::user_id, friend_lists::friends)).load(conn)?;
    Ok(counts.into_iter().collect())
}

/// Whose lists are looked at for friends of friends of somebody: of the latest friends, those with the shortest lists, with
/// so many friends all together.
pub fn near(conn: &mut Conn, user: UserId, room: i64) -> Result<Vec<UserId>> {
    let latest = friendships::table
        .filter(friendships::user_id.eq(user))
        .order((friendships::since.desc(), friendships::friend_id.desc()))
        .limit(suggest::FRIENDS as i64)
        .select(friendships::friend_id);
    let latest: Vec<UserId> = latest.load(conn)?;
    Ok(suggest::look_at(counts(conn, &latest)?.into_iter().collect(), room))
}

/// The condition of the index of open requests, as constant text, so that the databases use it.
const IS_PENDING: Fragment<Bool> = Fragment::new("(friend_requests.status = 'pending')");

/// The users who are friends of the viewer, who have asked to be, or whom the viewer has asked.
pub fn tied_to(viewer: Viewer) -> people::Tie {
    let friends = friendships::user_id.eq(viewer.id).and(friendships::friend_id.eq(users::id));
    let open = || friend_requests::table.filter(IS_PENDING).filter(friend_requests::created_at.gt(open(viewer.now).1));
    let asked = open().filter(friend_requests::from_id.eq(viewer.id).and(friend_requests::to_id.eq(users::id)));
    let asks = open().filter(friend_requests::to_id.eq(viewer.id).and(friend_requests::from_id.eq(users::id)));
    Box::new(exists(friendships::table.filter(friends)).or(exists(asked)).or(exists(asks)))
}

/// Those of these people who are friends of somebody.
pub fn among(conn: &mut Conn, user: UserId, people: &[UserId]) -> Result<Vec<UserId>> {
    let theirs = friendships::table.filter(friendships::user_id.eq(user).and(friendships::friend_id.eq_any(people)));
    Ok(theirs.select(friendships::friend_id).load(conn)?)
}

/// Whether two people are friends.
pub fn are_friends(conn: &mut Conn, one: UserId, other: UserId) -> Result<bool> {
    Ok(diesel::select(exists(friendships::table.find((one, other)))).get_result(conn)?)
}

/// Makes two people friends, who are locked.
fn befriend(tx: &mut Tx<'_>, [one, other]: [UserId; 2], since: Timestamp) -> Result<()> {
    let rows = [(one, other), (other, one)].map(|(user_id, friend_id)| FriendshipRow { user_id, friend_id, since });
    diesel::insert_into(friendships::table).values(rows.as_slice()).execute(tx.conn)?;
    add_to_lists(tx.conn, BTreeMap::from([(one, 1), (other, 1)]))
}

/// Ends the friendships of somebody, who is locked, with these people, and returns with whom there was one. An erasure
/// has locked only the one who is erased, so the rows are taken in one order: friendships in that of their keys, then
/// lists in that of their owners.
fn part(tx: &mut Tx<'_>, user: UserId, others: &[UserId]) -> Result<Vec<UserId>> {
    let mut keys: Vec<_> = others.iter().flat_map(|other| [(user, *other), (*other, user)]).collect();
    keys.sort_unstable();
    let mut gone = BTreeMap::new();
    for (one, other) in keys {
        if diesel::delete(friendships::table.find((one, other))).execute(tx.conn)? > 0 {
            gone.insert(if one == user { other } else { one }, -1);
        }
    }
    let parted: Vec<_> = gone.keys().copied().collect();
    if !parted.is_empty() {
        gone.insert(user, -(parted.len() as i64));
        add_to_lists(tx.conn, gone)?;
    }
    Ok(parted)
}

/// In the order of their owners.
fn add_to_lists(conn: &mut Conn, counts: BTreeMap<UserId, i64>) -> Result<()> {
    for (user, count) in counts {
        diesel::insert_into(friend_lists::table)
            .values((friend_lists::user_id.eq(user), friend_lists::friends.eq(count), friend_lists::version.eq(1)))
            .on_conflict(friend_lists::user_id)
            .do_update()
            .set((
                friend_lists::friends.eq(friend_lists::friends + count),
                friend_lists::version.eq(friend_lists::version + 1),
            ))
            .execute(conn)?;
    }
    Ok(())
}

fn remove(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId) -> Result<()> {
    let caller = ctx.user()?;
    lock_both(tx, caller, user)?;
    if part(tx, caller, &[user])?.is_empty() {
        return Err(FRIEND_UNKNOWN.into());
    }
    let told = Change::removed(caller, user);
    journal::append_all(tx, &[(ctx, &told[0]), (ctx, &told[1])])
}

/// Ends everything between two people, who are locked, as one of them wants; returns what they are told.
pub fn sever(tx: &mut Tx<'_>, ctx: &Ctx, by: UserId, other: UserId) -> Result<Vec<Change>> {
    let mut told = requests::refuse_between(tx, ctx, by, other)?;
    if !part(tx, by, &[other])?.is_empty() {
        told.extend(Change::removed(by, other));
    }
    Ok(told)
}
