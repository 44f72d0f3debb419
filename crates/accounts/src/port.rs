//! What an implementation of accounts must keep.

mod api_keys;
mod audit;
mod credentials;
mod preferences;
mod privacy;
mod sign_ups;
mod staff;
mod two_factor;

use async_trait::async_trait;
use clowder_core::{Actor, Ctx, Page, PageRequest, Result, Scope, Scopes, SessionId, Timestamp, Versions};

pub use api_keys::ApiKeys;
pub use audit::AuditLog;
pub use credentials::Credentials;
pub use preferences::Preferences;
pub use privacy::Privacy;
pub use sign_ups::SignUps;
pub use staff::Staff;
pub use two_factor::TwoFactor;

use crate::{
    Login, NewAccount, Own, ProfilePatch, RefreshToken, Session, SessionPatch, SignedIn, Ticket, model::Registration,
};

/// Each method is one use case and at most one transaction; its change is committed with it.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// Makes the account and signs it in, or says what has to happen first, as [`crate::sign_up::decide`] says. Of
    /// several that race for one name exactly one wins; the others get `username.taken` or `email.taken`. An email
    /// asks whether the address is theirs. Honours `ctx.idempotency_key`.
    async fn register(&self, ctx: &Ctx, new: NewAccount) -> Result<Registration>;

    /// Opens a session. An unknown name costs as much time as a wrong password, and both are `credentials.invalid`.
    /// Failures make further attempts wait, as [`crate::throttle::may_try`] says; an attempt is counted before the
    /// password is looked at, so that it does not matter how many come at once.
    async fn login(&self, ctx: &Ctx, login: Login) -> Result<SignedIn>;

    /// Gives the successor of a refresh token, as [`crate::refresh::decide`] says. Two calls with one token within
    /// the grace get the same successor, also at the same time, also on two nodes.
    async fn refresh(&self, ctx: &Ctx, token: RefreshToken) -> Result<SignedIn>;

    /// Who holds an access token. Waits for nothing and asks no database; a session that was ended through this
    /// process is refused from that moment, one ended elsewhere as soon as the journal tells.
    fn identify(&self, access: &str, now: Timestamp) -> Result<Identity>;

    /// Whether this process knows that a session has been ended.
    fn is_ended(&self, session: SessionId) -> bool;

    /// A ticket for one socket of whoever holds this access token, good for [`crate::policy::TICKET_FOR`] and never
    /// longer than the token.
    async fn ticket(&self, ctx: &Ctx, access: &str) -> Result<Ticket>;

    /// Who holds a ticket, without taking it in: for what has to be known before it is spent. Asks no database.
    fn ticket_holder(&self, ticket: &str, now: Timestamp) -> Result<Identity>;

    /// Takes a ticket in, once, on whichever node; `token.invalid` for any that is not good. What it proves ends when
    /// the access token does that it was asked with.
    async fn redeem(&self, ctx: &Ctx, ticket: &str) -> Result<Identity>;

    /// Ends the session that asks.
    async fn logout(&self, ctx: &Ctx) -> Result<()>;

    /// Ends every session of the user who asks with its tokens, tickets and sockets, and the links to their exports; with
    /// `end_keys` their API keys as well.
    async fn logout_all(&self, ctx: &Ctx, end_keys: bool) -> Result<()>;

    async fn me(&self, ctx: &Ctx) -> Result<Own>;

    /// Whether the caller may reach others, as [`crate::policy::may_reach_others`] says. Nearly always answered from
    /// memory.
    async fn may_reach_others(&self, ctx: &Ctx) -> Result<()>;

    /// Edits the own profile; `user.stale` unless `version` is absent or holds the present one.
    async fn edit_me(&self, ctx: &Ctx, version: Option<Versions>, patch: ProfilePatch) -> Result<Own>;

    /// The open sessions of the user who asks, the last used first.
    async fn sessions(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<Session>>;

    async fn name_session(&self, ctx: &Ctx, session: SessionId, patch: SessionPatch) -> Result<Session>;

    /// Ends all sessions of the user who asks but the one that asks, and the links to their exports.
    async fn end_other_sessions(&self, ctx: &Ctx) -> Result<()>;

    /// Ends one session of the user who asks; `session.unknown` for any other.
    async fn end_session(&self, ctx: &Ctx, session: SessionId) -> Result<()>;
}

/// What an access token or an API key proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub actor: Actor,
    pub expires_at: Timestamp,
    /// What an API key is good for; a person needs no scopes.
    pub scopes: Option<Scopes>,
}

impl Identity {
    /// Whether it opens what this scope opens. What no scope opens is for people.
    pub fn opens(&self, scope: Option<Scope>) -> bool {
        self.scopes.as_ref().is_none_or(|scopes| scope.is_some_and(|scope| scopes.contains(scope)))
    }
}
