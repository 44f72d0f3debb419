//! Sign-ups and invitations over the database.

mod imports;
pub mod invites;
mod privacy;
mod times;

use async_trait::async_trait;
use clowder_accounts::{
    SignUps,
    model::{Imported, Invite, InviteId, NewImport, NewInvite, NewInvited, Note, Rejection, SignUp, SignUpId},
    refusals::SIGN_UP_UNKNOWN,
};
use clowder_core::{
    Ctx, Page, PageRequest, Result,
    audit::{Entry, Target},
};
use diesel::prelude::*;
use tracing::instrument;

use super::{
    Repo, audit,
    credentials::{
        mailed::{self, Whose},
        sign_ups,
    },
    db::Tx,
    dialect::Conn,
    domains::{Domain, Sweep},
    upkeep::forget,
};
use crate::{
    domains::sign_ups::{SignUpRow, sign_ups as table},
    emails::Recipient,
};

pub const DOMAIN: Domain = Domain {
    parts: privacy::PARTS,
    words: &["sign_up_claims.skeleton", "sign_ups.password"],
    times: times::TIMES,
    sweeps: &[Sweep::Rows(sweep)],
    ..Domain::NONE
};

/// Deletes expired sign-ups.
fn sweep(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<usize> {
    Ok(forget!(tx, table by id: SignUpId, table::expires_at.le(ctx.now)))
}

#[async_trait]
impl SignUps for Repo {
    #[instrument(level = "debug", skip_all)]
    async fn waiting(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<SignUp>> {
        let ctx = ctx.clone();
        self.db.read(move |conn| waiting(conn, &ctx, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn approve(&self, ctx: &Ctx, sign_up: SignUpId) -> Result<()> {
        let ctx = ctx.clone();
        let approved = self.db.write(move |tx| {
            let row = take(tx, &ctx, sign_up)?;
            let mail = tx.services.email_templates.approved(&recipient(&row))?;
            mailed::post(tx, &ctx, Whose::SignUp(sign_up), &mail)?;
            // If this server requires confirmation, it was done before; otherwise the new account is asked now.
            let verified = row.confirmed_at.filter(|at| *at > row.created_at);
            let approved = Entry::new("sign_up.approved").on(Target::of("sign_up", sign_up));
            sign_ups::welcome(tx, &ctx, row, verified, Some(approved))
        });
        approved.await
    }

    #[instrument(level = "debug", skip_all)]
    async fn reject(&self, ctx: &Ctx, sign_up: SignUpId, rejection: Rejection) -> Result<()> {
        let ctx = ctx.clone();
        let rejected = self.db.write(move |tx| {
            let row = take(tx, &ctx, sign_up)?;
            let reason = rejection.reason.clone().and_then(Note::into_option);
            let mail = tx.services.email_templates.rejected(&recipient(&row), reason.as_deref())?;
            mailed::post(tx, &ctx, Whose::SignUp(sign_up), &mail)?;
            audit::record(tx, &ctx, &Entry::new("sign_up.rejected").on(Target::of("sign_up", sign_up)))
        });
        rejected.await
    }

    #[instrument(level = "debug", skip_all)]
    async fn invite(&self, ctx: &Ctx, new: NewInvite) -> Result<NewInvited> {
        let caller = ctx.clone();
        let first = move |tx: &mut Tx<'_>| {
            let invited = invites::make(tx, &caller, new.clone())?;
            let stub = invites::Invited::of(&invited);
            Ok((invited, stub))
        };
        self.db.create(ctx, first, |tx, stub: invites::Invited| stub.again(tx)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn invites(&self, _ctx: &Ctx, page: PageRequest) -> Result<Page<Invite>> {
        self.db.read(move |conn| invites::list(conn, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn revoke_invite(&self, ctx: &Ctx, invite: InviteId) -> Result<()> {
        let ctx = ctx.clone();
        self.db.write(move |tx| invites::revoke(tx, &ctx, invite)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn import(&self, ctx: &Ctx, people: Vec<NewImport>) -> Result<Vec<Imported>> {
        let ctx = ctx.clone();
        self.db.write(move |tx| imports::import(tx, &ctx, people.clone())).await
    }
}

/// Sign-ups whose own steps are done.
fn waiting(conn: &mut Conn, ctx: &Ctx, page: &PageRequest) -> Result<Page<SignUp>> {
    let mut found = table::table
        .filter(table::needs_approval.eq(true).and(table::pretended.eq(false)))
        .filter(table::confirmed_at.is_not_null().and(table::expires_at.gt(ctx.now)))
        .order(table::id)
        .limit(page.fetch())
        .select(SignUpRow::as_select())
        .into_boxed();
    if let Some(last) = page.id::<SignUp>()? {
        found = found.filter(table::id.gt(last));
    }
    let rows = found.load(conn)?.into_iter().map(|row| Ok(SignUpRow::sign_up(row)));
    Page::fill(rows, page, |sign_up: &SignUp| sign_up.id.to_string())
}

/// Removes a sign-up from the list: if two people decide at once, one succeeds.
fn take(tx: &mut Tx<'_>, ctx: &Ctx, sign_up: SignUpId) -> Result<SignUpRow> {
    let listed = table::table
        .find(sign_up)
        .filter(table::needs_approval.eq(true).and(table::pretended.eq(false)))
        .filter(table::confirmed_at.is_not_null().and(table::expires_at.gt(ctx.now)));
    let row = diesel::delete(listed).returning(SignUpRow::as_returning()).get_result(tx.conn).optional()?;
    tx.deleted_text = true;
    row.ok_or_else(|| SIGN_UP_UNKNOWN.into())
}

fn recipient(row: &SignUpRow) -> Recipient {
    Recipient { name: row.display_name.clone(), address: row.email.clone() }
}
