//! The rule of the hottest path: may this message be said here, and was it said before?

use clowder_core::{Card, ChatId, Ctx, MessageId, Result};

use crate::{
    ChatRole, Message, MessageType, NewMessage, Status,
    refusals::{CHAT_UNKNOWN, CLIENT_ID_MISMATCH},
};

/// A keyed hash of what a message first said and where: it outlives edits and deletion without keeping the text.
pub type Fingerprint = [u8; 16];

/// What is known when somebody sends.
#[derive(Debug, Clone)]
pub struct SendFacts {
    /// The sender's part in the chat; `None` for strangers and for chats that do not exist.
    pub seat: Option<(ChatRole, Card)>,
    /// The message that carries this `client_id` already.
    pub earlier: Option<(MessageId, Fingerprint)>,
    pub fingerprint: Fingerprint,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Say(Box<Message>),
    /// It was said before: answer with that message, as it is now.
    Repeat(MessageId),
}

/// The message to write, still without its `seq` (0), which only the writer can give.
pub fn decide(ctx: &Ctx, chat: ChatId, new: NewMessage, facts: SendFacts) -> Result<Verdict> {
    let (_, sender) = facts.seat.ok_or(CHAT_UNKNOWN)?;
    if let Some((id, fingerprint)) = facts.earlier {
        return if fingerprint == facts.fingerprint { Ok(Verdict::Repeat(id)) } else { Err(CLIENT_ID_MISMATCH.into()) };
    }
    Ok(Verdict::Say(Box::new(Message {
        id: MessageId::new(ctx.now),
        chat_id: chat,
        seq: 0,
        kind: MessageType::Text,
        sender,
        content: Some(new.content.into_string()),
        status: Status::Sent,
        client_id: new.client_id.map(crate::model::ClientId::into_string),
        created_at: ctx.now,
        edited_at: None,
        deleted_at: None,
        version: 1,
    })))
}

#[cfg(test)]
mod tests {
    use clowder_core::{Actor, Error, Id, Input, Timestamp, UserId};
    use serde_json::json;

    use super::*;

    #[test]
    fn decide_table() {
        let now = Timestamp::from_micros(7);
        let ctx = Ctx::new(Actor::System, now, "test");
        let (chat, id, ada): (ChatId, MessageId, UserId) = (Id::new(now), Id::new(now), Id::new(now));
        let card = Card { id: ada, username: "ada".into(), display_name: "Ada".into() };
        let seat = Some((ChatRole::Member, card));
        let decided = |seat, earlier| {
            let new = NewMessage::from_json(json!({"content": "hi", "client_id": "1"})).unwrap();
            decide(&ctx, chat, new, SendFacts { seat, earlier, fingerprint: [1; 16] })
        };
        let refused = |r| matches!(r, Err(Error::Refused(refusal)) if refusal == CHAT_UNKNOWN);
        assert!(refused(decided(None, None)));
        assert!(refused(decided(None, Some((id, [1; 16])))), "who left does not even learn of repeats");
        assert_eq!(decided(seat.clone(), Some((id, [1; 16]))).unwrap(), Verdict::Repeat(id));
        assert!(matches!(decided(seat.clone(), Some((id, [2; 16]))), Err(Error::Refused(CLIENT_ID_MISMATCH))));
        let Ok(Verdict::Say(message)) = decided(seat, None) else { panic!("must be said") };
        assert_eq!((message.content.as_deref(), message.created_at, message.seq), (Some("hi"), now, 0));
    }
}
