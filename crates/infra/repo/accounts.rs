//! Accounts over the database: each method is one transaction, and slow work happens outside of it.

pub mod access;
pub mod ghosts;
pub mod names;
mod privacy;
pub mod profile;
mod refresh;
pub mod register;
pub mod sessions;
pub mod throttle;
mod tickets;
mod times;

use std::{sync::Arc, time::Instant};

use async_trait::async_trait;
use clowder_accounts::{
    Accounts, Identity, Login, NewAccount, Own, Password, ProfilePatch, RefreshToken, Registration, Session,
    SessionPatch, SignedIn, Ticket,
    activity::{Rule, Target, Whose},
    change::{SESSION_ENDED, USER_DELETED},
    policy::may_reach_others,
    refusals::{CREDENTIALS_INVALID, INVITE_GONE, TICKET_INVALID},
    reserved::{Giver, may_give},
    sign_up,
};
use clowder_core::{Actor, Ctx, Page, PageRequest, Refusal, Result, SessionId, Timestamp, UserId, Versions};
use tracing::instrument;

use super::{
    Repo,
    audit::refusals::{self, Refused},
    db::Tx,
    domains::{Domain, Sweep},
    sign_ups::invites,
    two_factor,
};
use crate::hasher;
use sessions::{Proved, Which};
use throttle::{Attempt, Begun, Sought};
use two_factor::Checked;

pub const DOMAIN: Domain = Domain {
    parts: privacy::PARTS,
    activity: &[
        Rule::new("session.ended", "session.ended", Whose::Actor, Target::Subject("session")),
        Rule::new("user.registered", "account.created", Whose::Told, Target::Topic),
    ],
    // The end of a session contains only ids and times, and a node that reads it late must still learn of it.
    kept_changes: &[USER_DELETED, SESSION_ENDED],
    // A skeleton is derived from a username, which is a text itself.
    // Badges are words of administrators.
    words: &[
        "username_claims.former",
        "username_claims.skeleton",
        "users.badges",
        "users.password",
        "users.role",
        "users.visibility",
    ],
    told: &[
        ("users.display_name", "a card shows the name that somebody had at that time"),
        ("users.username", "a card shows the name that somebody had at that time"),
        ("users.username_key", "it may be the username itself"),
        ("users.suspension_reason", "only its owner reads what the account was told about its suspension"),
    ],
    times: times::TIMES,
    sweeps: &[Sweep::Rows(sessions::sweep), Sweep::Rows(throttle::sweep), Sweep::Rows(names::sweep)],
    ..Domain::NONE
};

