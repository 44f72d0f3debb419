//! The rule of the hottest path: may this message be sent here, and was it sent before?

use clowder_core::{Card, ChatId, Ctx, MessageId, Result, Timestamp};

use crate::{
    ChatRole, Message, NewMessage, Rights, Status,
    attachments::{Files, attach, attach_forwarded, type_of},
    lifetimes::{Lifetime, of_message},
    mentions::Marks,
    moderation::{
        FilterAction,
        pace::may_write,
        rules::{Caught, may_speak},
    },
    policy::{is_open, may_post},
    polls::ask,
    refusals::{CHAT_FORBIDDEN, CHAT_UNKNOWN, CLIENT_ID_MISMATCH, MESSAGE_FILTERED},
    relations::{ForwardedFrom, Targets, relate},
};

/// A keyed hash of a message's original text and chat: it outlives edits and deletion without keeping the text.
pub type Fingerprint = [u8; 16];

/// What is known when somebody sends.
#[derive(Debug, Clone)]
pub struct SendFacts {
    /// The sender's role in the chat; `None` for outsiders and unknown chats.
    pub membership: Option<(ChatRole, Card)>,
    /// The existing message with this `client_id`.
    pub earlier: Option<(MessageId, Fingerprint)>,
    pub fingerprint: Fingerprint,
    /// Whether nobody can write in the chat any more.
    pub closed: bool,
    /// What the chat allows its members.
    pub rights: Rights,
    pub bounds: Bounds,
    /// How long messages stay in the chat.
    pub lifetime: Option<Lifetime>,
    /// Whether people see each other's read marks.
    pub shows_marks: bool,
    /// What is marked in the text.
    pub marks: Marks,
    /// The messages that it names.
    pub targets: Targets,
    /// The files that it names. They stay until it is written.
    pub files: Files,
    /// Whether it is forwarded.
    pub forwarded: bool,
    /// Whether its sender is not there to correct it.
    pub lenient: bool,
    /// The end of the chat. It is locked, so that it stays true until the message is written.
    pub last: Last,
}

/// What keeps the sender from writing in the chat just now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bounds {
    /// Until when they are muted.
    pub silent_until: Option<Timestamp>,
    /// When they last wrote there.
    pub spoke_at: Option<Timestamp>,
    /// How many seconds members wait between two messages.
    pub slow_seconds: i64,
}

/// The end of a chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Last {
    /// The `seq` of the last message, 0 if there is none.
    pub seq: i64,
    /// When it was sent; without messages, when the chat was created.
    pub at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    New(Box<Message>),
    /// It is not sent before somebody approves it.
    Hold(Caught),
    /// It was sent before: answer with that message, as it is now.
    Repeat(MessageId),
}

/// The message to write. Times never decrease with `seq`: if this node's clock is behind that of the node that wrote
/// the last message, both messages get the same time.
pub fn decide(ctx: &Ctx, chat: ChatId, new: NewMessage, facts: SendFacts) -> Result<Verdict> {
    let (role, sender) = facts.membership.ok_or(CHAT_UNKNOWN)?;
    if let Some((id, fingerprint)) = facts.earlier {
        return if fingerprint == facts.fingerprint { Ok(Verdict::Repeat(id)) } else { Err(CLIENT_ID_MISMATCH.into()) };
    }
    is_open(facts.closed)?;
    if !may_post(role, facts.rights) {
        return Err(CHAT_FORBIDDEN.into());
    }
    let Bounds { silent_until, spoke_at, slow_seconds } = facts.bounds;
    may_speak(silent_until, ctx.now)?;
    may_write(role, slow_seconds, spoke_at, ctx.now)?;
    let related = relate(ctx.now, (new.reply_to, new.thread_of), facts.targets, facts.lenient)?;
    let attachments = if facts.forwarded {
        attach_forwarded(&new.attachments, &facts.files, !new.content.is_empty())?
    } else {
        attach(&new.attachments, &facts.files, sender.id, &[])?
    };
    let kind = type_of(new.kind, &attachments, &facts.files)?.into();
    let poll = new.poll.map(|poll| ask(ctx.now, *poll)).transpose()?;
    let created_at = ctx.now.max(facts.last.at);
    let stay = of_message(new.lifetime, facts.lifetime);
    let Marks { entities, people: mentions } = facts.marks;
    Ok(Verdict::New(Box::new(Message {
        id: MessageId::new(ctx.now),
        chat_id: chat,
        seq: facts.last.seq + 1,
        kind,
        sender,
        content: Some(new.content.into_string()),
        status: Status::Sent,
        client_id: new.client_id.map(crate::model::ClientId::into_string),
        reactions: Vec::new(),
        entities,
        mentions,
        previews: Vec::new(),
        reply_to: related.reply_to,
        thread_of: related.thread_of,
        thread: None,
        forwarded_from: facts.forwarded.then(|| Box::new(ForwardedFrom::UNKNOWN)),
        created_at,
        edited_at: None,
        deleted_at: None,
        version: 1,
        hidden: false,
        muted: false,
        pinned: false,
        attachments,
        lifetime: stay.lifetime,
        expires_at: stay.end(created_at, facts.shows_marks),
        system: None,
        poll,
    })))
}

