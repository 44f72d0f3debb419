//! The rules of editing and deleting messages.

use std::time::Duration;

use clowder_core::{Ctx, Error, Result, Timestamp, Versions, versions};

use crate::{
    Message, MessagePatch, MessageType,
    attachments::{Files, attach, nothing_said, type_after},
    mentions::Marks,
    moderation::{
        FilterAction,
        rules::{Caught, may_speak},
    },
    policy::{self, Action, Seat},
    previews,
    refusals::{
        CHAT_FORBIDDEN, MESSAGE_EDITS, MESSAGE_FILTERED, MESSAGE_FORBIDDEN, MESSAGE_FORWARDED, MESSAGE_GONE,
        MESSAGE_LATE, MESSAGE_STALE, MESSAGE_UNKNOWN, POLL_EDIT,
    },
};

/// How often one message can be edited: all its versions are kept until it is deleted.
pub const MOST_EDITS: i64 = 100;

/// What is known of a message that somebody wants to change.
#[derive(Debug, Clone)]
pub struct EditFacts {
    pub message: Message,
    /// The caller's place in its chat; `None` for outsiders, and for those who may not see the message.
    pub seat: Option<Seat>,
    /// Whether nobody can write in its chat any more. Its messages can still be deleted.
    pub closed: bool,
    /// What is marked in the new text.
    pub marks: Marks,
    /// The files that the edit names. They stay until it is written.
    pub files: Files,
}

/// The edited message, or `None` if the edit changes nothing.
pub fn decide(ctx: &Ctx, version: Option<Versions>, patch: MessagePatch, facts: EditFacts) -> Result<Option<Message>> {
    let EditFacts { mut message, seat, closed, marks, files } = facts;
    let seat = seat.ok_or(MESSAGE_UNKNOWN)?;
    if !policy::may_edit(ctx.user()?, message.sender.id) || message.kind == MessageType::System {
        return Err(MESSAGE_FORBIDDEN.into());
    }
    if message.deleted_at.is_some() {
        return Err(MESSAGE_GONE.into());
    }
    if message.kind == MessageType::Poll {
        return Err(POLL_EDIT.into());
    }
    // It says who wrote it first.
    if message.forwarded_from.is_some() {
        return Err(MESSAGE_FORWARDED.into());
    }
    policy::is_open(closed)?;
    if !policy::may(seat, Action::Post) {
        return Err(CHAT_FORBIDDEN.into());
    }
    versions::check(version.as_ref(), message.version, MESSAGE_STALE)?;
    // A text that stays means what it meant when it was written.
    let stays = patch.content.is_none() && patch.mentions.is_none();
    let content = match patch.content {
        Some(content) => content.into_string(),
        None => message.content.clone().unwrap_or_default(),
    };
    let attachments = match &patch.attachments {
        Some(given) => attach(given, &files, message.sender.id, &message.attachments)?,
        None => message.attachments.clone(),
    };
    if content.is_empty() && attachments.is_empty() {
        return Err(Error::Invalid(vec![nothing_said().at("/content")]));
    }
    let same_files = attachments == message.attachments;
    let Marks { entities, people: mentions } = match stays {
        true => Marks { entities: message.entities.clone(), people: message.mentions.clone() },
        false => marks,
    };
    // The same text again names whom it named before, unless the author says whom else it mentions.
    let same_text = message.content.as_ref() == Some(&content);
    if same_text && same_files && (patch.mentions.is_none() || mentions == message.mentions) {
        return Ok(None);
    }
    // The version counts the edits, from 1.
    if message.version > MOST_EDITS {
        return Err(MESSAGE_EDITS.into());
    }
    if !same_files {
        message.kind = type_after(message.kind, &attachments, &files);
    }
    message.attachments = attachments;
    (message.content, message.entities, message.mentions) = (Some(content), entities, mentions);
    // Of links that stay, the previews do.
    let links = previews::wanted(&message);
    message.previews.retain(|preview| links.contains(&preview.url));
    message.edited_at = Some(ctx.now);
    message.version += 1;
    Ok(Some(message))
}

/// A message can be edited for so long after it was sent; always without a limit.
pub fn in_time(message: &Message, limit: Option<Duration>, now: Timestamp) -> Result<()> {
    let is_late = limit.is_some_and(|limit| now.since(message.created_at) > limit);
    if is_late { Err(MESSAGE_LATE.into()) } else { Ok(()) }
}

