//! Queries and views of the audit log: administrators see all of it, users what concerns their own account.

use std::time::Duration;

use clowder_core::{Id, SessionId, Timestamp, UserId, Word};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

pub type AuditId = Id<AuditRecord>;

/// One entry of the audit log.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct AuditRecord {
    /// Counts 1, 2, 3 … without gaps.
    #[schema(minimum = 1)]
    pub position: i64,
    pub id: AuditId,
    pub at: Timestamp,
    pub actor: AuditActor,
    /// The session of the actor.
    pub session_id: Option<SessionId>,
    /// Whose account it concerns.
    pub subject_id: Option<UserId>,
    #[schema(example = "session.opened")]
    pub action: String,
    pub target: Option<AuditTarget>,
    /// `null` also after the person's data have been erased; the same applies to `agent`, `request_id`, `before` and
    /// `after`.
    #[schema(example = "192.0.2.7")]
    pub address: Option<String>,
    pub agent: Option<String>,
    /// The `X-Request-Id` of the request.
    pub request_id: Option<String>,
    /// The state before; never a secret.
    #[schema(value_type = Option<BTreeMap<String, Value>>)]
    pub before: Option<Value>,
    /// The state after, or the circumstances.
    #[schema(value_type = Option<BTreeMap<String, Value>>)]
    pub after: Option<Value>,
    /// SHA-256 in hexadecimal over this entry and the hash of the one before.
    pub hash: String,
}

/// The action of somebody who reports something. The log does not say who: one of its readers may be who was reported, or
/// may keep or run what was.
pub const REPORT_MADE: &str = "report.made";

impl AuditRecord {
    /// The entry as readers of the log see it. Who made a report is in the report, for those who may know.
    pub fn for_readers(self) -> Self {
        if self.action != REPORT_MADE {
            return self;
        }
        let actor = AuditActor { id: None, owner_id: None, ..self.actor };
        Self { actor, session_id: None, subject_id: None, address: None, agent: None, request_id: None, ..self }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct AuditActor {
    #[serde(rename = "type")]
    #[schema(rename = "type")]
    pub kind: ActorType,
    pub id: Option<Uuid>,
    /// The owner of the API key; `null` for other actors.
    pub owner_id: Option<UserId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActorType {
    User,
    ApiKey,
    /// Clowder itself, or its operator on the command line.
    System,
    /// Somebody who is not signed in.
    Nobody,
}

impl Word for ActorType {
    const WHAT: &'static str = "type of actor";
    const WORDS: &'static [(&'static str, Self)] =
        &[("user", Self::User), ("api_key", Self::ApiKey), ("system", Self::System), ("nobody", Self::Nobody)];
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct AuditTarget {
    #[serde(rename = "type")]
    #[schema(rename = "type", example = "session")]
    pub kind: String,
    pub id: Uuid,
}

/// Which entries are wanted: those that match all of these.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct AuditFilter {
    pub actor: Option<ActorFilter>,
    /// An action, or a family of them: `session.*`.
    pub action: Option<String>,
    pub target: Option<TargetFilter>,
    /// Not before this time.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub to: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ActorFilter {
    Type(ActorType),
    Id(Uuid),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TargetFilter {
    pub kind: Option<String>,
    pub id: Uuid,
}

impl ActorFilter {
    /// An id, or a type of actor.
    pub fn parse(text: &str) -> Option<Self> {
        uuid(text).map(Self::Id).or_else(|| ActorType::find(text).map(Self::Type))
    }
}

impl TargetFilter {
    /// An id, or `type:id`.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, id) = text.split_once(':').map_or((None, text), |(kind, id)| (Some(kind), id));
        Some(Self { kind: kind.map(str::to_owned), id: uuid(id)? })
    }
}

impl AuditFilter {
    /// Words of small letters, joined by dots; the last may be `*`.
    pub fn parse_action(text: &str) -> Option<String> {
        let name = text.strip_suffix(".*").unwrap_or(text);
        let word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        (text.len() <= 64 && name.split('.').all(word)).then(|| text.to_owned())
    }
}

fn uuid(text: &str) -> Option<Uuid> {
    text.parse::<Id<()>>().ok().map(|id| id.uuid())
}

/// The actor, as the owner of the account sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// You.
    You,
    /// One of your API keys.
    ApiKey,
    /// Somebody with a higher role, or a program of theirs.
    Staff,
    /// Clowder itself.
    System,
    /// Somebody who is not signed in, such as somebody guessing passwords.
    Nobody,
}

/// An event of one's own account.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct SecurityEvent {
    pub id: AuditId,
    pub at: Timestamp,
    #[schema(example = "session.opened")]
    pub action: String,
    pub by: By,
    /// The session, if it was you.
    pub session_id: Option<SessionId>,
    pub target: Option<AuditTarget>,
    /// The origin, unless somebody else acted whose address you may not see.
    #[schema(example = "192.0.2.7")]
    pub address: Option<String>,
    pub agent: Option<String>,
    #[schema(value_type = Option<BTreeMap<String, Value>>)]
    pub before: Option<Value>,
    #[schema(value_type = Option<BTreeMap<String, Value>>)]
    pub after: Option<Value>,
}

