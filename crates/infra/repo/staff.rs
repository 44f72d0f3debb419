//! Account management by staff.

pub mod search;

use async_trait::async_trait;
use clowder_accounts::{
    Account, AccountFilter, Change, NewAccount, NewSuspension, Own, Staff, Standing, Username,
    badges::{self, Badge, BadgeStep},
    model::ResetLink,
    refusals::{SESSION_ENDED, USER_UNKNOWN},
    reserved::{Giver, may_give},
    standing::{By, StandingFacts, Suspension, decide_suspension, may_end_sessions, may_govern, may_set_role},
};
use clowder_core::{
    Actor, Ctx, Page, PageRequest, Result, Role, Timestamp, UserId, Word,
    audit::{Entry, Target},
};
use diesel::{dsl::exists, prelude::*, select};
use serde_json::json;
use tracing::instrument;

use super::{
    Repo,
    accounts::{
        self,
        access::{self, Ended},
        profile,
        sessions::Which,
    },
    audit,
    credentials::passwords,
    db::Tx,
    dialect::{self, Conn},
    domains::Domain,
    journal,
    two_factor::{self, require_recent},
};
use crate::domains::accounts::{UserRow, users};

/// All that it keeps is of accounts.
pub const DOMAIN: Domain = Domain::NONE;

#[async_trait]
impl Staff for Repo {
    fn standing(&self, user: UserId, now: Timestamp) -> Standing {
        self.deps.memory.standings.of(user, now)
    }

