//! The vocabulary of all layers of Clowder.
//!
//! Domain crates use only these terms: who acts and when ([`Ctx`]), what a thing is called ([`Id`]), why it was refused
//! ([`Refusal`]), what happened ([`Change`], [`Recorded`]) and how a long list is read ([`Page`]). Nothing here blocks,
//! reads a clock or knows a database; the SQL mapping of the value types is behind the feature `diesel`, which only
//! `clowder-infra` enables.

pub mod attempt;
pub mod audit;
pub mod bus;
pub mod card;
pub mod change;
pub mod ctx;
pub mod deletion;
pub mod error;
pub mod export;
pub mod follow;
pub mod friendship;
pub mod id;
pub mod idempotency;
pub mod input;
pub mod job;
pub mod journal;
pub mod link;
pub mod local;
pub mod made;
pub mod mail;
pub mod name;
pub mod octets;
pub mod page;
pub mod permission;
pub mod picture;
pub mod presence;
pub mod recurrence;
pub mod scope;
#[cfg(feature = "diesel")]
pub mod sql;
pub mod text;
pub mod thumbnail;
pub mod time;
pub mod time_zone;
pub mod topic;
pub mod versions;
pub mod visibility;
pub mod word;
pub mod words;

pub use bus::Bus;
pub use card::Card;
pub use change::{Change, Passing, Recorded};
pub use ctx::{Actor, Ctx, Origin, Role, Via};
pub use error::{Cause, Error, FieldError, Kind, Limit, Outage, Refusal, Result};
pub use follow::Follow;
pub use friendship::Friendship;
pub use id::{ApiKeyId, ChatId, FileId, GroupId, Id, MessageId, SessionId, UserId};
pub use idempotency::IdempotencyKey;
pub use input::{Field, Fields, Input, Nested, Nullable};
pub use job::{Job, JobId, Jobs, NewJob};
pub use journal::{Journal, Positions};
pub use local::{LocalDay, LocalTime};
pub use made::Made;
pub use mail::{Mail, Mailer, Subscription};
pub use name::Name;
pub use page::{Page, PageRequest};
pub use permission::Permission;
pub use picture::Picture;
pub use presence::Presence;
pub use recurrence::Repeat;
pub use scope::{Scope, Scopes};
pub use thumbnail::Thumbnail;
pub use time::Timestamp;
pub use time_zone::TimeZone;
pub use topic::{Topic, TopicKind};
pub use versions::Versions;
pub use visibility::{SeenAs, Visibility};
pub use word::Word;
