//! What a row looks like, once for both databases, and how it becomes a thing of the domain.

mod audit;
mod preferences;
mod send;

use std::sync::Arc;

use clowder_accounts::{
    ApiKey, Own, Session, Suspension,
    model::{Invite, InviteId, SignUp, SignUpId},
};
use clowder_core::{
    ApiKeyId, Card, ChatId, Ctx, Error, Follow, Id, Job, JobId, MessageId, Recorded, Result, Role, Scopes, SessionId,
    Timestamp, Topic, UserId, Visibility, Word,
    follow::Step,
    job::{JobState, Taken},
};
use clowder_messaging::{Message, MessageType, Status, read::LowestReadMarks};
use diesel::prelude::*;
use serde_json::value::RawValue;

use crate::{
    api_keys::{self as format, Known},
    keys::{Keys, Purpose},
    schema::{
        api_keys, chats, invites, jobs, journal, message_client_ids, messages, sessions, sign_ups, two_factor, users,
    },
    seal::Sealed,
};

pub use audit::{Acting, AuditRow, PendingRow};
pub use preferences::PreferencesRow;
pub use send::{AnswerRow, LockedChatRow};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = journal)]
#[diesel(treat_none_as_default_value = false)]
pub struct JournalRow {
    pub stream: i16,
    pub position: i64,
    pub topic_kind: String,
    pub topic_id: Id<()>,
    pub name: String,
    pub actor_id: Option<UserId>,
    pub subject_id: Option<Id<()>>,
    pub follow: Option<String>,
    pub follower_id: Option<UserId>,
    pub followed_kind: Option<String>,
    pub followed_id: Option<Id<()>>,
    pub at: Timestamp,
    pub data: String,
}

impl JournalRow {
    pub fn new(recorded: &Recorded) -> Result<Self> {
        let followed = recorded.follow.map(|follow| follow.topic);
        Ok(Self {
            stream: i16::try_from(recorded.stream).map_err(|_| Error::internal("too many streams"))?,
            position: recorded.position,
            topic_kind: recorded.topic.kind.to_string(),
            topic_id: Id::from_uuid(recorded.topic.id),
            name: recorded.name.to_string(),
            actor_id: recorded.actor,
            subject_id: recorded.subject.map(Id::from_uuid),
            follow: recorded.follow.map(|follow| follow.step.as_str().to_owned()),
            follower_id: recorded.follow.map(|follow| follow.user),
            followed_kind: followed.map(|topic| topic.kind.to_string()),
            followed_id: followed.map(|topic| Id::from_uuid(topic.id)),
            at: recorded.at,
            data: recorded.data.get().to_owned(),
        })
    }

    pub fn recorded(self) -> Result<Recorded> {
        let follow = match (self.follow, self.follower_id, self.followed_kind, self.followed_id) {
            (Some(step), Some(user), Some(kind), Some(id)) => {
                Some(Follow { user, topic: Topic::new(kind.parse()?, id), step: Step::parse_word(&step)? })
            }
            _ => None,
        };
        Ok(Recorded {
            stream: usize::try_from(self.stream).map_err(|_| Error::internal("a stream below zero"))?,
            position: self.position,
            topic: Topic::new(self.topic_kind.parse()?, self.topic_id),
            name: Arc::from(self.name),
            actor: self.actor_id,
            subject: self.subject_id.map(|id| id.uuid()),
            follow,
            at: self.at,
            data: Arc::from(RawValue::from_string(self.data)?),
        })
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = users)]
#[diesel(treat_none_as_default_value = false)]
pub struct UserRow {
    pub id: UserId,
    pub username: String,
    pub username_key: String,
    pub email: String,
    pub email_key: String,
    pub email_verified_at: Option<Timestamp>,
    pub password: String,
    pub display_name: String,
    pub bio: Option<String>,
    pub status_text: Option<String>,
    pub visibility: String,
    pub role: String,
    pub created_at: Timestamp,
    pub version: i64,
    pub two_factor_at: Option<Timestamp>,
    pub erase_at: Option<Timestamp>,
    pub deleted_at: Option<Timestamp>,
    pub suspended_until: Option<Timestamp>,
    pub suspension_reason: Option<String>,
}