/// What becomes of a new message that a filter has caught, or none.
pub fn screen(message: Box<Message>, caught: Option<Caught>) -> Result<Verdict> {
    match caught {
        Some(Caught { action: FilterAction::Block, .. }) => Err(MESSAGE_FILTERED.into()),
        Some(caught @ Caught { action: FilterAction::Hold, .. }) => Ok(Verdict::Hold(caught)),
        Some(Caught { action: FilterAction::Flag, .. }) | None => Ok(Verdict::New(message)),
    }
}

#[cfg(test)]
mod tests {
    use clowder_core::{Actor, Error, Id, Input, Timestamp, UserId};
    use serde_json::json;

    use super::*;
    use crate::{
        ChatType, MessageType,
        refusals::{CHAT_CLOSED, CHAT_MUTED, MESSAGE_SLOW},
    };

    const OPEN: Rights = Rights::of(ChatType::Group);
    const FREE: Bounds = Bounds { silent_until: None, spoke_at: None, slow_seconds: 0 };

    #[test]
    fn bounds_table() {
        let now = Timestamp::from_micros(7);
        let ctx = Ctx::new(Actor::System, now, "test");
        let (chat, ada): (ChatId, UserId) = (Id::new(now), Id::new(now));
        let card = Card::new(ada, "ada".into(), "Ada".into());
        let later = Some(Timestamp::from_micros(8));
        let slow = Bounds { spoke_at: Some(now), slow_seconds: 1, ..FREE };
        for (role, bounds, expected) in [
            (ChatRole::Member, FREE, None),
            (ChatRole::Member, Bounds { silent_until: later, ..FREE }, Some(CHAT_MUTED)),
            (ChatRole::Admin, Bounds { silent_until: later, ..FREE }, Some(CHAT_MUTED)),
            (ChatRole::Member, Bounds { silent_until: Some(now), ..FREE }, None),
            (ChatRole::Member, Bounds { spoke_at: Some(now), ..FREE }, None),
            (ChatRole::Member, slow, Some(MESSAGE_SLOW)),
            (ChatRole::Admin, slow, None),
        ] {
            let new = NewMessage::from_json(json!({"content": "hi"})).unwrap();
            let facts = SendFacts { bounds, ..facts(Some((role, card.clone())), None, Last { seq: 4, at: now }) };
            let refused = match decide(&ctx, chat, new, facts) {
                Ok(Verdict::New(message)) => {
                    let action = |action| screen(message.clone(), Some(Caught { action, by_server: true }));
                    let held = Caught { action: FilterAction::Hold, by_server: true };
                    assert!(matches!(action(FilterAction::Block), Err(Error::Refused(MESSAGE_FILTERED))));
                    assert_eq!(action(FilterAction::Hold).unwrap(), Verdict::Hold(held));
                    assert_eq!(action(FilterAction::Flag).unwrap(), Verdict::New(message.clone()));
                    assert_eq!(screen(message.clone(), None).unwrap(), Verdict::New(message));
                    None
                }
                Err(Error::Refused(refusal) | Error::TooEarly { refusal, .. }) => Some(refusal),
                other => panic!("{other:?}"),
            };
            assert_eq!(refused, expected, "{role:?} {bounds:?}");
        }
    }

    /// Those of an open chat in which messages stay.
    fn facts(membership: Option<(ChatRole, Card)>, earlier: Option<(MessageId, Fingerprint)>, last: Last) -> SendFacts {
        let (closed, rights, fingerprint) = (false, OPEN, [1; 16]);
        let (lifetime, shows_marks) = (None, true);
        SendFacts {
            membership,
            earlier,
            fingerprint,
            closed,
            rights,
            bounds: FREE,
            lifetime,
            shows_marks,
            marks: Marks::default(),
            targets: Targets::default(),
            files: Files::new(),
            forwarded: false,
            lenient: false,
            last,
        }
    }

