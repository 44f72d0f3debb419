//! The rows of webhooks.

use clowder_core::{Id, Result, Timestamp, UserId, Word};
use clowder_notifications::webhooks::{
    DeliveryId, DeliveryStatus, DisabledReason, EventTypes, SigningKeys, Webhook, WebhookAttempt, WebhookDelivery,
    WebhookId, policy,
    schedule::{Health, Next},
};
use diesel::prelude::*;

use super::schema::{webhook_deliveries, webhook_queues, webhook_topics, webhooks};
use crate::seal::{Column, KeyRing, Place, Sealed, Under};

/// What signs the calls of an endpoint.
pub const KEYS: Column = Column::new("webhooks", "keys", "id", Under::Ring);

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Insertable)]
#[diesel(table_name = webhooks)]
#[diesel(treat_none_as_default_value = false)]
pub struct WebhookRow {
    pub id: WebhookId,
    pub user_id: UserId,
    pub url: String,
    pub event_types: String,
    pub hears_server: bool,
    pub description: Option<String>,
    pub keys: Option<Sealed>,
    pub public_key: Option<String>,
    pub former_keys_until: Option<Timestamp>,
    pub disabled_reason: Option<String>,
    /// Of which journal its `heads` are.
    pub epoch: Id<()>,
    pub heads: String,
    pub created_at: Timestamp,
    pub deleted_at: Option<Timestamp>,
    pub version: i64,
}

impl WebhookRow {
    pub fn disabled(&self) -> Result<Option<DisabledReason>> {
        self.disabled_reason.as_deref().map(DisabledReason::parse_word).transpose()
    }

    /// As its owner sees it now.
    pub fn webhook(self, queue: &QueueRow, now: Timestamp) -> Result<Webhook> {
        let (disabled_reason, health) = (self.disabled()?, queue.health());
        Ok(Webhook {
            id: self.id,
            url: self.url,
            event_types: EventTypes::split(&self.event_types).words(),
            description: self.description,
            status: policy::status(disabled_reason, health.is_failing()),
            disabled_reason,
            failing_since: health.failing_since,
            public_key: self.public_key,
            former_keys_until: self.former_keys_until.filter(|until| *until > now),
            created_at: self.created_at,
            version: self.version,
        })
    }
}

/// What is stored of keys.
pub fn seal_keys(ring: &KeyRing, webhook: WebhookId, keys: &SigningKeys) -> Result<Sealed> {
    ring.seal(Place::new(KEYS, webhook), &keys.to_plain()?)
}

/// Keys that were stored.
pub fn open_keys(ring: &KeyRing, webhook: WebhookId, sealed: &Sealed) -> Result<SigningKeys> {
    SigningKeys::of_plain(&ring.open(Place::new(KEYS, webhook), sealed)?)
}

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = webhook_queues)]
#[diesel(primary_key(webhook_id))]
#[diesel(treat_none_as_default_value = false)]
#[diesel(treat_none_as_null = true)]
pub struct QueueRow {
    pub webhook_id: WebhookId,
    pub due_at: Option<Timestamp>,
    pub holder: Option<Id<()>>,
    pub lease_until: Option<Timestamp>,
    pub waiting: i32,
    pub kept: i32,
    pub failures: i32,
    pub failing_since: Option<Timestamp>,
    pub paused_until: Option<Timestamp>,
}

impl QueueRow {
    pub const fn new(webhook: WebhookId) -> Self {
        Self {
            webhook_id: webhook,
            due_at: None,
            holder: None,
            lease_until: None,
            waiting: 0,
            kept: 0,
            failures: 0,
            failing_since: None,
            paused_until: None,
        }
    }

    pub fn health(&self) -> Health {
        let Self { failures, failing_since, paused_until, .. } = *self;
        Health { failures, failing_since, paused_until }
    }

    pub fn set_health(&mut self, health: Health) {
        let Health { failures, failing_since, paused_until } = health;
        (self.failures, self.failing_since, self.paused_until) = (failures, failing_since, paused_until);
    }

    /// One more delivery waits that is due then.
    pub fn expects(&mut self, at: Timestamp) {
        let due = self.health().due(Some(at));
        self.due_at = self.due_at.into_iter().chain(due).min();
    }

    /// How many more deliveries can be noted for it.
    pub fn room(&self) -> usize {
        usize::try_from(policy::MOST_WAITING.saturating_sub(self.waiting)).unwrap_or_default()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = webhook_deliveries)]