/// An edit is held to what a new message is: whoever is muted does not edit, and no edit brings in a word that a new message
/// could not have. One that would be held is refused, because the message is there already.
pub fn may_say(silent_until: Option<Timestamp>, caught: Option<Caught>, now: Timestamp) -> Result<()> {
    may_speak(silent_until, now)?;
    if caught.is_some_and(|caught| caught.action > FilterAction::Flag) { Err(MESSAGE_FILTERED.into()) } else { Ok(()) }
}

/// The message without its text, or `None` if it is already deleted.
pub fn decide_delete(ctx: &Ctx, version: Option<Versions>, facts: EditFacts) -> Result<Option<Message>> {
    let EditFacts { message, seat, .. } = facts;
    let seat = seat.ok_or(MESSAGE_UNKNOWN)?;
    if !policy::may_delete(ctx.user()?, seat, message.sender.id) {
        return Err(MESSAGE_FORBIDDEN.into());
    }
    if message.deleted_at.is_some() {
        return Ok(None);
    }
    versions::check(version.as_ref(), message.version, MESSAGE_STALE)?;
    Ok(without_text(ctx.now, message))
}

/// The message after its deletion, or `None` if it is already deleted. Whoever writes it also unpins it.
pub fn without_text(now: Timestamp, mut message: Message) -> Option<Message> {
    if message.deleted_at.is_some() {
        return None;
    }
    (message.content, message.system, message.poll) = (None, None, None);
    (message.reply_to, message.forwarded_from, message.attachments) = (None, None, Vec::new());
    (message.reactions, message.entities, message.mentions) = (Vec::new(), Vec::new(), Vec::new());
    message.previews = Vec::new();
    message.deleted_at = Some(now);
    message.version += 1;
    Some(message)
}

#[cfg(test)]
mod tests {
    use clowder_core::{Actor, Card, Error, Id, Input, Role, UserId, Via};
    use serde_json::json;

    use super::*;
    use crate::{ChatRole, ChatType, Rights, Status, relations::ForwardedFrom};

    fn seat(role: ChatRole) -> Seat {
        Seat { kind: ChatType::Group, role, rights: Rights::of(ChatType::Group), of_group: false }
    }

    fn message(sender: UserId, deleted: bool) -> Message {
        let at = Timestamp::from_micros(1);
        Message {
            id: Id::new(at),
            chat_id: Id::new(at),
            seq: 1,
            kind: MessageType::Text,
            sender: Card::new(sender, "ada".into(), "Ada".into()),
            content: (!deleted).then(|| "old".into()),
            status: Status::Sent,
            client_id: None,
            reactions: Vec::new(),
            entities: Vec::new(),
            mentions: Vec::new(),
            previews: Vec::new(),
            reply_to: None,
            thread_of: None,
            thread: None,
            forwarded_from: None,
            created_at: at,
            edited_at: None,
            deleted_at: deleted.then_some(at),
            version: 3,
            hidden: false,
            muted: false,
            pinned: false,
            attachments: Vec::new(),
            lifetime: None,
            expires_at: None,
            system: None,
            poll: None,
        }
    }

