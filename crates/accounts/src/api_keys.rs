//! The rules of API keys: which may be created, and when one is valid.

use clowder_core::{Ctx, Error, Refusal, Result, Role, Timestamp};

use crate::{
    model::NewApiKey,
    refusals::{API_KEY_EXPIRED, API_KEY_INVALID, API_KEY_LIMIT},
};

/// The maximum number of keys per user.
pub const MOST: i64 = 50;

/// What is known when a key is requested.
#[derive(Debug, Clone, Copy)]
pub struct CreateFacts {
    /// The keys that the user already has.
    pub count: i64,
    pub role: Role,
}

pub fn decide(ctx: &Ctx, facts: &CreateFacts, new: NewApiKey) -> Result<NewApiKey> {
    if facts.count >= MOST {
        return Err(API_KEY_LIMIT.into());
    }
    if new.expires_at.is_some_and(|at| at <= ctx.now) {
        return Err(Error::field("/expires_at", "past", "must be in the future"));
    }
    if new.least > facts.role {
        return Err(Error::field("/scopes", "role", "contains a scope that your role does not allow"));
    }
    Ok(new)
}

/// Whether a presented key is valid. `secret_is_right` is false for a key that does not exist.
pub fn may_use(secret_is_right: bool, expires_at: Option<Timestamp>, now: Timestamp) -> Result<(), Refusal> {
    match expires_at {
        _ if !secret_is_right => Err(API_KEY_INVALID),
        Some(at) if at <= now => Err(API_KEY_EXPIRED),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use clowder_core::{Actor, Input};
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn decide_table() {
        let now = Timestamp::from_micros(1_000_000_000_000_000);
        let ctx = Ctx::new(Actor::Nobody, now, "test");
        let verdict = |count, role, new: Value| match decide(
            &ctx,
            &CreateFacts { count, role },
            NewApiKey::from_json(new).unwrap(),
        ) {
            Ok(_) => "ok".to_owned(),
            Err(Error::Refused(refusal)) => refusal.code.to_owned(),
            Err(Error::Invalid(errors)) => errors[0].pointer.clone(),
            Err(other) => panic!("{other}"),
        };
        let plain = json!({"name": "bot", "scopes": ["chats:read"]});
        let staff = json!({"name": "bot", "scopes": ["chats:read", "admin:write"]});
        let ends = |at: &str| json!({"name": "bot", "scopes": ["chats:read"], "expires_at": at});
        for (count, role, new, expected) in [
            (0, Role::User, plain.clone(), "ok"),
            (49, Role::User, plain.clone(), "ok"),
            (50, Role::User, plain.clone(), "api_key.limit"),
            (50, Role::Admin, plain, "api_key.limit"),
            (0, Role::User, staff.clone(), "/scopes"),
            (0, Role::Moderator, staff, "ok"),
            (0, Role::User, ends(&now.to_string()), "/expires_at"),
            (0, Role::User, ends("2200-01-01T00:00:00Z"), "ok"),
        ] {
            assert_eq!(verdict(count, role, new.clone()), expected, "{count} {role:?} {new}");
        }
    }

    #[test]
    fn may_use_table() {
        let at = Timestamp::from_micros;
        for (secret_is_right, expires_at, now, verdict) in [
            (true, None, at(5), Ok(())),
            (true, Some(at(6)), at(5), Ok(())),
            (true, Some(at(5)), at(5), Err(API_KEY_EXPIRED)),
            (false, None, at(5), Err(API_KEY_INVALID)),
            (false, Some(at(1)), at(5), Err(API_KEY_INVALID)),
        ] {
            assert_eq!(may_use(secret_is_right, expires_at, now), verdict);
        }
    }
}
