//! Identifiers: UUIDv7 (RFC 9562 §5.7) made by us, one Rust type per kind of thing.

use std::{
    fmt,
    hash::{Hash, Hasher},
    marker::PhantomData,
    str::FromStr,
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::{ContextV7, Uuid};

use crate::Timestamp;

/// The kinds of things that are known outside their own domain.
pub mod kind {
    pub enum User {}
    pub enum Session {}
    pub enum ApiKey {}
    pub enum Chat {}
    pub enum Message {}
}

pub type UserId = Id<kind::User>;
pub type SessionId = Id<kind::Session>;
pub type ApiKeyId = Id<kind::ApiKey>;
pub type ChatId = Id<kind::Chat>;
pub type MessageId = Id<kind::Message>;

/// The identifier of a `T`. Ids of different kinds do not mix, although all are UUIDs on the wire.
#[cfg_attr(feature = "diesel", derive(diesel::expression::AsExpression, diesel::deserialize::FromSqlRow))]
#[cfg_attr(feature = "diesel", diesel(sql_type = crate::sql::Uid))]
pub struct Id<T: 'static>(Uuid, PhantomData<fn() -> T>);

/// Shared by the whole process, so that ids made within one millisecond still count upwards.
static CONTEXT: Mutex<ContextV7> = Mutex::new(ContextV7::new());

impl<T> Id<T> {
    /// A fresh id that sorts after every id this process made before, even when `now` steps back.
    pub fn new(now: Timestamp) -> Self {
        let micros = now.as_micros();
        let (seconds, nanos) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000) * 1_000);
        let context = CONTEXT.lock().unwrap_or_else(PoisonError::into_inner);
        let at = uuid::Timestamp::from_unix(&*context, seconds.unsigned_abs(), nanos.unsigned_abs() as u32);
        Self::from_uuid(Uuid::new_v7(at))
    }

    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid, PhantomData)
    }

    pub const fn uuid(&self) -> Uuid {
        self.0
    }

    /// When it was made, to the millisecond; the beginning of time for what is no UUIDv7.
    pub fn made_at(&self) -> Timestamp {
        let (seconds, nanos) = self.0.get_timestamp().map(|at| at.to_unix()).unwrap_or_default();
        Timestamp::from_micros(i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000))
            .plus(std::time::Duration::from_nanos(nanos.into()))
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Id<T> {}
impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<T> Eq for Id<T> {}
impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<T> Hash for Id<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
impl<T> fmt::Display for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
impl<T> FromStr for Id<T> {
    type Err = uuid::Error;

    /// Accepts the hyphenated form only: one thing, one spelling.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        uuid::fmt::Hyphenated::from_str(text).map(|id| Self::from_uuid(id.into_uuid()))
    }
}

impl<T> Serialize for Id<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}
impl<'de, T> Deserialize<'de> for Id<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Uuid::deserialize(deserializer).map(Self::from_uuid)
    }
}

impl<T> utoipa::PartialSchema for Id<T> {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)))
            .build()
            .into()
    }
}
impl<T> utoipa::ToSchema for Id<T> {
    fn name() -> std::borrow::Cow<'static, str> {
        "Id".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_count_upwards_even_when_the_clock_steps_back() {
        let noon = Timestamp::from_micros(1_700_000_000_000_000);
        let before = Timestamp::from_micros(1_699_999_000_000_000);
        let ids: Vec<UserId> = (0..5_000).map(|n| Id::new(if n % 2 == 0 { noon } else { before })).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(ids.iter().all(|id| id.uuid().get_version_num() == 7));
    }

    #[test]
    fn only_the_hyphenated_spelling_is_an_id() {
        let id: UserId = Id::new(Timestamp::from_micros(1));
        assert_eq!(id.to_string().parse::<UserId>().ok(), Some(id));
        for wrong in ["", "1", "not-a-uuid", &id.uuid().simple().to_string(), &format!("{{{id}}}")] {
            assert!(wrong.parse::<UserId>().is_err(), "{wrong}");
        }
    }
}