#[async_trait]
impl Accounts for Repo {
    #[instrument(level = "debug", skip_all)]
    async fn register(&self, ctx: &Ctx, new: NewAccount) -> Result<Registration> {
        let rules = self.deps.options.sign_ups;
        // Checked before any expensive work.
        sign_up::may_ask(rules.mode, new.invite.is_some())?;
        may_give(Giver::Anybody, &new.username)?;
        if let Some(code) = new.invite.clone() {
            self.seek(ctx, move |conn| invites::find(conn, &code)).await?.ok_or(INVITE_GONE)?;
        }
        let password = self.deps.hasher.hash(new.password.expose().to_owned()).await?;
        let caller = ctx.by(Actor::Nobody);
        let mint = self.mint();
        let first = move |tx: &mut Tx<'_>| {
            let registration = register::register(tx, &caller, &mint, rules, new.clone(), password.clone())?;
            let stub = register::Registered::of(&registration);
            Ok((registration, stub))
        };
        let now = ctx.now;
        self.db.create(ctx, first, move |tx, stub: register::Registered| stub.again(tx, now)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn login(&self, ctx: &Ctx, login: Login) -> Result<SignedIn> {
        // Somebody who signs in is not authenticated yet, whatever token they send: nobody can act in another user's
        // name.
        let ctx = ctx.by(Actor::Nobody);
        for _ in 0..TRIES {
            if let Some(signed_in) = self.try_login(&ctx, &login).await? {
                return Ok(signed_in);
            }
        }
        Err(CREDENTIALS_INVALID.into())
    }

    #[instrument(level = "debug", skip_all)]
    async fn refresh(&self, ctx: &Ctx, token: RefreshToken) -> Result<SignedIn> {
        let (mint, caller) = (self.mint(), ctx.by(Actor::Nobody));
        match self.db.write(move |tx| refresh::refresh(tx, &caller, &mint, &token)).await? {
            refresh::Outcome::SignedIn(signed_in) => Ok(*signed_in),
            refresh::Outcome::Refused { refusal, ended } => {
                if let Some(session) = ended {
                    self.deps.memory.tokens.end(session);
                }
                Err(refusal.into())
            }
        }
    }

    fn identify(&self, access: &str, now: Timestamp) -> Result<Identity> {
        self.deps.memory.tokens.identify(access, now)
    }

    fn is_ended(&self, session: SessionId) -> bool {
        self.deps.memory.tokens.is_ended(session)
    }

    #[instrument(level = "debug", skip_all)]
    async fn ticket(&self, ctx: &Ctx, access: &str) -> Result<Ticket> {
        tickets::issue(ctx, &self.deps.keys, &self.deps.memory.tokens, access)
    }

    fn ticket_holder(&self, ticket: &str, now: Timestamp) -> Result<Identity> {
        let ticket = tickets::read(now, &self.deps.keys, ticket).ok_or(TICKET_INVALID)?;
        self.identify(&ticket.access, now)
    }

    #[instrument(level = "debug", skip_all)]
    async fn redeem(&self, ctx: &Ctx, ticket: &str) -> Result<Identity> {
        let stub = tickets::read(ctx.now, &self.deps.keys, ticket);
        let ticket = self.seek(ctx, move |_| Ok(stub.clone())).await?.ok_or(TICKET_INVALID)?;
        let identity = self.identify(&ticket.access, ctx.now)?;
        let ctx = ctx.clone();
        self.db.write(move |tx| tickets::take_in(tx, &ctx, &ticket, identity.actor)).await?;
        Ok(identity)
    }

    #[instrument(level = "debug", skip_all)]
    async fn logout(&self, ctx: &Ctx) -> Result<()> {
        self.end_session(ctx, ctx.session()?).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn logout_all(&self, ctx: &Ctx, end_keys: bool) -> Result<()> {
        self.end(ctx, Which::All, end_keys).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn me(&self, ctx: &Ctx) -> Result<Own> {
        let (user, profiles) = (ctx.user()?, &self.deps.memory.profiles);
        if let Some(own) = profiles.own(user) {
            return Ok(own.at(ctx.now));
        }
        let may_keep = profiles.is_followed();
        let own = self.db.read(move |conn| profile::own(conn, user)).await?;
        // If the database says that an account is suspended, that counts at once, ahead of the journal.
        self.deps.memory.standings.keep(&own);
        if may_keep {
            profiles.keep(&own);
        }
        Ok(own.at(ctx.now))
    }

    #[instrument(level = "debug", skip_all)]
    async fn may_reach_others(&self, ctx: &Ctx) -> Result<()> {
        let demanded = self.deps.options.accounts.verified_to_reach_others;
        Ok(may_reach_others(demanded, !demanded || self.me(ctx).await?.email_verified)?)
    }

    #[instrument(level = "debug", skip_all)]
    async fn edit_me(&self, ctx: &Ctx, version: Option<Versions>, patch: ProfilePatch) -> Result<Own> {
        let ctx = ctx.clone();
        let own = self
            .db
            .write(move |tx| profile::edit(tx, &ctx, profile::By::Profile, version.clone(), patch.clone()))
            .await?;
        self.deps.memory.profiles.keep(&own);
        Ok(own)
    }

    #[instrument(level = "debug", skip_all)]
    async fn sessions(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<Session>> {
        let ctx = ctx.clone();
        self.db.read(move |conn| sessions::list(conn, &ctx, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn name_session(&self, ctx: &Ctx, session: SessionId, patch: SessionPatch) -> Result<Session> {
        let ctx = ctx.clone();
        self.db.write(move |tx| sessions::name(tx, &ctx, session, patch.clone())).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn end_other_sessions(&self, ctx: &Ctx) -> Result<()> {
        self.end(ctx, Which::AllBut(ctx.session()?), false).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn end_session(&self, ctx: &Ctx, session: SessionId) -> Result<()> {
        self.end(ctx, Which::One(session), false).await
    }
}

/// How often a sign-in starts over because the stored hash changed while the password was being checked.
const TRIES: usize = 3;

impl Repo {
    /// `None` if the password matched a hash that is no longer the stored one.
    async fn try_login(&self, ctx: &Ctx, login: &Login) -> Result<Option<SignedIn>> {
        let (sought, caller, keys) = (Sought::typed(login.username.as_str()), ctx.clone(), Arc::clone(&self.deps.keys));
        let (attempt, found) = self
            .db
            .read(move |conn| {
                let found = sessions::credentials(conn, &sought)?;
                let attempt = Attempt::at(conn, &caller, &keys, &sought, found.as_ref().map(|(user, _)| *user))?;
                Ok((attempt, found))
            })
            .await?;
        self.turns.hold(attempt.turns(), self.try_password(ctx, login, attempt, found)).await
    }

    async fn try_password(
        &self,
        ctx: &Ctx,
        login: &Login,
        attempt: Attempt,
        found: Option<(UserId, String)>,
    ) -> Result<Option<SignedIn>> {
        let begun = self.begin(attempt).await?;
        let verdict = self.verify(&begun, &login.password, found.as_ref().map(|(_, hash)| hash.clone())).await?;
        let proved = found.clone().filter(|_| verdict != hasher::Verdict::Wrong);
        let Some(proved) = proved.map(|(user, hash)| Proved { user, hash }) else {
            let (ctx, user) = (ctx.clone(), found.map(|(user, _)| user));
            let counted = self.db.write(move |tx| {
                begun.failed(tx)?;
                // What was typed as the username is not stored: it may well be a password.
                refusals::note(tx, &ctx, Refused::SignIn, user, Some(CREDENTIALS_INVALID.code))
            });
            counted.await?;
            return Err(CREDENTIALS_INVALID.into());
        };
        let signed_in = self.open_session(ctx, login, proved, verdict, begun.clone()).await;
        if signed_in.is_err() {
            // Whatever went wrong, it was not the password.
            self.take_back(begun).await;
        }
        Ok(signed_in??)
    }

    /// The password was right. What the second factor check writes is committed even if it refuses, so a refusal is an
    /// outcome.
    async fn open_session(
        &self,
        ctx: &Ctx,
        login: &Login,
        proved: Proved,
        verdict: hasher::Verdict,
        begun: Begun,
    ) -> Result<std::result::Result<Option<SignedIn>, Refusal>> {
        let anew = match verdict {
            hasher::Verdict::RightButOld => Some(self.deps.hasher.hash(login.password.expose().to_owned()).await?),
            _ => None,
        };
        let (mint, keys, ctx, login) = (self.mint(), Arc::clone(&self.deps.keys), ctx.clone(), login.clone());
        let signed_in = self.db.write(move |tx| {
            if !proved.holds(tx)? {
                begun.take_back(tx)?;
                return Ok(Ok(None));
            }
            let otp = two_factor::sign_in(tx, &ctx, &keys, proved.user, login.otp.as_ref())?;
            if let Checked::Refused(refusal) = otp.came_to {
                begun.take_back(tx)?;
                otp.note(tx, &ctx)?;
                return Ok(Err(refusal));
            }
            let ended = sessions::make_room(tx, &ctx, proved.user)?;
            begun.succeeded(tx)?;
            otp.note(tx, &ctx)?;
            let signed_in = sessions::open(tx, &ctx, &mint, proved.user, login.device_name.clone(), anew.clone())?;
            sessions::tell_ended(tx, &ctx, proved.user, &ended)?;
            Ok(Ok(Some(signed_in)))
        });
        signed_in.await
    }

    /// Checks a password against a hash. If that fails for internal reasons, the attempt does not count.
    pub(super) async fn verify(
        &self,
        begun: &Begun,
        password: &Password,
        stored: Option<String>,
    ) -> Result<hasher::Verdict> {
        let verdict = self.deps.hasher.verify(password.expose().to_owned(), stored).await;
        if verdict.is_err() {
            self.take_back(begun.clone()).await;
        }
        verdict
    }

    /// Ends sessions of the caller. This process refuses their tokens before it answers; other nodes learn of it from
    /// the journal.
    async fn end(&self, ctx: &Ctx, which: Which, keys: bool) -> Result<()> {
        let caller = ctx.clone();
        let ended = self.db.write(move |tx| sessions::end(tx, &caller, which, keys)).await?;
        self.have_ended(&ended);
        Ok(())
    }

    /// Refuses recently ended sessions, whoever ended them; older ones have no valid tokens left.
    pub(super) async fn remember_ended(&self, now: Timestamp) -> Result<()> {
        let since = now.minus(self.deps.memory.tokens.remembered_for());
        for session in self.db.read(move |conn| sessions::ended_since(conn, since)).await? {
            self.deps.memory.tokens.end(session);
        }
        Ok(())
    }

    /// After the database was replaced, the sessions that have ended are others.
    pub(super) async fn replace_ended(&self, now: Timestamp) -> Result<()> {
        let began = Instant::now();
        let since = now.minus(self.deps.memory.tokens.remembered_for());
        let ended = self.db.read(move |conn| sessions::ended_since(conn, since)).await?;
        self.deps.memory.tokens.replace_ended(&ended, began);
        Ok(())
    }

    fn mint(&self) -> sessions::Mint {
        sessions::Mint {
            tokens: Arc::clone(&self.deps.memory.tokens),
            refresh_for: self.deps.options.accounts.refresh_for,
            session_for: self.deps.options.accounts.session_for,
        }
    }
}
