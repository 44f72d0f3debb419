//! Who calls, and whether they may: decided in one place for every route, so that no handler can forget it.

use std::net::IpAddr;

use actix_web::HttpRequest;
use clowder_accounts::{Identity, Suspension, refusals::ACCOUNT_SUSPENDED};
use clowder_core::{
    Actor, Error, Limit, Result, Scope, Timestamp, Via,
    ctx::{SCOPE_MISSING, TOKEN_MISSING},
};

use super::{
    Front,
    limits::{Key, Policy},
};
use crate::{
    auth,
    problem::{Answer, Problem},
    refusals,
    routes::{Access, Endpoint},
};

impl Front {
    /// The credential that was presented. An access token wins over an API key.
    pub(super) async fn identify(
        &self,
        request: &HttpRequest,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Option<Identity>> {
        if let Some(access) = auth::bearer(request) {
            return self.accounts.identify(access, now).map(Some);
        }
        let Some(key) = auth::api_key(request) else { return Ok(None) };
        if let Some(known) = self.api_keys.recall_key(key, now) {
            return known.map(Some);
        }
        // Until a key proves valid, its caller counts as unauthenticated, and so does the database query.
        let left = self.limits.take(Policy::Default, Key::new(Policy::Default, Actor::Nobody, address), 1).await;
        if let Some(seconds) = left.retry_after {
            return Err(Error::TooMany {
                limit: Limit::Requests,
                retry_after: std::time::Duration::from_secs(seconds),
            });
        }
        self.api_keys.check_key(key, now).await.map(Some)
    }

    /// Whether this caller may call this endpoint at all.
    pub(super) fn admit(&self, endpoint: &Endpoint, identity: &Result<Option<Identity>>, now: Timestamp) -> Answer<()> {
        let user = identity.as_ref().ok().and_then(Option::as_ref);
        let user = user.and_then(|identity| super::user_of(identity.actor));
        let suspension = user.and_then(|user| self.staff.standing(user, now).suspension);
        let gate = Gate { access: endpoint.access, scope: endpoint.scope, even_suspended: endpoint.even_suspended };
        may_ask(&gate, identity, suspension.as_ref())?;
        if !endpoint.by_itself {
            self.notice(identity, now);
        }
        Ok(())
    }

    /// A person who makes a call is not away.
    fn notice(&self, identity: &Result<Option<Identity>>, now: Timestamp) {
        if let Ok(Some(Identity { actor: Actor::User { id, via: Via::Session(_), .. }, .. })) = identity {
            self.online.acts(*id, now);
        }
    }
}

/// The requirements of an endpoint.
#[derive(Debug, Clone, Copy)]
struct Gate {
    access: Access,
    scope: Option<Scope>,
    even_suspended: bool,
}

/// An invalid token is an error only if one is required: a client may log in while it still sends an old one. On a
/// public route with a scope, authenticated callers need that scope.
fn may_ask(gate: &Gate, identity: &Result<Option<Identity>>, suspension: Option<&Suspension>) -> Answer<()> {
    let public = gate.access == Access::Public;
    let identity = match identity {
        Ok(Some(identity)) if !public || gate.scope.is_some() => identity,
        _ if public => return Ok(()),
        Ok(_) => return Err(TOKEN_MISSING.into()),
        Err(error) => return Err(error.clone().into()),
    };
    let Actor::User { role, via, .. } = identity.actor else { return Err(TOKEN_MISSING.into()) };
    if let Some(suspension) = suspension.filter(|_| !gate.even_suspended || matches!(via, Via::Key(_))) {
        return Err(suspended(suspension));
    }
    if !identity.opens(gate.scope) {
        return Err(SCOPE_MISSING.into());
    }
    match gate.access {
        Access::Needs(permission) if !permission.is_given_to(role) => Err(refusals::PERMISSION_DENIED.into()),
        _ => Ok(()),
    }
}

/// The one answer that a suspended account gets everywhere.
pub fn suspended(suspension: &Suspension) -> Problem {
    Problem::from(ACCOUNT_SUSPENDED).because(suspension.sentence()).suspension(suspension.clone())
}

#[cfg(test)]
mod tests {
    use clowder_accounts::{
        permissions::{READ_USERS, SET_ROLES},
        refusals::TOKEN_EXPIRED,
        scopes::PROFILE_READ,
    };
    use clowder_core::{Id, Role, Scopes};

