//! Commands of chats and messages.

mod chats;
mod keeping;
mod people;
mod table;
mod typing;

use clowder_core::{ChatId, Fields, Input, MessageId, UserId, text::Flaw};
use clowder_messaging::{
    Emoji, MessagePatch, NewMessage, NewRead,
    chats::NewDraft,
    invitations::LinkId,
    moderation::{NewNotice, ReviewId},
    polls::NewVote,
    relations::NewForward,
    scheduled::{ScheduledId, ScheduledPatch},
};
use serde_json::Value;

pub use table::COMMANDS;
pub use typing::SIGNALS;

use crate::{
    problem::Problem,
    ws::commands::{Call, Done, done},
};

const A_CHAT: &str = "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10";
const A_MESSAGE: &str = "01993c4f-02d1-7e10-8c44-52a0b1f0a9d3";
const A_USER: &str = "01993c4e-81d4-7f02-8c1e-52c9b7a4e6f3";

/// Names a chat.
#[derive(Debug, utoipa::ToSchema)]
struct InChat {
    chat_id: ChatId,
}

impl Input for InChat {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.required("chat_id").map(|chat_id| Self { chat_id })
    }
}

/// Names a chat, and optionally its expected version.
#[derive(Debug, utoipa::ToSchema)]
struct OfChat {
    chat_id: ChatId,
    /// Like `If-Match`: the version that was read. If it is no longer the current one, the command is refused with
    /// `chat.stale`.
    #[schema(minimum = 1)]
    version: Option<i64>,
}

impl Input for OfChat {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (chat_id, version) = (fields.required("chat_id"), fields.optional("version"));
        Some(Self { chat_id: chat_id?, version: version? })
    }
}

/// Names a message that the word filter of a chat caught, and optionally its expected version.
#[derive(Debug, utoipa::ToSchema)]
struct OfReview {
    chat_id: ChatId,
    review_id: ReviewId,
    /// Like `If-Match`: the version that was read. If it is no longer the current one, the command is refused with
    /// `message.stale`.
    #[schema(minimum = 1)]
    version: Option<i64>,
}

impl Input for OfReview {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (chat_id, review_id) = (fields.required("chat_id"), fields.required("review_id"));
        let version = fields.optional("version");
        Some(Self { chat_id: chat_id?, review_id: review_id?, version: version? })
    }
}

/// Names somebody in a chat.
#[derive(Debug, utoipa::ToSchema)]
struct OfParticipant {
    chat_id: ChatId,
    user_id: UserId,
}

impl Input for OfParticipant {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (chat_id, user_id) = (fields.required("chat_id"), fields.required("user_id"));
        Some(Self { chat_id: chat_id?, user_id: user_id? })
    }
}

/// Names a public chat, or a link to one: one of the two.
#[derive(Debug, utoipa::ToSchema)]
struct WayIn {
    chat_id: Option<ChatId>,
    /// The code of the link.
    #[schema(max_length = 200)]
    code: Option<String>,
}

impl Input for WayIn {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (chat_id, code) = (fields.optional::<ChatId>("chat_id"), fields.optional::<String>("code"));
        match (&chat_id, &code) {
            (Some(None), Some(None)) => fields.flaw("chat_id", Flaw::new("required", "is required, or `code`")),
            (Some(Some(_)), Some(Some(_))) => {
                fields.flaw("code", Flaw::new("unwanted", "only one of `chat_id` and `code` can be given"));
            }
            _ => {}
        }
        Some(Self { chat_id: chat_id?, code: code? })
    }
}

/// Names a link to a chat.
#[derive(Debug, utoipa::ToSchema)]
struct OfLink {
    chat_id: ChatId,
    link_id: LinkId,
}

impl Input for OfLink {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (chat_id, link_id) = (fields.required("chat_id"), fields.required("link_id"));
        Some(Self { chat_id: chat_id?, link_id: link_id? })
    }
}

/// Names a message.
#[derive(Debug, utoipa::ToSchema)]
struct AMessage {
    message_id: MessageId,
}

impl Input for AMessage {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.required("message_id").map(|message_id| Self { message_id })
    }
}