impl UserRow {
    /// A new account of which nothing but this is known.
    pub fn new(id: UserId, name: (String, String), email: (String, String), password: String, now: Timestamp) -> Self {
        Self {
            id,
            display_name: name.0.clone(),
            username: name.0,
            username_key: name.1,
            email: email.0,
            email_key: email.1,
            email_verified_at: None,
            password,
            bio: None,
            status_text: None,
            visibility: Visibility::Public.as_str().to_owned(),
            role: Role::User.as_str().to_owned(),
            created_at: now,
            version: 1,
            two_factor_at: None,
            erase_at: None,
            deleted_at: None,
            suspended_until: None,
            suspension_reason: None,
        }
    }

    pub fn own(self) -> Result<Own> {
        let until = self.suspended_until;
        Ok(Own {
            suspension: self.suspension_reason.map(|reason| Suspension { until, reason }),
            id: self.id,
            username: self.username,
            display_name: self.display_name,
            bio: self.bio,
            status_text: self.status_text,
            email: self.email,
            email_verified: self.email_verified_at.is_some(),
            role: Role::parse_word(&self.role)?,
            two_factor: self.two_factor_at.is_some(),
            erase_at: self.erase_at,
            visibility: Visibility::parse_word(&self.visibility)?,
            created_at: self.created_at,
            version: self.version,
        })
    }
}

/// The columns of [`Card`].
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = users)]
pub struct CardRow {
    pub id: UserId,
    pub username: String,
    pub display_name: String,
}

impl From<CardRow> for Card {
    fn from(row: CardRow) -> Self {
        Self { id: row.id, username: row.username, display_name: row.display_name }
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = sessions)]
#[diesel(treat_none_as_default_value = false)]
pub struct SessionRow {
    pub id: SessionId,
    pub user_id: UserId,
    pub name: Option<String>,
    pub agent: Option<String>,
    pub address: Option<String>,
    pub created_at: Timestamp,
    pub last_used_at: Timestamp,
    pub expires_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// The place it was opened from.
    pub opened_from: Option<String>,
    pub authenticated_at: Timestamp,
}

impl SessionRow {
    pub fn session(self, ctx: &Ctx) -> Session {
        Session {
            current: ctx.session().is_ok_and(|current| current == self.id),
            id: self.id,
            name: self.name,
            agent: self.agent,
            address: self.address,
            created_at: self.created_at,
            last_used_at: self.last_used_at,
            expires_at: self.expires_at,
        }
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = two_factor)]
#[diesel(treat_none_as_default_value = false)]
pub struct TwoFactorRow {
    pub user_id: UserId,
    pub secret: Sealed,
    pub created_at: Timestamp,
    pub enabled_at: Option<Timestamp>,
    pub last_step: i64,
    pub failures: i64,
    pub failed_at: Option<Timestamp>,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = api_keys)]
#[diesel(treat_none_as_default_value = false)]
pub struct ApiKeyRow {
    pub id: ApiKeyId,
    pub user_id: UserId,
    pub name: String,
    pub hash: Vec<u8>,
    pub scopes: String,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub last_used_at: Option<Timestamp>,
}

impl ApiKeyRow {
    pub fn api_key(&self) -> ApiKey {
        ApiKey {
            prefix: format::prefix(self.id),
            id: self.id,
            name: self.name.clone(),
            scopes: Scopes::split(&self.scopes),
            created_at: self.created_at,
            expires_at: self.expires_at,
            last_used_at: self.last_used_at,
        }
    }

    pub fn known(self) -> Known {
        let scopes = Scopes::split(&self.scopes);
        Known::new(self.id, self.user_id, self.hash, scopes, self.expires_at, self.last_used_at)
    }
}

#[derive(Debug, Clone, Copy, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = chats)]
#[diesel(treat_none_as_null = true, treat_none_as_default_value = false)]
pub struct LowestReadMarksRow {
    pub lowest_reader_id: Option<UserId>,
    pub lowest_read_seq: Option<i64>,
    pub second_lowest_read_seq: Option<i64>,
}

impl From<LowestReadMarksRow> for LowestReadMarks {
    fn from(row: LowestReadMarksRow) -> Self {
        Self { user: row.lowest_reader_id, seq: row.lowest_read_seq, next: row.second_lowest_read_seq }
    }
}

impl From<LowestReadMarks> for LowestReadMarksRow {
    fn from(lowest_marks: LowestReadMarks) -> Self {
        Self {
            lowest_reader_id: lowest_marks.user,
            lowest_read_seq: lowest_marks.seq,
            second_lowest_read_seq: lowest_marks.next,
        }
    }
}

