//! Groups over HTTP.

use actix_web::{Either, web::Data};
use clowder_core::{Ctx, Made, UserId};
use clowder_social::{
    Groups,
    groups::{
        Deletion, Gone, Group, GroupFilter, GroupId, GroupPatch, Invite, InviteId, Invited, Joined, Member,
        MemberFilter, NewGroup, NewGroupBan, NewGroupInvite, NewOwner, OwnInvitation, Preview, RolePatch, Standing,
        Verdict, model::Code,
    },
};

use crate::{
    answer::{Accepted, Created, CreatedVersioned, Done, Listed, Shown, Started, Version, Versioned},
    auth::Caller,
    call::{IfMatch, Json, MaybeJson, Path},
    problem::Answer,
    query::Query,
};

type Port = Data<dyn Groups>;

impl Version for Group {
    fn version(&self) -> i64 {
        self.tag()
    }
}

pub async fn create(port: Port, Caller(ctx): Caller, Json(new): Json<NewGroup>) -> Answer<CreatedVersioned<Group>> {
    Ok(CreatedVersioned(Made::New(port.create(&ctx, new).await?)))
}

pub async fn groups(port: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<Group>> {
    let filter = GroupFilter {
        search: query.text("search"),
        mine: query.flag("mine").unwrap_or(false),
        my_role: query.word("my_role"),
    };
    let page = query.page();
    query.check()?;
    Ok(Listed(port.groups(&ctx, filter, page).await?))
}

pub async fn invitations(port: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<OwnInvitation>> {
    let page = query.page();
    query.check()?;
    Ok(Listed(port.invitations(&ctx, page).await?))
}

pub async fn group(port: Port, Caller(ctx): Caller, Path(group): Path<GroupId>) -> Answer<Versioned<Group>> {
    let group = port.group(&ctx, group).await?;
    Ok(Versioned(group.tag(), group))
}

pub async fn edit(
    port: Port,
    Caller(ctx): Caller,
    Path(group): Path<GroupId>,
    IfMatch(tags): IfMatch,
    Json(patch): Json<GroupPatch>,
) -> Answer<Versioned<Group>> {
    let group = port.edit(&ctx, group, tags, patch).await?;
    Ok(Versioned(group.tag(), group))
}

pub async fn delete(
    port: Port,
    Caller(ctx): Caller,
    Path(group): Path<GroupId>,
    IfMatch(tags): IfMatch,
) -> Answer<Either<Done, Started<Deletion>>> {
    Ok(match port.delete(&ctx, group, tags).await? {
        Gone::Whole => Either::Left(Done),
        Gone::Started(job) => Either::Right(Started { job, status_at: format!("/api/group-deletions/{group}") }),
    })
}

pub async fn deletion(port: Port, Caller(ctx): Caller, Path(group): Path<GroupId>) -> Answer<Shown<Deletion>> {
    Ok(Shown(port.deletion(&ctx, group).await?))
}

type Came = Either<CreatedVersioned<Group>, Accepted<Group>>;

fn came(joined: Joined) -> Came {
    match joined {
        Joined::New(group) => Either::Left(CreatedVersioned(Made::New(group))),
        Joined::Already(group) => Either::Left(CreatedVersioned(Made::Found(group))),
        Joined::Asked(group) => Either::Right(Accepted(group)),
    }
}

pub async fn join(port: Port, Caller(ctx): Caller, Path(group): Path<GroupId>) -> Answer<Came> {
    Ok(came(port.join(&ctx, group).await?))
}

pub async fn preview(port: Port, Caller(ctx): Caller, Path(code): Path<String>) -> Answer<Shown<Preview>> {
    Ok(Shown(port.preview(&ctx, Code::new(code)).await?))
}

pub async fn join_by_code(
    port: Port,
    Caller(ctx): Caller,
    Path(code): Path<String>,
) -> Answer<CreatedVersioned<Group>> {
    let made = match port.join_by_code(&ctx, Code::new(code)).await? {
        Joined::New(group) => Made::New(group),
        Joined::Already(group) | Joined::Asked(group) => Made::Found(group),
    };
    Ok(CreatedVersioned(made))
}

pub async fn leave(port: Port, Caller(ctx): Caller, Path(group): Path<GroupId>) -> Answer<Done> {
    port.leave(&ctx, group).await?;
    Ok(Done)
}

pub async fn members(
    port: Port,
    Caller(ctx): Caller,
    Path(group): Path<GroupId>,
    mut query: Query,
) -> Answer<Listed<Member>> {
    let filter = MemberFilter { role: query.word("role"), status: query.word("status").unwrap_or(Standing::Member) };
    let page = query.page();
    query.check()?;
    Ok(Listed(port.members(&ctx, group, filter, page).await?))
}

pub async fn member(
    port: Port,
    Caller(ctx): Caller,
    Path((group, user)): Path<(GroupId, UserId)>,
) -> Answer<Shown<Member>> {
    Ok(Shown(port.member(&ctx, group, user).await?))
}

/// Everybody who stands to a group in this way.
async fn people(port: Port, ctx: Ctx, group: GroupId, status: Standing, mut query: Query) -> Answer<Listed<Member>> {
    let page = query.page();
    query.check()?;
    Ok(Listed(port.members(&ctx, group, MemberFilter { role: None, status }, page).await?))
}

pub async fn set_role(
    port: Port,
    Caller(ctx): Caller,
    Path((group, user)): Path<(GroupId, UserId)>,
    Json(patch): Json<RolePatch>,
) -> Answer<Shown<Member>> {
    Ok(Shown(port.set_role(&ctx, group, user, patch).await?))
}

pub async fn remove(port: Port, Caller(ctx): Caller, Path((group, user)): Path<(GroupId, UserId)>) -> Answer<Done> {
    port.remove(&ctx, group, user).await?;
    Ok(Done)
}

/// Who asked to join.
pub async fn requests(
    port: Port,
    Caller(ctx): Caller,
    Path(group): Path<GroupId>,
    query: Query,
) -> Answer<Listed<Member>> {
    people(port, ctx, group, Standing::Pending, query).await
}

pub async fn decide(
    port: Port,
    Caller(ctx): Caller,
    Path((group, user)): Path<(GroupId, UserId)>,
    Json(verdict): Json<Verdict>,
) -> Answer<Done> {
    port.decide(&ctx, group, user, verdict).await?;
    Ok(Done)
}

/// Who is banned.
pub async fn bans(port: Port, Caller(ctx): Caller, Path(group): Path<GroupId>, query: Query) -> Answer<Listed<Member>> {
    people(port, ctx, group, Standing::Banned, query).await
}

pub async fn ban(
    port: Port,
    Caller(ctx): Caller,
    Path((group, user)): Path<(GroupId, UserId)>,
    MaybeJson(new): MaybeJson<NewGroupBan>,
) -> Answer<Done> {
    port.ban(&ctx, group, user, new).await?;
    Ok(Done)
}

pub async fn unban(port: Port, Caller(ctx): Caller, Path((group, user)): Path<(GroupId, UserId)>) -> Answer<Done> {
    port.unban(&ctx, group, user).await?;
    Ok(Done)
}

pub async fn invite(
    port: Port,
    Caller(ctx): Caller,
    Path(group): Path<GroupId>,
    MaybeJson(new): MaybeJson<NewGroupInvite>,
) -> Answer<Created<Invited>> {
    Ok(Created(port.invite(&ctx, group, new).await?))
}

pub async fn invites(
    port: Port,
    Caller(ctx): Caller,
    Path(group): Path<GroupId>,
    mut query: Query,
) -> Answer<Listed<Invite>> {
    let page = query.page();
    query.check()?;
    Ok(Listed(port.invites(&ctx, group, page).await?))
}

pub async fn revoke(port: Port, Caller(ctx): Caller, Path((group, invite)): Path<(GroupId, InviteId)>) -> Answer<Done> {
    port.revoke(&ctx, group, invite).await?;
    Ok(Done)
}

pub async fn transfer(
    port: Port,
    Caller(ctx): Caller,
    Path(group): Path<GroupId>,
    Json(owner): Json<NewOwner>,
) -> Answer<Versioned<Group>> {
    let group = port.transfer(&ctx, group, owner).await?;
    Ok(Versioned(group.tag(), group))
}
