//! An entry of the audit log: who did what, to what, and what changed. A write builds an [`Entry`] and records it in
//! its own transaction.

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{Actor, ApiKeyId, Ctx, Id, SessionId, UserId};

/// One entry of the audit log, as built by a write. Time, origin and request id come from the [`Ctx`]. Secrets cannot
/// be recorded: their types are not serialisable.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// `noun.participle`, never renamed: `session.opened`.
    pub action: &'static str,
    /// The actor, if it is not that of the [`Ctx`]: somebody who signs in is not authenticated before.
    pub by: Option<Actor>,
    pub target: Option<Target>,
    /// Whose account it concerns, if neither the target nor the actor.
    pub about: Option<UserId>,
    pub before: Option<Value>,
    pub after: Option<Value>,
}

/// What the action was done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// `user`, `session`, `api_key` …
    pub kind: &'static str,
    pub id: Uuid,
}

impl Target {
    pub const fn of<T>(kind: &'static str, id: Id<T>) -> Self {
        Self { kind, id: id.uuid() }
    }

    pub const fn user(id: UserId) -> Self {
        Self::of("user", id)
    }

    pub const fn api_key(id: ApiKeyId) -> Self {
        Self::of("api_key", id)
    }

    pub const fn session(id: SessionId) -> Self {
        Self::of("session", id)
    }
}

impl Entry {
    pub const fn new(action: &'static str) -> Self {
        Self { action, by: None, target: None, about: None, before: None, after: None }
    }

    pub const fn by(mut self, actor: Actor) -> Self {
        self.by = Some(actor);
        self
    }

    pub const fn on(mut self, target: Target) -> Self {
        self.target = Some(target);
        self
    }

    pub const fn about(mut self, user: UserId) -> Self {
        self.about = Some(user);
        self
    }

    /// The state before.
    pub fn before(mut self, state: Value) -> Self {
        self.before = Some(state);
        self
    }

    /// The state after, or the circumstances.
    pub fn after(mut self, state: Value) -> Self {
        self.after = Some(state);
        self
    }

    /// Of two states, only the members that differ.
    pub fn changed(self, before: Value, after: Value) -> Self {
        let (Value::Object(mut before), Value::Object(mut after)) = (before, after) else { return self };
        let same = |one: &Map<String, Value>, name: &String, value: &Value| one.get(name) == Some(value);
        let old = before.clone();
        before.retain(|name, value| !same(&after, name, value));
        after.retain(|name, value| !same(&old, name, value));
        self.before(Value::Object(before)).after(Value::Object(after))
    }

    /// Whose account it concerns: it appears in their timeline, and their key encrypts its contents.
    pub fn subject(&self, ctx: &Ctx) -> Option<UserId> {
        let target = self.target.filter(|target| target.kind == "user").map(|target| Id::from_uuid(target.id));
        self.about.or(target).or_else(|| user_of(self.by.unwrap_or(ctx.actor)))
    }
}

/// The user for whom an actor acts.
pub const fn user_of(actor: Actor) -> Option<UserId> {
    match actor {
        Actor::User { id, .. } => Some(id),
        Actor::Nobody | Actor::System => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Role, Timestamp, Via};

    #[test]
    fn only_differences_are_kept() {
        let entry = Entry::new("profile.changed")
            .changed(json!({"bio": null, "name": "a", "v": 1}), json!({"bio": "hi", "name": "a", "v": 2}));
        assert_eq!(entry.before, Some(json!({"bio": null, "v": 1})));
        assert_eq!(entry.after, Some(json!({"bio": "hi", "v": 2})));
    }

    #[test]
    fn subject_table() {
        let now = Timestamp::from_micros(1);
        let (ada, bob, eve) = (UserId::new(now), UserId::new(now), UserId::new(now));
        let user = |id| Actor::User { id, via: Via::Session(SessionId::new(now)), role: Role::User };
        let session = Target::session(SessionId::new(now));
        let entry = Entry::new("x");
        for (actor, entry, subject) in [
            (Actor::Nobody, entry.clone(), None),
            (Actor::System, entry.clone(), None),
            (user(ada), entry.clone(), Some(ada)),
            (user(ada), entry.clone().on(session), Some(ada)),
            (user(ada), entry.clone().on(Target::user(bob)), Some(bob)),
            (Actor::Nobody, entry.clone().by(user(bob)).on(session), Some(bob)),
            (user(ada), entry.on(session).about(eve), Some(eve)),
        ] {
            assert_eq!(entry.subject(&Ctx::new(actor, now, "test")), subject, "{entry:?}");
        }
    }
}
