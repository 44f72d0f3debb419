//! The rules of receipts: what the sender of a message learns of its way, and what those who hide their read marks see.

use clowder_core::{Card, Result, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::{
    Status,
    policy::{Action, Seat, allow},
    read::{LowestReadMarks, are_shown},
    refusals::RECEIPTS_TOO_MANY,
};

/// For how many messages of a chat the times of marks are kept. For older ones, the time is that of the first mark that
/// is kept.
pub const KEPT: i64 = 1_000;

/// A mark that moves over more messages than this is told only to the senders of the last of them.
pub const TOLD: i64 = 100;

/// Whether a message was delivered to somebody, and whether they have read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Receipt {
    pub user: Card,
    /// When it was delivered to one of their devices.
    pub delivered_at: Option<Timestamp>,
    /// When they read it; `null` if they or you hide read marks (`privacy.read_receipts`).
    pub read_at: Option<Timestamp>,
}

/// Whether somebody in a chat may see the receipts of a message: they name the people in it.
pub fn may_list(seat: Seat, participants: i64) -> Result<()> {
    allow(seat, Action::SeePeople)?;
    if are_shown(participants) { Ok(()) } else { Err(RECEIPTS_TOO_MANY.into()) }
}

/// What the status of a message depends on, beside the read marks.
#[derive(Debug, Clone, Copy)]
pub struct StatusFacts {
    pub viewer: UserId,
    /// Whether the viewer hides read marks, and hence sees none.
    pub discreet: bool,
    /// Up to which message all except the viewer have received the chat, if marks are shown.
    pub delivered: Option<i64>,
}

/// The status of a message. That it was delivered concerns only its sender.
pub fn status(facts: StatusFacts, lowest: LowestReadMarks, sender: UserId, seq: i64) -> Status {
    let own = facts.viewer == sender;
    match lowest.status(sender, seq) {
        Status::Read if !facts.discreet => Status::Read,
        Status::Read if own => Status::Delivered,
        _ if own && facts.delivered.is_some_and(|delivered| delivered >= seq) => Status::Delivered,
        _ => Status::Sent,
    }
}

#[cfg(test)]
mod tests {
    use clowder_core::{Error, Id};

    use super::*;
    use crate::{ChatRole, ChatType, Rights};

    #[test]
    fn status_table() {
        let [ada, bob]: [UserId; 2] = std::array::from_fn(|_| Id::new(Timestamp::from_micros(0)));
        // Bob has read up to 3, and 5 have arrived at him.
        let lowest = LowestReadMarks::of(&[(bob, 3), (ada, 9)]);
        for (viewer, discreet, seq, expected) in [
            (ada, false, 3, Status::Read),
            (ada, false, 4, Status::Delivered),
            (ada, false, 5, Status::Delivered),
            (ada, false, 6, Status::Sent),
            (ada, true, 3, Status::Delivered),
            (ada, true, 6, Status::Sent),
            (bob, false, 3, Status::Read),
            (bob, false, 5, Status::Sent),
            (bob, true, 3, Status::Sent),
        ] {
            let facts = StatusFacts { viewer, discreet, delivered: (viewer == ada).then_some(5) };
            assert_eq!(status(facts, lowest, ada, seq), expected, "{seq} {discreet} {}", viewer == ada);
        }
        let hidden = StatusFacts { viewer: ada, discreet: false, delivered: None };
        assert_eq!(status(hidden, LowestReadMarks::of(&[]), ada, 1), Status::Sent, "marks are not shown");
    }

    #[test]
    fn may_list_table() {
        let code = |listed: Result<()>| match listed {
            Ok(()) => "yes",
            Err(Error::Refused(refusal) | Error::Explained { refusal, .. }) => refusal.code,
            Err(other) => panic!("{other:?}"),
        };
        for (kind, role, participants, expected) in [
            (ChatType::Private, ChatRole::Member, 2, "yes"),
            (ChatType::Group, ChatRole::Member, 256, "yes"),
            (ChatType::Group, ChatRole::Owner, 257, "receipts.too_many"),
            (ChatType::Channel, ChatRole::Admin, 256, "yes"),
            (ChatType::Channel, ChatRole::Admin, 257, "receipts.too_many"),
            (ChatType::Channel, ChatRole::Member, 2, "chat.forbidden"),
            (ChatType::Channel, ChatRole::Subscriber, 257, "chat.forbidden"),
        ] {
            let seat = Seat { kind, role, rights: Rights::NONE, of_group: false };
            assert_eq!(code(may_list(seat, participants)), expected);
        }
    }
}
