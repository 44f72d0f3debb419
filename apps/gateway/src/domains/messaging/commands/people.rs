//! Commands about the people in a chat, and about what somebody chooses for themselves.

use clowder_core::{Input, Page};
use clowder_messaging::{
    chats::PreferencesPatch,
    moderation::{NewLifting, NewNotice, NewSanction, SanctionType},
    participants::{NewParticipants, RolePatch},
};
use serde_json::Value;

use super::{Both, InChat, OfParticipant};
use crate::{
    problem::Problem,
    ws::commands::{Call, Done, done, nothing},
};

pub async fn choose(call: Call, data: Value) -> Result<Done, Problem> {
    let Both(InChat { chat_id }, patch) = Both::<_, PreferencesPatch>::from_json(data)?;
    done(call.ports.store.chats.set_preferences(&call.ctx, chat_id, patch).await?)
}

pub async fn add(call: Call, data: Value) -> Result<Done, Problem> {
    let Both(InChat { chat_id }, new) = Both::<_, NewParticipants>::from_json(data)?;
    call.pay(new.rows()).await?;
    let items = call.ports.store.participants.add(&call.ctx, chat_id, new).await?;
    done(Page { items, next_cursor: None })
}

pub async fn remove(call: Call, data: Value) -> Result<Done, Problem> {
    let Both(OfParticipant { chat_id, user_id }, notice) = Both::<_, NewNotice>::from_json(data)?;
    let (ctx, store) = (&call.ctx, &call.ports.store);
    match notice.reason {
        None => store.participants.remove(ctx, chat_id, user_id).await?,
        Some(reason) => store.moderation.take_out(ctx, chat_id, user_id, reason).await?,
    }
    nothing()
}

pub async fn leave(call: Call, data: Value) -> Result<Done, Problem> {
    let InChat { chat_id } = InChat::from_json(data)?;
    call.ports.store.participants.remove(&call.ctx, chat_id, call.user).await?;
    nothing()
}

pub async fn set_role(call: Call, data: Value) -> Result<Done, Problem> {
    let Both(OfParticipant { chat_id, user_id }, patch) = Both::<_, RolePatch>::from_json(data)?;
    done(call.ports.store.participants.set_role(&call.ctx, chat_id, user_id, patch).await?)
}

pub async fn sanction(call: Call, data: Value, kind: SanctionType) -> Result<Done, Problem> {
    let Both(InChat { chat_id }, new) = Both::<_, NewSanction>::from_json_at(data, call.ctx.now)?;
    done(call.ports.store.moderation.sanction(&call.ctx, chat_id, kind, new).await?)
}

pub async fn lift(call: Call, data: Value, kind: SanctionType) -> Result<Done, Problem> {
    let Both(InChat { chat_id }, new) = Both::<_, NewLifting>::from_json(data)?;
    call.ports.store.moderation.lift(&call.ctx, chat_id, kind, new).await?;
    nothing()
}
