//! What the reader of the journal hands to push and mail: one thing that one person is told.

use clowder_core::{ChatId, Id, MessageId, Timestamp, UserId};
use clowder_notifications::{NotificationId, NotificationType, Reason, TargetType};

/// One thing that one person is told. `push_from` and `mail_from` contain everything that the preferences, the level of the
/// chat, quiet hours and the delays say; whether the person has a digest is for the mail to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub user: UserId,
    pub kind: NotificationType,
    /// Its row in the inbox; none if the person does not want such there.
    pub notification: Option<NotificationId>,
    /// The message, request or report that it is about: unique with the user, the type and the actor.
    pub source: Id<()>,
    pub actor: Option<UserId>,
    pub target: (TargetType, Id<()>),
    pub chat: Option<ChatId>,
    pub message: Option<MessageId>,
    /// The number of the message, which a read mark is compared with.
    pub seq: Option<i64>,
    pub group_key: String,
    pub reason: Reason,
    pub at: Timestamp,
    /// None: not by push. Otherwise not before this.
    pub push_from: Option<Timestamp>,
    /// The same for mail.
    pub mail_from: Option<Timestamp>,
}