/// Names a message, and optionally its expected version.
#[derive(Debug, utoipa::ToSchema)]
struct OfVersion {
    message_id: MessageId,
    /// Like `If-Match`: the version that was read. If it is no longer the current one, the command is refused with
    /// `message.stale`.
    #[schema(minimum = 1)]
    version: Option<i64>,
}

impl Input for OfVersion {
    fn read(fields: &mut Fields) -> Option<Self> {
        let message_id = fields.required("message_id");
        let version = fields.optional("version");
        Some(Self { message_id: message_id?, version: version? })
    }
}

/// Names a scheduled message, and optionally its expected version.
#[derive(Debug, utoipa::ToSchema)]
struct OfScheduled {
    scheduled_message_id: ScheduledId,
    /// Like `If-Match`: the version that was read. If it is no longer the current one, the command is refused with
    /// `scheduled.stale`.
    #[schema(minimum = 1)]
    version: Option<i64>,
}

impl Input for OfScheduled {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (scheduled_message_id, version) = (fields.required("scheduled_message_id"), fields.optional("version"));
        Some(Self { scheduled_message_id: scheduled_message_id?, version: version? })
    }
}

/// An emoji of a message.
#[derive(Debug, utoipa::ToSchema)]
struct OfMessage {
    message_id: MessageId,
    /// A single emoji. Variation selectors may be missing.
    #[schema(value_type = String, min_length = 1, max_length = 16)]
    emoji: Emoji,
}

impl Input for OfMessage {
    fn read(fields: &mut Fields) -> Option<Self> {
        let message_id = fields.required("message_id");
        let emoji = fields.required("emoji");
        Some(Self { message_id: message_id?, emoji: emoji? })
    }
}

/// The members of two inputs in one object, so that all errors are reported at once.
struct Both<A, B>(A, B);

impl<A: Input, B: Input> Input for Both<A, B> {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (a, b) = (A::read(fields), B::read(fields));
        Some(Self(a?, b?))
    }
}

async fn send(call: Call, data: Value) -> Result<Done, Problem> {
    let Both(InChat { chat_id }, new) = Both::<_, NewMessage>::from_json_at(data, call.ctx.now)?;
    call.pay(new.rows()).await?;
    let store = &call.ports.store;
    if new.send_at.is_some() {
        return done(store.scheduled.schedule(&call.ctx, chat_id, new).await?);
    }
    done(store.messaging.send(&call.ctx, chat_id, new).await?.into_inner())
}

async fn edit_scheduled(call: Call, data: Value) -> Result<Done, Problem> {
    let Both(of, patch) = Both::<OfScheduled, ScheduledPatch>::from_json_at(data, call.ctx.now)?;
    call.pay(patch.rows()).await?;
    let (id, version) = (of.scheduled_message_id, of.version.map(Into::into));
    done(call.ports.store.scheduled.edit_scheduled(&call.ctx, id, version, patch).await?)
}

async fn cancel_scheduled(call: Call, data: Value) -> Result<Done, Problem> {
    let OfScheduled { scheduled_message_id, version } = OfScheduled::from_json(data)?;
    done(call.ports.store.scheduled.cancel_scheduled(&call.ctx, scheduled_message_id, version.map(Into::into)).await?)
}

async fn edit(call: Call, data: Value) -> Result<Done, Problem> {
    let Both(OfVersion { message_id, version }, patch) = Both::<_, MessagePatch>::from_json(data)?;
    done(call.ports.store.messaging.edit(&call.ctx, message_id, version.map(Into::into), patch).await?)
}

async fn delete(call: Call, data: Value) -> Result<Done, Problem> {
    let Both(OfVersion { message_id, version }, notice) = Both::<_, NewNotice>::from_json(data)?;
    let (ctx, store, version) = (&call.ctx, &call.ports.store, version.map(Into::into));
    done(match notice.reason {
        None => store.messaging.delete(ctx, message_id, version).await?,
        Some(reason) => store.moderation.delete_message(ctx, message_id, version, reason).await?,
    })
}

async fn read(call: Call, data: Value) -> Result<Done, Problem> {
    let Both(InChat { chat_id }, new) = Both::<_, NewRead>::from_json(data)?;
    done(call.ports.store.messaging.read(&call.ctx, chat_id, new).await?)
}