    #[instrument(level = "debug", skip_all)]
    async fn accounts(&self, ctx: &Ctx, filter: AccountFilter, page: PageRequest) -> Result<Page<Account>> {
        let now = ctx.now;
        self.db.read(move |conn| search::list(conn, now, &filter, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn account(&self, ctx: &Ctx, user: UserId) -> Result<Account> {
        let now = ctx.now;
        self.db.read(move |conn| search::one(conn, now, user)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn account_named(&self, ctx: &Ctx, name: &Username) -> Result<Account> {
        let (now, key) = (ctx.now, name.key());
        self.db.read(move |conn| search::named(conn, now, &key)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn create_account(&self, ctx: &Ctx, new: NewAccount, role: Role) -> Result<Account> {
        may_give(Giver::Operator, &new.username)?;
        let password = self.deps.hasher.hash(new.password.expose().to_owned()).await?;
        self.govern(ctx, move |tx, ctx| accounts::register::create(tx, ctx, new.clone(), password.clone(), role)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn set_role(&self, ctx: &Ctx, user: UserId, role: Role) -> Result<Account> {
        self.govern(ctx, move |tx, ctx| set_role(tx, ctx, user, role)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn suspend(&self, ctx: &Ctx, user: UserId, new: NewSuspension) -> Result<Account> {
        self.govern(ctx, move |tx, ctx| suspend(tx, ctx, user, new.clone())).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn lift(&self, ctx: &Ctx, user: UserId) -> Result<Account> {
        self.govern(ctx, move |tx, ctx| lift(tx, ctx, user)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn set_badge(&self, ctx: &Ctx, user: UserId, step: BadgeStep, badge: Badge) -> Result<Account> {
        self.govern(ctx, move |tx, ctx| set_badge(tx, ctx, user, step, &badge)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn reset_link(&self, ctx: &Ctx, user: UserId) -> Result<ResetLink> {
        let ctx = ctx.clone();
        let link = self.db.write(move |tx| {
            let (facts, own) = facts(tx.conn, &ctx, user)?;
            may_govern(&facts)?;
            passwords::hand(tx, &ctx, &own)
        });
        link.await
    }

    #[instrument(level = "debug", skip_all)]
    async fn end_sessions(&self, ctx: &Ctx, user: UserId, end_keys: bool) -> Result<()> {
        let caller = ctx.clone();
        let ended = self.db.write(move |tx| end_sessions(tx, &caller, user, end_keys)).await?;
        self.have_ended(&ended);
        Ok(())
    }

    #[instrument(level = "debug", skip_all)]
    async fn remove_second_factor(&self, ctx: &Ctx, user: UserId) -> Result<Account> {
        self.govern(ctx, move |tx, ctx| {
            let (facts, _) = facts(tx.conn, ctx, user)?;
            may_govern(&facts)?;
            two_factor::remove_for(tx, ctx, user)
        })
        .await
    }
}

impl Repo {
    /// Changes the standing of an account. This process applies it before it answers; other nodes learn of it from the
    /// journal.
    async fn govern(
        &self,
        ctx: &Ctx,
        change: impl Fn(&mut Tx<'_>, &Ctx) -> Result<Own> + Send + 'static,
    ) -> Result<Account> {
        let caller = ctx.clone();
        let own = self.db.write(move |tx| change(tx, &caller)).await?;
        self.deps.memory.learn(&own);
        Ok(own.at(ctx.now).into())
    }

    /// Loads the special standings, current and recent ones.
    pub(super) async fn remember_standings(&self, now: Timestamp) -> Result<()> {
        let known = self.deps.memory.standings.known();
        for own in self.db.read(move |conn| search::standings(conn, now, &known)).await? {
            self.deps.memory.standings.keep(&own);
        }
        Ok(())
    }
}

fn set_role(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId, to: Role) -> Result<Own> {
    let (facts, before) = facts(tx.conn, ctx, user)?;
    // A stolen token must not create administrators.
    if ctx.actor != Actor::System {
        require_recent(tx.conn, ctx)?;
    }
    may_set_role(&facts, to)?;
    if facts.role == to {
        return Ok(before);
    }
    let row: UserRow = diesel::update(users::table.find(user))
        .set((users::role.eq(to.as_str()), users::version.eq(users::version + 1)))
        .returning(UserRow::as_returning())
        .get_result(tx.conn)?;
    let own = row.own()?;
    let entry = Entry::new("role.changed").on(Target::user(user));
    audit::record(tx, ctx, &entry.before(json!({"role": facts.role})).after(json!({"role": to})))?;
    journal::append(tx, ctx, &Change::UserUpdated(Box::new(own.clone().at(ctx.now))))?;
    Ok(own)
}

fn suspend(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId, new: NewSuspension) -> Result<Own> {
    lock(tx.conn, user)?;
    let (own, changes) = suspend_locked(tx, ctx, user, new)?;
    journal::append_all(tx, &changes.iter().map(|change| (ctx, change)).collect::<Vec<_>>())?;
    Ok(own)
}

/// Suspends an account. All administrators and then the account are locked; the caller appends the changes.
pub(super) fn suspend_locked(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    user: UserId,
    new: NewSuspension,
) -> Result<(Own, Vec<Change>)> {
    let (facts, before) = locked_facts(tx.conn, ctx, user)?;
    let suspension = decide_suspension(ctx, &facts, new)?;
    if before.suspension.as_ref() == Some(&suspension) {
        return Ok((before, Vec::new()));
    }
    let own = put_suspension(tx, user, Some(&suspension))?;
    audit::record(tx, ctx, &told(Entry::new("user.suspended"), user, &before, &own))?;
    let changes = vec![Change::UserUpdated(Box::new(own.clone())), Change::UserSuspended(user, suspension)];
    Ok((own, changes))
}

fn lift(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId) -> Result<Own> {
    lock(tx.conn, user)?;
    let (own, changes) = lift_locked(tx, ctx, user)?;
    journal::append_all(tx, &changes.iter().map(|change| (ctx, change)).collect::<Vec<_>>())?;
    Ok(own)
}

/// Lifts a suspension, in the same way.
pub(super) fn lift_locked(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId) -> Result<(Own, Vec<Change>)> {
    let (facts, before) = locked_facts(tx.conn, ctx, user)?;
    may_govern(&facts)?;
    if before.suspension.is_none() {
        return Ok((before, Vec::new()));
    }
    let own = put_suspension(tx, user, None)?;
    audit::record(tx, ctx, &told(Entry::new("suspension.lifted"), user, &before, &own))?;
    let changes = vec![Change::UserUpdated(Box::new(own.clone()))];
    Ok((own, changes))
}

fn set_badge(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId, step: BadgeStep, badge: &Badge) -> Result<Own> {
    let (facts, before) = facts(tx.conn, ctx, user)?;
    may_govern(&facts)?;
    let Some(badges) = badges::decide(&before.badges, step, badge)? else { return Ok(before) };
    let stored = if badges.is_empty() { None } else { Some(serde_json::to_string(&badges)?) };
    let row: UserRow = diesel::update(users::table.find(user))
        .set((users::badges.eq(stored), users::version.eq(users::version + 1)))
        .returning(UserRow::as_returning())
        .get_result(tx.conn)?;
    let own = row.own()?.at(ctx.now);
    // A badge that was taken away is not told again.
    profile::forget_earlier(tx, &own)?;
    let entry = match step {
        BadgeStep::Give => Entry::new("badge.given"),
        BadgeStep::Take => Entry::new("badge.taken"),
    };
    let entry = entry.on(Target::user(user)).before(json!({"badges": before.badges}));
    audit::record(tx, ctx, &entry.after(json!({"badges": own.badges})))?;
    journal::append(tx, ctx, &Change::UserUpdated(Box::new(own.clone())))?;
    Ok(own)
}

fn told(entry: Entry, user: UserId, before: &Own, after: &Own) -> Entry {
    let suspension = |own: &Own| json!({"suspension": own.suspension});
    entry.on(Target::user(user)).before(suspension(before)).after(suspension(after))
}

fn put_suspension(tx: &mut Tx<'_>, user: UserId, suspension: Option<&Suspension>) -> Result<Own> {
    let row: UserRow = diesel::update(users::table.find(user))
        .set((
            users::suspended_until.eq(suspension.and_then(|suspension| suspension.until)),
            users::suspension_reason.eq(suspension.map(|suspension| suspension.reason.as_str())),
            users::version.eq(users::version + 1),
        ))
        .returning(UserRow::as_returning())
        .get_result(tx.conn)?;
    let own = row.own()?;
    // An earlier reason is not shown any more.
    profile::forget_earlier(tx, &own)?;
    Ok(own)
}

fn end_sessions(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId, end_keys: bool) -> Result<Ended> {
    let (facts, _) = facts(tx.conn, ctx, user)?;
    may_end_sessions(&facts)?;
    let ended = access::close(tx, ctx, user, Which::All, end_keys)?;
    access::tell(tx, ctx, user, &ended)?;
    Ok(ended)
}

/// What the rules need to know, and the account as it was. All administrators are locked first, in one order, so that
/// if two step down at once the second sees that the first has.
pub(super) fn facts(conn: &mut Conn, ctx: &Ctx, user: UserId) -> Result<(StandingFacts, Own)> {
    lock(conn, user)?;
    locked_facts(conn, ctx, user)
}

fn lock(conn: &mut Conn, user: UserId) -> Result<()> {
    dialect::accounts::lock_admins(conn)?;
    dialect::accounts::lock_user(conn, user)
}

fn locked_facts(conn: &mut Conn, ctx: &Ctx, user: UserId) -> Result<(StandingFacts, Own)> {
    let whom = users::table.find(user).filter(users::deleted_at.is_null());
    let whom = whom.select(UserRow::as_select()).first(conn).optional()?;
    let whom = whom.ok_or(USER_UNKNOWN)?.own()?;
    let others = users::table
        .filter(users::role.eq(Role::Admin.as_str()).and(users::id.ne(user)))
        .filter(users::deleted_at.is_null().and(users::erase_at.is_null()))
        .filter(diesel::dsl::not(search::is_suspended(ctx.now)));
    let other_admins = select(exists(others)).get_result(conn)?;
    Ok((StandingFacts { by: by(conn, ctx)?, whom: user, role: whom.role, other_admins }, whom))
}

/// The actor, with their current role.
fn by(conn: &mut Conn, ctx: &Ctx) -> Result<By> {
    if ctx.actor == Actor::System {
        return Ok(By::System);
    }
    let id = ctx.user()?;
    let role: Option<String> = users::table.find(id).select(users::role).first(conn).optional()?;
    Ok(By::User(id, Role::parse_word(&role.ok_or(SESSION_ENDED)?)?))
}