    use super::*;

    const READ: Scope = Scope::new("things:read", "Reads things");
    const WRITE: Scope = Scope::new("things:write", "Changes things");

    fn identity(role: Role, scopes: Option<Scopes>) -> Result<Option<Identity>> {
        let now = Timestamp::from_micros(0);
        let via = if scopes.is_some() { Via::Key(Id::new(now)) } else { Via::Session(Id::new(now)) };
        Ok(Some(Identity { actor: Actor::User { id: Id::new(now), via, role }, expires_at: now, scopes }))
    }

    fn verdict(gate: Gate, identity: &Result<Option<Identity>>, suspended: bool) -> Option<&'static str> {
        let suspension = Suspension { until: None, reason: "spam".to_owned() };
        may_ask(&gate, identity, suspended.then_some(&suspension)).err().map(|problem| problem.code)
    }

    #[test]
    fn may_ask_by_access_table() {
        let bad = || Err(TOKEN_EXPIRED.into());
        let (any, staff) = (Access::User, Access::Needs(READ_USERS));
        let admin = Access::Needs(SET_ROLES);
        let person = |role| identity(role, None);
        for (access, identity, expected) in [
            (Access::Public, Ok(None), None),
            (Access::Public, bad(), None),
            (Access::Public, person(Role::User), None),
            (any, Ok(None), Some("token.missing")),
            (any, bad(), Some("token.expired")),
            (any, person(Role::User), None),
            (any, person(Role::Admin), None),
            (staff, Ok(None), Some("token.missing")),
            (staff, bad(), Some("token.expired")),
            (staff, person(Role::User), Some("permission.denied")),
            (staff, person(Role::Moderator), None),
            (staff, person(Role::Admin), None),
            (admin, person(Role::Moderator), Some("permission.denied")),
            (admin, person(Role::Admin), None),
        ] {
            let gate = Gate { access, scope: None, even_suspended: false };
            assert_eq!(verdict(gate, &identity, false), expected, "{access:?} {identity:?}");
        }
    }

    #[test]
    fn may_ask_by_scope_table() {
        let key = |scopes: &[Scope]| identity(Role::User, Some(scopes.iter().copied().collect()));
        let (read, write) = (Some(READ), WRITE);
        let missing = Some("scope.missing");
        for (access, scope, identity, expected) in [
            (Access::User, read, key(&[READ]), None),
            (Access::User, read, key(&[write]), missing),
            (Access::User, read, key(&[]), missing),
            (Access::User, None, key(&[READ, write]), missing),
            (Access::Public, None, key(&[]), None),
            (Access::Public, read, key(&[]), missing),
            (Access::Public, read, key(&[READ]), None),
            (Access::Public, read, Ok(None), None),
            (Access::Public, read, Err(TOKEN_EXPIRED.into()), None),
            (Access::Needs(READ_USERS), read, key(&[READ]), Some("permission.denied")),
        ] {
            let gate = Gate { access, scope, even_suspended: false };
            assert_eq!(verdict(gate, &identity, false), expected, "{access:?} {scope:?} {identity:?}");
        }
    }

    #[test]
    fn suspended_accounts_may_only_read_why() {
        let scope = Some(PROFILE_READ);
        let (person, key) = (identity(Role::Moderator, None), identity(Role::User, Some(scope.into_iter().collect())));
        let gate = |access, even_suspended| Gate { access, scope, even_suspended };
        let refused = Some("account.suspended");
        assert_eq!(verdict(gate(Access::User, false), &person, true), refused);
        assert_eq!(verdict(gate(Access::User, true), &person, true), None);
        assert_eq!(verdict(gate(Access::User, true), &key, true), refused, "their programs can read nothing");
        assert_eq!(verdict(gate(Access::Needs(READ_USERS), false), &person, true), refused);
        assert_eq!(verdict(gate(Access::Public, false), &person, true), refused, "a socket");
        assert_eq!(verdict(Gate { scope: None, ..gate(Access::Public, false) }, &person, true), None);
    }
}