impl SecurityEvent {
    /// What the owner of an account may see of an entry that concerns it.
    pub fn new(owner: UserId, record: AuditRecord) -> Self {
        let by = match record.actor.kind {
            ActorType::User if record.actor.id == Some(owner.uuid()) => By::You,
            ActorType::User => By::Staff,
            ActorType::ApiKey if record.actor.owner_id == Some(owner) => By::ApiKey,
            ActorType::ApiKey => By::Staff,
            ActorType::System => By::System,
            ActorType::Nobody => By::Nobody,
        };
        let theirs = by == By::Staff;
        Self {
            id: record.id,
            at: record.at,
            action: record.action,
            by,
            session_id: record.session_id.filter(|_| !theirs),
            target: record.target,
            address: record.address.filter(|_| !theirs),
            agent: record.agent.filter(|_| !theirs),
            before: record.before,
            after: record.after,
        }
    }
}

/// A position in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chained {
    pub position: i64,
    pub hash: Vec<u8>,
}

impl Chained {
    /// Before the first entry.
    pub fn start() -> Self {
        Self { position: 0, hash: vec![0; 32] }
    }
}

/// The chain as stored in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Where it begins after older entries were dropped.
    pub checkpoint: Option<Checkpoint>,
    pub end: Chained,
    /// How many committed entries are not chained yet.
    pub pending: i64,
    /// When the oldest of these was written.
    pub pending_since: Option<Timestamp>,
}

impl Chain {
    /// The position that the first entry follows.
    pub fn start(&self) -> Chained {
        self.checkpoint.as_ref().map_or_else(Chained::start, |checkpoint| checkpoint.last_dropped.clone())
    }

    /// Whether entries have waited for too long, so nobody chains them.
    pub fn lags(&self, now: Timestamp) -> bool {
        self.pending_since.is_some_and(|since| now.since(since) > MOST_PENDING)
    }
}

/// How far the audit log is chained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct AuditChain {
    /// The position of the last entry of the chain; 0 when there is none.
    #[schema(minimum = 0)]
    pub position: i64,
    /// The hash of that entry, in hexadecimal.
    pub hash: String,
    /// Entries up to this position were dropped because of their age; 0 when none were.
    #[schema(minimum = 0)]
    pub begins_after: i64,
    /// When the checkpoint was signed.
    pub checkpoint_at: Option<Timestamp>,
    /// How many committed entries have no position yet. They get one within a second.
    #[schema(minimum = 0)]
    pub pending: i64,
    /// When the oldest of these was written. If that is more than a minute ago, something is wrong.
    pub pending_since: Option<Timestamp>,
}

/// Entries are chained within a second; if the oldest has waited for this long, something is wrong.
pub const MOST_PENDING: Duration = Duration::from_secs(60);

/// The last entry that was dropped, signed by the server that dropped it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    pub last_dropped: Chained,
    pub made_at: Timestamp,
    /// Whether this server signed it.
    pub genuine: bool,
}

/// The result of verifying a part of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Walked {
    /// Valid so far; there is more.
    Further(Chained),
    /// Valid up to the end.
    Whole,
    /// The first entry that is missing, was changed, or does not follow from the one before.
    Broken { position: i64 },
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10";

    #[test]
    fn filters_are_read_or_refused() {
        assert_eq!(ActorFilter::parse("system"), Some(ActorFilter::Type(ActorType::System)));
        assert!(matches!(ActorFilter::parse(ID), Some(ActorFilter::Id(_))));
        assert_eq!(ActorFilter::parse("root"), None);
        assert_eq!(TargetFilter::parse(&format!("session:{ID}")).unwrap().kind.as_deref(), Some("session"));
        assert_eq!(TargetFilter::parse(ID).unwrap().kind, None);
        assert_eq!(TargetFilter::parse("session:1"), None);
        for (text, good) in [
            ("session.opened", true),
            ("session.*", true),
            ("two_factor.enabled", true),
            ("*", false),
            ("%", false),
            ("a..b", false),
            ("", false),
        ] {
            assert_eq!(AuditFilter::parse_action(text).is_some(), good, "{text}");
        }
    }

    #[test]
    fn what_others_did_does_not_tell_where_they_were() {
        let id: AuditId = ID.parse().unwrap();
        let owner = UserId::from_uuid(Uuid::from_u128(1));
        let record = |kind, actor: Option<u128>, key_of: Option<u128>| AuditRecord {
            position: 1,
            id,
            at: Timestamp::from_micros(0),
            actor: AuditActor {
                kind,
                id: actor.map(Uuid::from_u128),
                owner_id: key_of.map(Uuid::from_u128).map(UserId::from_uuid),
            },
            session_id: Some(Id::from_uuid(Uuid::from_u128(9))),
            subject_id: Some(owner),
            action: "user.suspended".to_owned(),
            target: None,
            address: Some("192.0.2.7".to_owned()),
            agent: Some("curl".to_owned()),
            request_id: None,
            before: None,
            after: None,
            hash: String::new(),
        };
        for (kind, actor, key_of, by, shown) in [
            (ActorType::User, Some(1), None, By::You, true),
            (ActorType::User, Some(2), None, By::Staff, false),
            (ActorType::ApiKey, Some(3), Some(1), By::ApiKey, true),
            (ActorType::ApiKey, Some(3), Some(2), By::Staff, false),
            (ActorType::System, None, None, By::System, true),
            (ActorType::Nobody, None, None, By::Nobody, true),
        ] {
            let event = SecurityEvent::new(owner, record(kind, actor, key_of));
            let told = [event.address.is_some(), event.agent.is_some(), event.session_id.is_some()];
            assert_eq!((event.by, told), (by, [shown; 3]), "{kind:?}");
        }
    }
}