#[diesel(treat_none_as_default_value = false)]
pub struct DeliveryRow {
    pub webhook_id: WebhookId,
    pub id: DeliveryId,
    pub stream: Option<i16>,
    pub position: Option<i64>,
    pub event_type: String,
    pub status: String,
    pub attempts: String,
    pub tries: i32,
    pub next_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

impl DeliveryRow {
    /// A delivery that waits, of the event at this place of the journal, or a test.
    pub fn new(webhook: WebhookId, place: Option<(i16, i64)>, event_type: &str, now: Timestamp) -> Self {
        Self {
            webhook_id: webhook,
            id: DeliveryId::new(now),
            stream: place.map(|(stream, _)| stream),
            position: place.map(|(_, position)| position),
            event_type: event_type.to_owned(),
            status: DeliveryStatus::Pending.as_str().to_owned(),
            attempts: "[]".to_owned(),
            tries: 0,
            next_at: Some(now),
            created_at: now,
        }
    }

    /// Where its event is; nothing of a test.
    pub fn place(&self) -> Option<(i16, i64)> {
        self.stream.zip(self.position)
    }

    pub fn status(&self) -> Result<DeliveryStatus> {
        DeliveryStatus::parse_word(&self.status)
    }

    fn attempts(&self) -> Result<Vec<WebhookAttempt>> {
        Ok(serde_json::from_str(&self.attempts)?)
    }

    /// After one more attempt.
    pub fn tried(&mut self, attempt: WebhookAttempt, next: Next) -> Result<()> {
        let mut attempts = self.attempts()?;
        attempts.push(attempt);
        let surplus = attempts.len().saturating_sub(policy::MOST_ATTEMPTS);
        self.attempts = serde_json::to_string(&attempts[surplus..])?;
        self.tries = self.tries.saturating_add(1);
        let (status, next_at) = match next {
            Next::Delivered => (DeliveryStatus::Delivered, None),
            Next::Again(at) => (DeliveryStatus::Pending, Some(at)),
            Next::Failed => (DeliveryStatus::Failed, None),
        };
        (self.status, self.next_at) = (status.as_str().to_owned(), next_at);
        Ok(())
    }

    /// Waits again, and begins the schedule anew.
    pub fn again(&mut self, now: Timestamp) {
        DeliveryStatus::Pending.as_str().clone_into(&mut self.status);
        (self.tries, self.next_at) = (0, Some(now));
    }

    pub fn delivery(self) -> Result<WebhookDelivery> {
        Ok(WebhookDelivery {
            status: self.status()?,
            attempts: self.attempts()?,
            id: self.id,
            event_type: self.event_type,
            next_at: self.next_at,
            created_at: self.created_at,
        })
    }
}

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = webhook_topics)]
pub struct WebhookTopicRow {
    pub topic_kind: String,
    pub topic_id: Id<()>,
    pub user_id: UserId,
    pub after_seq: i64,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_micros(1_790_000_000_000_000)
    }

    #[test]
    fn a_queue_is_due_when_its_first_delivery_is() {
        let mut queue = QueueRow::new(Id::new(now()));
        let later = now().plus(Duration::from_secs(5));
        queue.expects(later);
        assert_eq!(queue.due_at, Some(later));
        queue.expects(now());
        assert_eq!(queue.due_at, Some(now()));
        queue.expects(later);
        assert_eq!(queue.due_at, Some(now()));
        let paused = now().plus(Duration::from_secs(60));
        let mut queue = QueueRow { paused_until: Some(paused), waiting: policy::MOST_WAITING - 1, ..queue };
        queue.due_at = None;
        queue.expects(now());
        assert_eq!((queue.due_at, queue.room()), (Some(paused), 1));
        assert_eq!(QueueRow { waiting: policy::MOST_WAITING + 5, ..queue }.room(), 0);
    }

    #[test]
    fn the_last_attempts_of_a_delivery_are_kept() {
        let mut row = DeliveryRow::new(Id::new(now()), Some((3, 7)), "message.sent", now());
        let attempt = |at| WebhookAttempt { at, status: Some(500), duration_ms: 3, error: None };
        for second in 0..30 {
            let at = now().plus(Duration::from_secs(second));
            row.tried(attempt(at), Next::Again(at)).unwrap();
        }
        let shown = row.clone().delivery().unwrap();
        assert_eq!((shown.attempts.len(), row.tries), (policy::MOST_ATTEMPTS, 30));
        assert_eq!(shown.attempts.last().unwrap().at, now().plus(Duration::from_secs(29)));
        row.tried(attempt(now()), Next::Failed).unwrap();
        assert_eq!((row.status().unwrap(), row.next_at), (DeliveryStatus::Failed, None));
        row.again(now());
        assert_eq!((row.status().unwrap(), row.next_at, row.tries), (DeliveryStatus::Pending, Some(now()), 0));
    }
}
