//! Commands about chats themselves, about who comes into them, and about what waits for a decision.

use clowder_core::{Input, link::Code};
use clowder_messaging::{
    NewChat,
    chats::{ChatPatch, NewOwner},
    invitations::{AnswerVerb, NewAnswer, NewInvite, Verdict, port::Came},
    lifetimes::NewLifetime,
    moderation::{NewReviewVerdict, NewSlowMode},
    refusals::CHAT_UNKNOWN,
};
use serde_json::Value;

use super::{super::invitations::Asked, Both, InChat, OfChat, OfLink, OfParticipant, OfReview, WayIn};
use crate::{
    problem::Problem,
    ws::commands::{Call, Done, done, nothing},
};

pub async fn create(call: Call, data: Value) -> Result<Done, Problem> {
    let new = NewChat::from_json(data)?;
    call.pay(new.rows()).await?;
    done(call.ports.store.messaging.create_chat(&call.ctx, new).await?.into_inner())
}

pub async fn edit(call: Call, data: Value) -> Result<Done, Problem> {
    let Both(OfChat { chat_id, version }, patch) = Both::<_, ChatPatch>::from_json(data)?;
    done(call.ports.store.chats.edit_chat(&call.ctx, chat_id, version.map(Into::into), patch).await?)
}

pub async fn set_lifetime(call: Call, data: Value) -> Result<Done, Problem> {
    let Both(OfChat { chat_id, version }, new) = Both::<_, NewLifetime>::from_json(data)?;
    done(call.ports.store.lifetimes.set_lifetime(&call.ctx, chat_id, version.map(Into::into), new).await?)
}

pub async fn set_owner(call: Call, data: Value) -> Result<Done, Problem> {
    let Both(InChat { chat_id }, owner) = Both::<_, NewOwner>::from_json(data)?;
    done(call.ports.store.chats.transfer(&call.ctx, chat_id, owner).await?)
}

pub async fn slow_down(call: Call, data: Value) -> Result<Done, Problem> {
    let Both(InChat { chat_id }, new) = Both::<_, NewSlowMode>::from_json(data)?;
    done(call.ports.store.moderation.slow_down(&call.ctx, chat_id, new).await?)
}

pub async fn invite(call: Call, data: Value) -> Result<Done, Problem> {
    let Both(InChat { chat_id }, new) = Both::<_, NewInvite>::from_json_at(data, call.ctx.now)?;
    call.pay(new.rows()).await?;
    done(call.ports.store.invitations.invite(&call.ctx, chat_id, new).await?)
}

pub async fn join(call: Call, data: Value) -> Result<Done, Problem> {
    let store = &call.ports.store;
    let came = match WayIn::from_json(data)? {
        WayIn { code: Some(code), .. } => store.invitations.come(&call.ctx, Code::new(code)).await?,
        WayIn { chat_id: Some(chat), .. } => store.participants.join(&call.ctx, chat).await?,
        WayIn { .. } => return Err(CHAT_UNKNOWN.into()),
    };
    match came {
        Came::In(chat) | Came::Already(chat) => done(chat),
        Came::Asked(chat_id) => done(Asked { chat_id }),
    }
}

pub async fn answer(call: Call, data: Value, action: AnswerVerb) -> Result<Done, Problem> {
    let InChat { chat_id } = InChat::from_json(data)?;
    match call.ports.store.invitations.answer(&call.ctx, chat_id, NewAnswer { action }).await? {
        Some(chat) => done(chat),
        None => nothing(),
    }
}

pub async fn revoke(call: Call, data: Value) -> Result<Done, Problem> {
    let OfLink { chat_id, link_id } = OfLink::from_json(data)?;
    call.ports.store.invitations.revoke(&call.ctx, chat_id, link_id).await?;
    nothing()
}

pub async fn withdraw(call: Call, data: Value) -> Result<Done, Problem> {
    let OfParticipant { chat_id, user_id } = OfParticipant::from_json(data)?;
    call.ports.store.invitations.withdraw(&call.ctx, chat_id, user_id).await?;
    nothing()
}

pub async fn decide(call: Call, data: Value) -> Result<Done, Problem> {
    let Both(OfParticipant { chat_id, user_id }, verdict) = Both::<_, Verdict>::from_json(data)?;
    call.ports.store.invitations.decide(&call.ctx, chat_id, user_id, verdict).await?;
    nothing()
}

pub async fn review(call: Call, data: Value) -> Result<Done, Problem> {
    let Both(OfReview { chat_id, review_id, version }, verdict) = Both::<_, NewReviewVerdict>::from_json(data)?;
    let (ctx, moderation) = (&call.ctx, &call.ports.store.moderation);
    moderation.decide_review(ctx, Some(chat_id), review_id, version.map(Into::into), verdict).await?;
    nothing()
}