async fn delivered(call: Call, data: Value) -> Result<Done, Problem> {
    let Both(InChat { chat_id }, new) = Both::<_, NewRead>::from_json(data)?;
    done(call.ports.store.messaging.delivered(&call.ctx, chat_id, new).await?)
}

async fn forward(call: Call, data: Value) -> Result<Done, Problem> {
    let Both(AMessage { message_id }, new) = Both::<_, NewForward>::from_json(data)?;
    call.pay(new.rows()).await?;
    done(call.ports.store.relations.forward(&call.ctx, message_id, new).await?.into_inner())
}

async fn follow(call: Call, data: Value, on: bool) -> Result<Done, Problem> {
    let AMessage { message_id } = AMessage::from_json(data)?;
    let relations = &call.ports.store.relations;
    done(match on {
        true => relations.follow_thread(&call.ctx, message_id).await?,
        false => relations.unfollow_thread(&call.ctx, message_id).await?,
    })
}

async fn read_thread(call: Call, data: Value) -> Result<Done, Problem> {
    let Both(AMessage { message_id }, new) = Both::<_, NewRead>::from_json(data)?;
    done(call.ports.store.relations.read_thread(&call.ctx, message_id, new).await?)
}

async fn react(call: Call, data: Value, on: bool) -> Result<Done, Problem> {
    let OfMessage { message_id, emoji } = OfMessage::from_json(data)?;
    let messaging = &call.ports.store.messaging;
    done(match on {
        true => messaging.react(&call.ctx, message_id, emoji).await?,
        false => messaging.unreact(&call.ctx, message_id, emoji).await?,
    })
}

async fn vote(call: Call, data: Value) -> Result<Done, Problem> {
    let Both(AMessage { message_id }, new) = Both::<_, NewVote>::from_json(data)?;
    done(call.ports.store.polls.vote(&call.ctx, message_id, new).await?)
}

async fn close_poll(call: Call, data: Value) -> Result<Done, Problem> {
    let AMessage { message_id } = AMessage::from_json(data)?;
    done(call.ports.store.polls.close(&call.ctx, message_id).await?)
}

async fn draft(call: Call, data: Value) -> Result<Done, Problem> {
    let Both(InChat { chat_id }, new) = Both::<_, NewDraft>::from_json(data)?;
    done(call.ports.store.chats.set_draft(&call.ctx, chat_id, new).await?)
}

#[cfg(test)]
mod tests {
    use clowder_core::Error;
    use serde_json::json;

    use super::*;

    fn wrong<I: Input>(data: Value) -> Vec<String> {
        match I::from_json(data) {
            Ok(_) => Vec::new(),
            Err(Error::Invalid(fields)) => {
                fields.iter().map(|field| format!("{} {}", field.pointer, field.code)).collect()
            }
            Err(other) => vec![other.to_string()],
        }
    }

    /// Errors in the members of both inputs are reported at once.
    #[test]
    fn commands_read_their_data() {
        assert_eq!(wrong::<Both<InChat, NewMessage>>(json!({})).len(), 2);
        assert_eq!(
            wrong::<Both<InChat, NewMessage>>(json!({"chat_id": A_CHAT, "content": "hi"})),
            Vec::<String>::new()
        );
        assert_eq!(wrong::<Both<InChat, NewRead>>(json!({"chat_id": A_CHAT, "seq": -1})).len(), 1);
        assert_eq!(wrong::<Both<OfVersion, MessagePatch>>(json!({"message_id": 7, "version": "x"})).len(), 3);
        assert_eq!(wrong::<OfVersion>(json!([])).len(), 1);
        for (way, expected) in [
            (json!({}), vec!["/chat_id required"]),
            (json!({"chat_id": A_CHAT}), vec![]),
            (json!({"code": "x"}), vec![]),
            (json!({"chat_id": A_CHAT, "code": "x"}), vec!["/code unwanted"]),
            (json!({"chat_id": null, "code": "x".repeat(201)}), vec!["/code too_long"]),
        ] {
            assert_eq!(wrong::<WayIn>(way.clone()), expected, "{way}");
        }
    }
}
