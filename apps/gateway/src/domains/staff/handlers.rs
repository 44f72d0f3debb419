//! Account management by staff, over HTTP.

use actix_web::web::Data;
use clowder_accounts::{
    Account, AccountFilter, NewRole, NewSuspension, Staff,
    badges::{Badge, BadgeStep},
    model::EndKeys,
};
use clowder_core::{Error, Field, UserId};

use crate::{
    answer::{Done, Listed, Shown},
    auth::Caller,
    call::{Json, MaybeJson, Path},
    problem::Answer,
    query::Query,
};

type Port = Data<dyn Staff>;

pub async fn accounts(staff: Port, Caller(ctx): Caller, mut query: Query) -> Answer<Listed<Account>> {
    let page = query.page();
    let (role, status) = (query.word("role"), query.word("status"));
    let filter = AccountFilter { role, status, q: query.text("q") };
    query.check()?;
    Ok(Listed(staff.accounts(&ctx, filter, page).await?))
}

pub async fn account(staff: Port, Caller(ctx): Caller, Path(user): Path<UserId>) -> Answer<Shown<Account>> {
    Ok(Shown(staff.account(&ctx, user).await?))
}

pub async fn set_role(
    staff: Port,
    Caller(ctx): Caller,
    Path(user): Path<UserId>,
    Json(new): Json<NewRole>,
) -> Answer<Shown<Account>> {
    Ok(Shown(staff.set_role(&ctx, user, new.role).await?))
}

pub async fn suspend(
    staff: Port,
    Caller(ctx): Caller,
    Path(user): Path<UserId>,
    Json(new): Json<NewSuspension>,
) -> Answer<Shown<Account>> {
    Ok(Shown(staff.suspend(&ctx, user, new).await?))
}

pub async fn lift(staff: Port, Caller(ctx): Caller, Path(user): Path<UserId>) -> Answer<Done> {
    staff.lift(&ctx, user).await?;
    Ok(Done)
}

pub async fn give_badge(
    staff: Port,
    Caller(ctx): Caller,
    Path((user, badge)): Path<(UserId, String)>,
) -> Answer<Shown<Account>> {
    Ok(Shown(staff.set_badge(&ctx, user, BadgeStep::Give, named(badge)?).await?))
}

pub async fn take_badge(staff: Port, Caller(ctx): Caller, Path((user, badge)): Path<(UserId, String)>) -> Answer<Done> {
    staff.set_badge(&ctx, user, BadgeStep::Take, named(badge)?).await?;
    Ok(Done)
}

fn named(badge: String) -> Answer<Badge> {
    Badge::parse(badge.into()).map_err(|flaw| Error::Invalid(vec![flaw.at("badge")]).into())
}

pub async fn end_sessions(
    staff: Port,
    Caller(ctx): Caller,
    Path(user): Path<UserId>,
    MaybeJson(end): MaybeJson<EndKeys>,
) -> Answer<Done> {
    staff.end_sessions(&ctx, user, end.end_keys).await?;
    Ok(Done)
}
