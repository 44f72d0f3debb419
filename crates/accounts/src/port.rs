//! What an implementation of accounts must guarantee.

mod activity;
mod api_keys;
mod audit;
mod credentials;
mod preferences;
mod presence;
mod privacy;
mod profiles;
mod sign_ups;
mod staff;
mod two_factor;

use async_trait::async_trait;
use clowder_core::{Actor, Ctx, Page, PageRequest, Result, Scope, Scopes, SessionId, Timestamp, Versions};

pub use activity::ActivityLog;
pub use api_keys::ApiKeys;
pub use audit::AuditLog;
pub use credentials::Credentials;
pub use preferences::Preferences;
pub use presence::Presences;
pub use privacy::Privacy;
pub use profiles::Profiles;
pub use sign_ups::SignUps;
pub use staff::Staff;
pub use two_factor::TwoFactor;

use crate::{
    Login, NewAccount, Own, ProfilePatch, RefreshToken, Session, SessionPatch, SignedIn, Ticket, model::Registration,
};

/// Each method is one use case and at most one transaction; its change is committed with it.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// Creates the account and signs it in, or says what has to happen first, as in [`crate::sign_up::decide`]. If
    /// several calls compete for a name, exactly one wins; the others get `username.taken` or `email.taken`. An email
    /// asks the user to confirm the address. Honours `ctx.idempotency_key`.
    async fn register(&self, ctx: &Ctx, new: NewAccount) -> Result<Registration>;

    /// Opens a session. An unknown name takes as long as a wrong password, and both are `credentials.invalid`. Failures
    /// delay further attempts, as in [`crate::throttle::may_try`]; an attempt is counted before the password is
    /// checked, so that concurrent attempts count, too.
    async fn login(&self, ctx: &Ctx, login: Login) -> Result<SignedIn>;

    /// Returns the successor of a refresh token, as in [`crate::refresh::decide`]. Two calls with one token within the
    /// grace period get the same successor, even at the same time and on two nodes.
    async fn refresh(&self, ctx: &Ctx, token: RefreshToken) -> Result<SignedIn>;

    /// The holder of an access token. Never waits or queries the database. A session ended by this process is refused
    /// at once, one ended elsewhere as soon as the journal shows it.
    fn identify(&self, access: &str, now: Timestamp) -> Result<Identity>;

    /// Whether this process knows that a session has ended.
    fn is_ended(&self, session: SessionId) -> bool;

    /// A ticket for one socket of the holder of this access token, valid for [`crate::policy::TICKET_FOR`] and never
    /// longer than the token.
    async fn ticket(&self, ctx: &Ctx, access: &str) -> Result<Ticket>;

    /// The holder of a ticket, without using the ticket: for checks before it is spent. Does not query the database.
    fn ticket_holder(&self, ticket: &str, now: Timestamp) -> Result<Identity>;

    /// Uses a ticket, once across all nodes; `ticket.invalid` for any that is not valid. The identity expires with the
    /// access token that the ticket was requested with.
    async fn redeem(&self, ctx: &Ctx, ticket: &str) -> Result<Identity>;

    /// Ends the calling session.
    async fn logout(&self, ctx: &Ctx) -> Result<()>;

    /// Ends every session of the caller with its tokens, tickets and sockets, and the links to their exports; with
    /// `end_keys` their API keys, too.
    async fn logout_all(&self, ctx: &Ctx, end_keys: bool) -> Result<()>;

    async fn me(&self, ctx: &Ctx) -> Result<Own>;

    /// Whether the caller may reach others, as in [`crate::policy::may_reach_others`]. Nearly always answered from
    /// memory.
    async fn may_reach_others(&self, ctx: &Ctx) -> Result<()>;

    /// Edits the caller's profile; `user.stale` unless `version` is absent or contains the current one.
    async fn edit_me(&self, ctx: &Ctx, version: Option<Versions>, patch: ProfilePatch) -> Result<Own>;

    /// The caller's open sessions, the most recently used first.
    async fn sessions(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<Session>>;

    async fn name_session(&self, ctx: &Ctx, session: SessionId, patch: SessionPatch) -> Result<Session>;

    /// Ends all sessions of the caller except the calling one, and the links to their exports.
    async fn end_other_sessions(&self, ctx: &Ctx) -> Result<()>;

    /// Ends one session of the caller; `session.unknown` for any other.
    async fn end_session(&self, ctx: &Ctx, session: SessionId) -> Result<()>;
}

/// What an access token or an API key proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub actor: Actor,
    pub expires_at: Timestamp,
    /// The scopes of an API key; a person needs no scopes.
    pub scopes: Option<Scopes>,
}

impl Identity {
    /// Whether it may do what this scope allows. Without a scope, an action is for people only.
    pub fn opens(&self, scope: Option<Scope>) -> bool {
        self.scopes.as_ref().is_none_or(|scopes| scope.is_some_and(|scope| scopes.contains(scope)))
    }
}
