//! Who calls, when, and from where: the first argument of every port method.

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{ApiKeyId, IdempotencyKey, Refusal, Result, SessionId, Timestamp, UserId, error::Kind, word::Word};

/// The context of one call. The gateway (or a job) reads the clock once, here, and nothing else reads it again.
#[derive(Debug, Clone)]
pub struct Ctx {
    pub actor: Actor,
    pub now: Timestamp,
    /// The `X-Request-Id` of the request, repeated in every log line and problem.
    pub request_id: Arc<str>,
    pub origin: Origin,
    /// Set if the caller sent an `Idempotency-Key`.
    pub idempotency_key: Option<IdempotencyKey>,
}

impl Ctx {
    pub fn new(actor: Actor, now: Timestamp, request_id: impl Into<Arc<str>>) -> Self {
        Self { actor, now, request_id: request_id.into(), origin: Origin::default(), idempotency_key: None }
    }

    /// The same call with another actor: what a secret proves must not be attributed to whoever was signed in.
    pub fn by(&self, actor: Actor) -> Self {
        Self { actor, ..self.clone() }
    }

    /// The calling user, or `token.missing` if there is none.
    pub fn user(&self) -> Result<UserId> {
        match self.actor {
            Actor::User { id, .. } => Ok(id),
            Actor::Nobody | Actor::System => Err(TOKEN_MISSING.into()),
        }
    }

    /// The session of the calling user, or `token.missing` if there is none. An API key has none: calls that need a
    /// session are for people.
    pub fn session(&self) -> Result<SessionId> {
        match self.actor {
            Actor::User { via: Via::Session(session), .. } => Ok(session),
            Actor::User { via: Via::Key(_), .. } => Err(SCOPE_MISSING.into()),
            Actor::Nobody | Actor::System => Err(TOKEN_MISSING.into()),
        }
    }
}

/// The request has no credentials but needs some.
pub const TOKEN_MISSING: Refusal = Refusal::new(Kind::Unauthenticated, "token.missing", "This needs an access token");

/// The scopes of the API key do not allow this.
pub const SCOPE_MISSING: Refusal = Refusal::new(Kind::Forbidden, "scope.missing", "The API key has no scope for this");

/// The role of the caller has no permission for this.
pub const PERMISSION_DENIED: Refusal =
    Refusal::new(Kind::Forbidden, "permission.denied", "Your role does not have the permission for this");

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    Nobody,
    User {
        id: UserId,
        via: Via,
        role: Role,
    },
    /// Clowder itself: jobs, migrations, the command line.
    System,
}

/// How a user is authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Via {
    /// A person on one of their devices.
    Session(SessionId),
    /// One of their programs.
    Key(ApiKeyId),
}

impl Via {
    pub const fn uuid(&self) -> Uuid {
        match self {
            Self::Session(id) => id.uuid(),
            Self::Key(id) => id.uuid(),
        }
    }
}

/// Roles are ordered by their rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    User,
    Moderator,
    Admin,
}

impl Word for Role {
    const WHAT: &'static str = "role";
    const WORDS: &'static [(&'static str, Self)] =
        &[("user", Self::User), ("moderator", Self::Moderator), ("admin", Self::Admin)];
}

/// Where a request came from, if known.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    pub address: Option<IpAddr>,
    pub agent: Option<Arc<str>>,
}

impl Origin {
    /// Addresses that count as one place: an IPv4 address, or the /64 network of an IPv6 one, because a client usually
    /// has a whole /64.
    pub fn place(&self) -> Option<IpAddr> {
        self.address.map(place)
    }
}

pub fn place(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 => v4,
    }
}
