//! Groups over HTTP.

use actix_web::{Either, web::Data};
use clowder_core::{Ctx, Made, UserId};
use clowder_social::{
    Groups,
    groups::{
        Group, GroupFilter, GroupId, GroupPatch, Invite, InviteId, Invited, Joined, Member, MemberFilter, NewGroup,
        NewGroupInvite, NewOwner, RolePatch, Standing, Verdict, model::Code,
    },
};

use crate::{
    answer::{Accepted, Created, CreatedVersioned, Done, Listed, Shown, Version, Versioned},
    auth::Caller,
    call::{IfMatch, Json, Path},
    problem::Answer,
    query::Query,
};

type Port = Data<dyn Groups>;

impl Version for Group {
    fn version(&self) -> i64 {
        self.version
    }
}

pub async fn create(port: Port, Caller(ctx): Caller, Json(new): Json<NewGroup>) -> Answer<CreatedVersioned<Group>> {
    Ok(CreatedVersioned(Made::New(port.create(&ctx, new).await?)))
}

pub async fn groups(port: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<Group>> {
    let filter = GroupFilter { search: query.text("search"), mine: query.flag("mine").unwrap_or(false) };
    let page = query.page();
    query.check()?;
    Ok(Listed(port.groups(&ctx, filter, page).await?))
}

pub async fn group(port: Port, Caller(ctx): Caller, Path(group): Path<GroupId>) -> Answer<Versioned<Group>> {
    let group = port.group(&ctx, group).await?;
    Ok(Versioned(group.version, group))
}

pub async fn edit(
    port: Port,
    Caller(ctx): Caller,
    Path(group): Path<GroupId>,
    IfMatch(version): IfMatch,
    Json(patch): Json<GroupPatch>,
) -> Answer<Versioned<Group>> {
    let group = port.edit(&ctx, group, version, patch).await?;
    Ok(Versioned(group.version, group))
}

pub async fn delete(
    port: Port,
    Caller(ctx): Caller,
    Path(group): Path<GroupId>,
    IfMatch(version): IfMatch,
) -> Answer<Done> {
    port.delete(&ctx, group, version).await?;
    Ok(Done)
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

pub async fn ban(port: Port, Caller(ctx): Caller, Path((group, user)): Path<(GroupId, UserId)>) -> Answer<Done> {
    port.ban(&ctx, group, user).await?;
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
    Json(new): Json<NewGroupInvite>,
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
    Ok(Versioned(group.version, group))
}
