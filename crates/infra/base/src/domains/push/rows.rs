//! The rows of push, and what in them is encrypted: with the key ring, because a device of somebody else can take over a
//! subscription.

use clowder_core::{ChatId, Error, Id, MessageId, Result, SessionId, Timestamp, UserId, Word};
use clowder_notifications::{
    NotificationId, NotificationType,
    push::{PushKind, PushSubscription, PushSubscriptionId, Target, VapidKey, model::Subscription},
};
use diesel::prelude::*;
use uuid::Uuid;

use super::schema::{push_keys, push_subscriptions, pushes};
use crate::{
    domains::notifications::NotificationRow,
    keys::Keys,
    seal::{Column, KeyRing, Place, Sealed, Under},
};

pub const TARGET: Column = Column::new("push_subscriptions", "target", "id", Under::Ring);
pub const SECRET: Column = Column::new("push_keys", "secret", "id", Under::Ring);

pub enum Key {}
/// The only key that there is.
pub const KEY: Id<Key> = Id::from_uuid(Uuid::nil());

/// What waits to be told to a device.
pub enum Waiting {}
pub type PushId = Id<Waiting>;

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = push_subscriptions)]
#[diesel(treat_none_as_default_value = false)]
pub struct SubscriptionRow {
    pub id: PushSubscriptionId,
    pub user_id: UserId,
    pub session_id: SessionId,
    pub kind: String,
    pub device: Vec<u8>,
    pub target: Sealed,
    pub refusals: i16,
    pub failing_since: Option<Timestamp>,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
}

impl SubscriptionRow {
    pub fn target(&self, ring: &KeyRing) -> Result<Target> {
        let opened = ring.open(Place::new(TARGET, self.id), &self.target)?;
        let text = String::from_utf8(opened).map_err(|_| Error::internal("a subscription to push is no text"))?;
        Target::restore(self.kind()?, &text)
    }

    pub fn kind(&self) -> Result<PushKind> {
        PushKind::parse_word(&self.kind)
    }

    /// As its owner sees it in a session. Of one that cannot be decrypted any more, as far as that goes.
    pub fn subscription(&self, target: Option<&Target>, session: SessionId) -> Result<PushSubscription> {
        Ok(PushSubscription {
            id: self.id,
            kind: self.kind()?,
            service: target.and_then(Target::service).map(str::to_owned),
            app: target.and_then(Target::app).map(str::to_owned),
            current: self.session_id == session,
            created_at: self.created_at,
            last_used_at: self.last_used_at,
        })
    }
}

/// A target as it is stored in the row of a subscription.
pub fn sealed(ring: &KeyRing, id: Id<Subscription>, target: &Target) -> Result<Sealed> {
    ring.seal(Place::new(TARGET, id), target.store().as_bytes())
}

/// Finds the subscription of a device again.
pub fn device(keys: &Keys, target: &Target) -> Vec<u8> {
    keys.fingerprint(&[b"push device", target.kind().as_str().as_bytes(), target.device().as_bytes()]).to_vec()
}

/// The same key as it is stored, and as it is used.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = push_keys)]
pub struct KeyRow {
    pub id: Id<Key>,
    pub secret: Sealed,
    pub public: Vec<u8>,
    pub created_at: Timestamp,
}

impl KeyRow {
    pub fn new(ring: &KeyRing, key: &VapidKey, now: Timestamp) -> Result<Self> {
        let secret = ring.seal(Place::new(SECRET, KEY), &key.secret)?;
        Ok(Self { id: KEY, secret, public: key.public.to_vec(), created_at: now })
    }

    pub fn key(&self, ring: &KeyRing) -> Result<VapidKey> {
        let damaged = || Error::internal("the stored key for push has another length");
        let secret = ring.open(Place::new(SECRET, KEY), &self.secret)?;
        Ok(VapidKey {
            secret: secret.try_into().map_err(|_| damaged())?,
            public: self.public.clone().try_into().map_err(|_| damaged())?,
        })
    }
}

#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = pushes)]
#[diesel(treat_none_as_default_value = false)]
pub struct PushRow {
    pub id: PushId,
    pub subscription_id: PushSubscriptionId,
    pub user_id: UserId,
    pub kind: String,
    pub source_id: Id<()>,
    pub actor_id: UserId,
    pub target_type: String,
    pub target_id: Id<()>,
    pub chat_id: Option<ChatId>,
    pub message_id: Option<MessageId>,
    pub seq: Option<i64>,
    pub notification_id: Option<NotificationId>,
    pub group_key: String,
    pub reason: String,
    pub created_at: Timestamp,
    pub count: i64,
    pub until: Timestamp,
    pub tries: i16,
    pub revision: Id<()>,
}

impl PushRow {
    pub fn kind(&self) -> Result<NotificationType> {
        NotificationType::parse_word(&self.kind)
    }

    /// As it would be in the inbox, whether or not it is there.
    pub fn as_notification(&self) -> NotificationRow {
        let id = self.notification_id.unwrap_or(NotificationId::from_uuid(self.id.uuid()));
        NotificationRow {
            id,
            user_id: self.user_id,
            kind: self.kind.clone(),
            source_id: self.source_id,
            actor_id: self.actor_id,
            target_type: self.target_type.clone(),
            target_id: self.target_id,
            chat_id: self.chat_id,
            message_id: self.message_id,
            seq: self.seq,
            detail: None,
            group_id: id,
            group_key: self.group_key.clone(),
            reason: self.reason.clone(),
            created_at: self.created_at,
            seen_at: None,
            read_at: None,
            removed_at: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_found_by_what_it_is_and_not_by_whom_it_is() {
        let keys = Keys::new("a secret");
        let fcm = |token: &str, app: Option<&str>| Target::Fcm { token: token.into(), app: app.map(str::to_owned) };
        let apns = Target::Apns { token: "a".into(), topic: "x.y".into() };
        assert_eq!(device(&keys, &fcm("a", None)), device(&keys, &fcm("a", Some("another name"))));
        assert_ne!(device(&keys, &fcm("a", None)), device(&keys, &fcm("b", None)));
        assert_ne!(
            device(&keys, &fcm("a", None)),
            device(&keys, &apns),
            "tokens of two services mean nothing together"
        );
        assert_ne!(device(&keys, &apns), device(&Keys::new("another"), &apns));
    }

    #[test]
    fn the_key_of_the_server_is_opened_as_it_was_sealed() {
        let ring = KeyRing::new(&Keys::new("a secret"), "").unwrap();
        let key = VapidKey { secret: [7; 32], public: [4; 65] };
        let row = KeyRow::new(&ring, &key, Timestamp::from_micros(0)).unwrap();
        assert!(row.key(&ring).unwrap() == key);
        let cut = KeyRow { public: vec![4; 64], ..row };
        assert!(cut.key(&ring).is_err());
    }
}