    #[test]
    fn decide_table() {
        let now = Timestamp::from_micros(7);
        let ctx = Ctx::new(Actor::System, now, "test");
        let (chat, id, ada): (ChatId, MessageId, UserId) = (Id::new(now), Id::new(now), Id::new(now));
        let card = Card::new(ada, "ada".into(), "Ada".into());
        let membership = Some((ChatRole::Member, card));
        let after = |membership, earlier, last| {
            let new = NewMessage::from_json(json!({"content": "hi", "client_id": "1"})).unwrap();
            decide(&ctx, chat, new, facts(membership, earlier, last))
        };
        let decided = |membership, earlier| after(membership, earlier, Last { seq: 0, at: Timestamp::from_micros(1) });
        let refused = |r| matches!(r, Err(Error::Refused(refusal)) if refusal == CHAT_UNKNOWN);
        assert!(refused(decided(None, None)));
        assert!(refused(decided(None, Some((id, [1; 16])))), "who left does not even learn of repeats");
        assert_eq!(decided(membership.clone(), Some((id, [1; 16]))).unwrap(), Verdict::Repeat(id));
        assert!(matches!(decided(membership.clone(), Some((id, [2; 16]))), Err(Error::Refused(CLIENT_ID_MISMATCH))));
        let Ok(Verdict::New(message)) = decided(membership.clone(), None) else { panic!("must be sent") };
        assert_eq!((message.content.as_deref(), message.created_at, message.seq), (Some("hi"), now, 1));
        for (earlier, expected) in [(None, Err(CHAT_CLOSED)), (Some((id, [1; 16])), Ok(Verdict::Repeat(id)))] {
            let new = NewMessage::from_json(json!({"content": "hi", "client_id": "1"})).unwrap();
            let last = Last { seq: 4, at: now };
            let membership = membership.clone();
            let facts = SendFacts { closed: true, ..facts(membership, earlier, last) };
            let decided = decide(&ctx, chat, new, facts).map_err(|error| match error {
                Error::Refused(refusal) => refusal,
                other => panic!("{other:?}"),
            });
            assert_eq!(decided, expected, "what was sent before the chat was closed is still found");
        }
        for (role, rights, refused) in [
            (ChatRole::Member, OPEN, false),
            (ChatRole::Member, Rights::NONE, true),
            (ChatRole::Admin, Rights::NONE, false),
            (ChatRole::Subscriber, OPEN, true),
        ] {
            let new = NewMessage::from_json(json!({"content": "hi"})).unwrap();
            let membership = membership.clone().map(|(_, card)| (role, card));
            let last = Last { seq: 4, at: now };
            let facts = SendFacts { rights, ..facts(membership, None, last) };
            let decided = decide(&ctx, chat, new, facts);
            assert_eq!(matches!(decided, Err(Error::Refused(CHAT_FORBIDDEN))), refused, "{role:?} {rights:?}");
        }
        for (last, time) in [(6, 7), (7, 7), (8, 8)] {
            let last = Last { seq: 4, at: Timestamp::from_micros(last) };
            let Ok(Verdict::New(message)) = after(membership.clone(), None, last) else { panic!("must be sent") };
            assert_eq!((message.created_at.as_micros(), message.seq), (time, 5), "never before the last");
        }
        for (action, expected) in
            [(FilterAction::Block, "refused"), (FilterAction::Hold, "held"), (FilterAction::Flag, "sent")]
        {
            let new = json!({"content": "hi?", "type": "poll", "poll": {"options": ["a", "b"]}});
            let caught = Some(Caught { action, by_server: false });
            let facts = facts(membership.clone(), None, Last { seq: 0, at: now });
            let decided = decide(&ctx, chat, NewMessage::from_json(new).unwrap(), facts);
            let Ok(Verdict::New(message)) = decided else { panic!("must be sent") };
            let became = match screen(message, caught) {
                Ok(Verdict::New(message)) => {
                    assert_eq!((message.kind, message.poll.unwrap().options.len()), (MessageType::Poll, 2));
                    "sent"
                }
                Ok(Verdict::Hold(_)) => "held",
                Err(Error::Refused(MESSAGE_FILTERED)) => "refused",
                other => panic!("{other:?}"),
            };
            assert_eq!(became, expected, "{action:?}: like a text");
        }
        // The time of a message counts from its own, which may be that of the last one.
        for (own, of_chat, shows_marks, ends) in [
            (json!(null), None, true, None),
            (json!({"seconds": 60}), None, true, Some(60_000_009)),
            (json!({"seconds": 60, "from": "read"}), None, true, Some(2_592_060_000_009)),
            (json!({"seconds": 60, "from": "read"}), None, false, Some(60_000_009)),
            (json!({"seconds": 60}), Some(Lifetime::from_number(5)), true, Some(5_000_009)),
        ] {
            let new = NewMessage::from_json(json!({"content": "hi", "lifetime": own})).unwrap();
            let last = Last { seq: 4, at: Timestamp::from_micros(9) };
            let facts = SendFacts { lifetime: of_chat, shows_marks, ..facts(membership.clone(), None, last) };
            let Ok(Verdict::New(message)) = decide(&ctx, chat, new, facts) else { panic!("must be sent") };
            assert_eq!(message.expires_at.map(Timestamp::as_micros), ends, "{own} {of_chat:?}");
        }
    }
}
