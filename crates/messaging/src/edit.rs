//! The rules of changing and taking back what was said.

use clowder_core::{Ctx, Result, Versions, versions::is_stale};

use crate::{
    ChatRole, Message, MessagePatch, policy,
    refusals::{MESSAGE_EDITS, MESSAGE_FORBIDDEN, MESSAGE_GONE, MESSAGE_STALE, MESSAGE_UNKNOWN},
};

/// How often one message may be edited: all it has said is kept until it is deleted.
pub const MOST_EDITS: i64 = 100;

/// What is known of a message somebody wants to change.
#[derive(Debug, Clone)]
pub struct EditFacts {
    pub message: Message,
    /// The caller's part in its chat; `None` for strangers.
    pub role: Option<ChatRole>,
}

/// The message as it shall be, or `None` when the edit changes nothing.
pub fn decide(ctx: &Ctx, version: Option<Versions>, patch: MessagePatch, facts: EditFacts) -> Result<Option<Message>> {
    let EditFacts { mut message, role } = facts;
    role.ok_or(MESSAGE_UNKNOWN)?;
    if !policy::may_edit(ctx.user()?, message.sender.id) {
        return Err(MESSAGE_FORBIDDEN.into());
    }
    if message.deleted_at.is_some() {
        return Err(MESSAGE_GONE.into());
    }
    if is_stale(version.as_ref(), message.version) {
        return Err(MESSAGE_STALE.into());
    }
    let content = patch.content.map(crate::Content::into_string);
    if content.is_none() || content == message.content {
        return Ok(None);
    }
    // The version counts the edits, from 1.
    if message.version > MOST_EDITS {
        return Err(MESSAGE_EDITS.into());
    }
    message.content = content;
    message.edited_at = Some(ctx.now);
    message.version += 1;
    Ok(Some(message))
}

/// The message without its text, or `None` when it is deleted already.
pub fn decide_delete(ctx: &Ctx, version: Option<Versions>, facts: EditFacts) -> Result<Option<Message>> {
    let EditFacts { mut message, role } = facts;
    let role = role.ok_or(MESSAGE_UNKNOWN)?;
    if !policy::may_delete(ctx.user()?, role, message.sender.id) {
        return Err(MESSAGE_FORBIDDEN.into());
    }
    if message.deleted_at.is_some() {
        return Ok(None);
    }
    if is_stale(version.as_ref(), message.version) {
        return Err(MESSAGE_STALE.into());
    }
    message.content = None;
    message.deleted_at = Some(ctx.now);
    message.version += 1;
    Ok(Some(message))
}

#[cfg(test)]
mod tests {
    use clowder_core::{Actor, Card, Error, Id, Input, Role, Timestamp, UserId, Via};
    use serde_json::json;

    use super::*;
    use crate::{MessageType, Status};

    fn message(sender: UserId, deleted: bool) -> Message {
        let at = Timestamp::from_micros(1);
        Message {
            id: Id::new(at),
            chat_id: Id::new(at),
            seq: 1,
            kind: MessageType::Text,
            sender: Card { id: sender, username: "ada".into(), display_name: "Ada".into() },
            content: (!deleted).then(|| "old".into()),
            status: Status::Sent,
            client_id: None,
            created_at: at,
            edited_at: None,
            deleted_at: deleted.then_some(at),
            version: 3,
        }
    }

    #[test]
    fn decide_tables() {
        let now = Timestamp::from_micros(9);
        let [ada, bob]: [UserId; 2] = std::array::from_fn(|_| Id::new(now));
        let ctx = |id| Ctx::new(Actor::User { id, via: Via::Session(Id::new(now)), role: Role::User }, now, "test");
        let patch = |text: Option<&str>| MessagePatch::from_json(json!({"content": text})).unwrap();
        let code = |r: Result<Option<Message>>| match r {
            Ok(Some(m)) => format!("v{} {:?}", m.version, m.content),
            Ok(None) => "nothing".into(),
            Err(Error::Refused(refusal)) => refusal.code.into(),
            Err(other) => panic!("{other:?}"),
        };
        let member = Some(ChatRole::Member);
        for (viewer, role, version, text, deleted, edit, delete) in [
            (ada, member, None, Some("new"), false, "v4 Some(\"new\")", "v4 None"),
            (ada, member, Some(3), Some("new"), false, "v4 Some(\"new\")", "v4 None"),
            (ada, member, Some(2), Some("new"), false, "message.stale", "message.stale"),
            (ada, member, None, Some("old"), false, "nothing", "v4 None"),
            (ada, member, None, None, false, "nothing", "v4 None"),
            (ada, member, None, Some("new"), true, "message.deleted", "nothing"),
            (ada, None, None, Some("new"), false, "message.unknown", "message.unknown"),
            (bob, None, None, Some("new"), true, "message.unknown", "message.unknown"),
            (bob, member, None, Some("new"), false, "message.forbidden", "message.forbidden"),
            (bob, Some(ChatRole::Admin), None, Some("new"), false, "message.forbidden", "v4 None"),
        ] {
            let facts = || EditFacts { message: message(ada, deleted), role };
            let version = version.map(Versions::from);
            assert_eq!(code(super::decide(&ctx(viewer), version.clone(), patch(text), facts())), edit);
            assert_eq!(code(decide_delete(&ctx(viewer), version, facts())), delete);
        }
        for (version, edit) in [(100, "v101 Some(\"new\")"), (101, "message.edits")] {
            let message = || Message { version, ..message(ada, false) };
            let facts = || EditFacts { message: message(), role: member };
            assert_eq!(code(super::decide(&ctx(ada), None, patch(Some("new")), facts())), edit);
            assert_eq!(code(super::decide(&ctx(ada), None, patch(Some("old")), facts())), "nothing");
            assert!(code(decide_delete(&ctx(ada), None, facts())).ends_with("None"), "it can always be taken back");
        }
    }
}
