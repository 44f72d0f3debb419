//! What becomes of a send that writes no message: it is kept back, or answered with what was sent before.

use clowder_core::{Made, MessageId, Result};
use clowder_messaging::{Message, lifetimes::conceal, model::ClientId, moderation::rules::Caught};

use super::{
    super::{
        super::{db::Tx, moderation::reviews},
        messages,
    },
    PendingSend,
};

impl PendingSend {
    pub(super) fn held(&self, caught: Caught) -> reviews::Held<'_> {
        reviews::Held {
            chat: self.chat,
            sender: self.sender,
            content: self.new.content.as_str(),
            client_id: self.new.client_id.as_ref().map(ClientId::as_str),
            lifetime: self.new.lifetime,
            mentions: &self.new.mentions,
            attachments: &self.new.attachments,
            reply_to: self.new.reply_to,
            thread_of: self.new.thread_of,
            forwarded: self.forwarded,
            poll: self.new.poll.as_deref(),
            fingerprint: self.fingerprint,
            caught,
        }
    }

    /// A message that was sent before, as it is now. The outer error is ours, the inner one the sender's.
    pub(super) fn message(&self, tx: &mut Tx<'_>, made: Made<MessageId>) -> Result<Result<Made<Message>>> {
        let (Made::New(id) | Made::Found(id)) = made;
        // Who sent it is in the chat, and need not see it there any more.
        match messages::facts(tx.conn, None, self.sender, id).map(|facts| facts.message) {
            Ok(mut message) => Ok(Ok({
                conceal(&mut message, self.ctx.now);
                match made {
                    Made::New(_) => Made::New(message),
                    Made::Found(_) => Made::Found(message),
                }
            })),
            Err(error) if error.is_ours() => Err(error),
            Err(refused) => Ok(Err(refused)),
        }
    }
}
