//! What filters do about a message that could be sent otherwise.

use clowder_core::{Result, UserId};
use clowder_messaging::{
    ChatRole,
    moderation::{FilterAction, rules::Caught},
    send::{Verdict, screen},
};

use super::{
    super::super::{
        db::Tx,
        moderation::{
            reviews,
            screening::{self, Look, Versions},
        },
    },
    Facts, PendingSend,
};
use crate::domains::messaging::LockedChatRow;

impl Facts {
    /// The verdict about a message of which filters are asked, too, and which of them caught it; nothing if it cannot be
    /// decided in this transaction. What is refused anyway, or was sent before, nobody looks at.
    pub(super) fn screened(
        &mut self,
        tx: &mut Tx<'_>,
        send: &PendingSend,
        verdict: Result<Verdict>,
    ) -> Result<Option<(Result<Verdict>, Option<Caught>)>> {
        let message = match verdict {
            Ok(Verdict::New(message)) => message,
            verdict => return Ok(Some((verdict, None))),
        };
        let mut caught = None;
        if let (Some(chat), Some(sender)) = (self.chats.get(&send.chat), self.memberships.get(&send.key())) {
            let Look::Found(found) = look(tx, send, chat, sender.role)? else { return Ok(None) };
            caught = found;
        }
        // What is noted of it belongs to its sender, whose account must stay as it is.
        if caught.is_some_and(|caught| caught.action != FilterAction::Block) && !self.keeps(tx, send.sender)? {
            self.held.insert(send.key());
            return Ok(None);
        }
        Ok(Some((screen(message, caught), caught)))
    }

    /// Whether somebody's account stays as it is until the end of the batch.
    fn keeps(&mut self, tx: &mut Tx<'_>, sender: UserId) -> Result<bool> {
        if let Some(keeps) = self.kept.get(&sender) {
            return Ok(*keeps);
        }
        let keeps = reviews::keeps(tx, sender)?;
        self.kept.insert(sender, keeps);
        Ok(keeps)
    }
}

/// Which filter of a locked chat catches a message.
fn look(tx: &mut Tx<'_>, send: &PendingSend, chat: &LockedChatRow, role: ChatRole) -> Result<Look> {
    let versions = Versions { chat: chat.filter_version, server: chat.server_filter };
    let look = screening::caught(send.chat, versions, role, &send.reading);
    if look == Look::Unread && send.in_place {
        send.reading.catch_up_here(tx)?;
        return Ok(screening::caught(send.chat, versions, role, &send.reading));
    }
    Ok(look)
}