    #[test]
    fn decide_tables() {
        let now = Timestamp::from_micros(9);
        let [ada, bob]: [UserId; 2] = std::array::from_fn(|_| Id::new(now));
        let ctx = |id| Ctx::new(Actor::User { id, via: Via::Session(Id::new(now)), role: Role::User }, now, "test");
        let patch = |text: &str| MessagePatch::from_json(json!({"content": text})).unwrap();
        let code = |r: Result<Option<Message>>| match r {
            Ok(Some(m)) => format!("v{} {:?}", m.version, m.content),
            Ok(None) => "nothing".into(),
            Err(Error::Refused(refusal)) => refusal.code.into(),
            Err(Error::Stale { refusal, current }) => format!("{} {current}", refusal.code),
            Err(other) => panic!("{other:?}"),
        };
        let member = Some(ChatRole::Member);
        for (viewer, role, version, text, deleted, edit, delete) in [
            (ada, member, None, "new", false, "v4 Some(\"new\")", "v4 None"),
            (ada, member, Some(3), "new", false, "v4 Some(\"new\")", "v4 None"),
            (ada, member, Some(2), "new", false, "message.stale 3", "message.stale 3"),
            (ada, member, None, "old", false, "nothing", "v4 None"),
            (ada, member, None, "new", true, "message.deleted", "nothing"),
            (ada, None, None, "new", false, "message.unknown", "message.unknown"),
            (bob, None, None, "new", true, "message.unknown", "message.unknown"),
            (bob, member, None, "new", false, "message.forbidden", "message.forbidden"),
            (bob, Some(ChatRole::Admin), None, "new", false, "message.forbidden", "v4 None"),
        ] {
            let facts = || EditFacts {
                message: message(ada, deleted),
                seat: role.map(seat),
                closed: false,
                marks: Marks::default(),
                files: Files::new(),
            };
            let version = version.map(Versions::from);
            assert_eq!(code(super::decide(&ctx(viewer), version.clone(), patch(text), facts())), edit);
            assert_eq!(code(decide_delete(&ctx(viewer), version, facts())), delete);
        }
        let without_text = MessagePatch::from_json(json!({"mentions": []})).unwrap();
        let facts = EditFacts {
            message: message(ada, false),
            seat: member.map(seat),
            closed: false,
            marks: Marks::default(),
            files: Files::new(),
        };
        assert_eq!(code(super::decide(&ctx(ada), None, without_text, facts)), "nothing", "an absent text stays");
        for (version, edit) in [(100, "v101 Some(\"new\")"), (101, "message.edits")] {
            let message = || Message { version, ..message(ada, false) };
            let facts = || EditFacts {
                message: message(),
                seat: member.map(seat),
                closed: false,
                marks: Marks::default(),
                files: Files::new(),
            };
            assert_eq!(code(super::decide(&ctx(ada), None, patch("new"), facts())), edit);
            assert_eq!(code(super::decide(&ctx(ada), None, patch("old"), facts())), "nothing");
            assert!(code(decide_delete(&ctx(ada), None, facts())).ends_with("None"), "it can always be taken back");
        }
        let (minute, message_of_ada) = (Duration::from_secs(60), message(ada, false));
        for (after, limit, expected) in
            [(60, Some(minute), Ok(())), (61, Some(minute), Err("message.late")), (1_000_000, None, Ok(()))]
        {
            let then = message_of_ada.created_at.plus(Duration::from_secs(after));
            let answer = in_time(&message_of_ada, limit, then).map_err(|error| error.to_string());
            assert_eq!(answer, expected.map_err(str::to_owned), "{after}");
        }
        let closed = || EditFacts {
            message: message(ada, false),
            seat: member.map(seat),
            closed: true,
            marks: Marks::default(),
            files: Files::new(),
        };
        assert_eq!(code(super::decide(&ctx(ada), None, patch("new"), closed())), "chat.closed");
        assert_eq!(code(decide_delete(&ctx(ada), None, closed())), "v4 None", "also in a closed chat");
        let silent = || Seat { rights: Rights::NONE, ..seat(ChatRole::Member) };
        let silenced = || EditFacts {
            message: message(ada, false),
            seat: Some(silent()),
            closed: false,
            marks: Marks::default(),
            files: Files::new(),
        };
        assert_eq!(code(super::decide(&ctx(ada), None, patch("new"), silenced())), "chat.forbidden");
        assert_eq!(code(decide_delete(&ctx(ada), None, silenced())), "v4 None", "it can always be taken back");
        let system = || Message { kind: MessageType::System, ..message(ada, false) };
        let system = || EditFacts {
            message: system(),
            seat: member.map(seat),
            closed: false,
            marks: Marks::default(),
            files: Files::new(),
        };
        assert_eq!(code(super::decide(&ctx(ada), None, patch("new"), system())), "message.forbidden");
        let poll = || Message { kind: MessageType::Poll, ..message(ada, false) };
        let poll = || EditFacts {
            message: poll(),
            seat: member.map(seat),
            closed: false,
            marks: Marks::default(),
            files: Files::new(),
        };
        assert_eq!(code(super::decide(&ctx(ada), None, patch("new"), poll())), "poll.edit");
        let from = || Some(Box::new(ForwardedFrom { chat_id: None, sender: None }));
        let forwarded = || Message { forwarded_from: from(), ..message(ada, false) };
        let forwarded = || EditFacts {
            message: forwarded(),
            seat: member.map(seat),
            closed: false,
            marks: Marks::default(),
            files: Files::new(),
        };
        assert_eq!(code(super::decide(&ctx(ada), None, patch("new"), forwarded())), "message.forwarded");
        assert_eq!(code(decide_delete(&ctx(ada), None, forwarded())), "v4 None");
        assert_eq!(code(decide_delete(&ctx(ada), None, poll())), "v4 None");
    }
}