#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = messages)]
pub struct MessageRow {
    pub id: MessageId,
    pub chat_id: ChatId,
    pub seq: i64,
    pub kind: String,
    pub sender_id: UserId,
    pub content: Option<String>,
    pub client_id: Option<String>,
    pub created_at: Timestamp,
    pub edited_at: Option<Timestamp>,
    pub deleted_at: Option<Timestamp>,
    pub version: i64,
}

impl MessageRow {
    pub fn message(self, sender: Card, status: Status) -> Result<Message> {
        Ok(Message {
            id: self.id,
            chat_id: self.chat_id,
            seq: self.seq,
            kind: MessageType::parse_word(&self.kind)?,
            sender,
            content: self.content,
            status,
            client_id: self.client_id,
            created_at: self.created_at,
            edited_at: self.edited_at,
            deleted_at: self.deleted_at,
            version: self.version,
        })
    }
}

#[derive(Insertable)]
#[diesel(table_name = messages)]
#[diesel(treat_none_as_default_value = false)]
pub struct NewMessageRow<'m> {
    pub id: MessageId,
    pub chat_id: ChatId,
    pub seq: i64,
    pub kind: &'static str,
    pub sender_id: UserId,
    pub content: Option<&'m str>,
    pub client_id: Option<&'m str>,
    pub created_at: Timestamp,
    pub version: i64,
}

impl<'m> NewMessageRow<'m> {
    pub fn new(message: &'m Message) -> Self {
        Self {
            id: message.id,
            chat_id: message.chat_id,
            seq: message.seq,
            kind: message.kind.as_str(),
            sender_id: message.sender.id,
            content: message.content.as_deref(),
            client_id: message.client_id.as_deref(),
            created_at: message.created_at,
            version: message.version,
        }
    }
}

/// Which message a client id was used for. Written with the message, and deleted with it.
#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = message_client_ids)]
pub struct ClientIdRow {
    pub sender_id: UserId,
    pub client_id: String,
    pub message_id: MessageId,
    pub fingerprint: Vec<u8>,
}

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = jobs)]
pub struct JobRow {
    pub id: JobId,
    pub kind: String,
    pub payload: Vec<u8>,
    pub run_at: Timestamp,
    pub attempts: i16,
    pub lease_until: Option<Timestamp>,
    pub last_error: Option<String>,
    pub created_at: Timestamp,
    pub dead_at: Option<Timestamp>,
}

impl JobRow {
    pub fn taken(self, lease: Id<()>, keys: &Keys) -> Result<Taken> {
        // What cannot be opened is nobody's to do; the worker will say so and bury it.
        let payload = keys.unseal(Purpose::Job, self.id.uuid().as_bytes(), &self.payload).unwrap_or_default();
        Ok(Taken { id: self.id, kind: self.kind, payload, attempts: self.attempts, lease })
    }

    pub fn job(self, now: Timestamp) -> Job {
        let state = match (self.dead_at, self.lease_until) {
            (Some(_), _) => JobState::Dead,
            (None, Some(until)) if until > now => JobState::Running,
            _ => JobState::Waiting,
        };
        Job {
            id: self.id,
            kind: self.kind,
            state,
            attempts: self.attempts,
            run_at: self.run_at,
            created_at: self.created_at,
            last_error: self.last_error,
        }
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = sign_ups)]
#[diesel(treat_none_as_default_value = false)]
pub struct SignUpRow {
    pub id: SignUpId,
    pub username: String,
    pub username_key: String,
    pub email: String,
    pub email_key: String,
    pub password: String,
    pub display_name: String,
    pub pretended: bool,
    pub invite_id: Option<InviteId>,
    pub needs_approval: bool,
    pub confirmed_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

impl SignUpRow {
    pub fn sign_up(self) -> SignUp {
        SignUp {
            id: self.id,
            username: self.username,
            display_name: self.display_name,
            email: self.email,
            created_at: self.created_at,
            expires_at: self.expires_at,
        }
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = invites)]
pub struct InviteRow {
    pub id: InviteId,
    pub note: Option<String>,
    pub created_by: UserId,
    pub max_uses: Option<i32>,
    pub uses: i32,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

impl From<InviteRow> for Invite {
    fn from(row: InviteRow) -> Self {
        Self {
            id: row.id,
            note: row.note,
            created_by: row.created_by,
            max_uses: row.max_uses,
            uses: row.uses,
            created_at: row.created_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
        }
    }
}
