//! Invitations to make an account.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clowder_accounts::{
    model::{DisplayName, Invite, InviteId, MailedToken, NewInvite, NewInvited},
    refusals::INVITE_UNKNOWN,
    sign_up::{Invitation, InviteFacts, judge, may_invite},
};
use clowder_core::{
    Ctx, Page, PageRequest, Result,
    audit::{Entry, Target},
};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::{
    audit,
    db::Tx,
    dialect::{self, Conn},
    idempotency::Stub,
};
use crate::{
    domains::sign_ups::{InviteRow, invites as table, sign_ups},
    keys::{random, sha256},
};

/// The invitation presented with a registration. The registration locks it until the end of the transaction, so that no
/// more accounts are created than it allows.
pub fn look(tx: &mut Tx<'_>, ctx: &Ctx, code: Option<&MailedToken>) -> Result<(Invitation, Option<InviteId>)> {
    let Some(code) = code else { return Ok((Invitation::None, None)) };
    let id = find(tx.conn, code)?;
    let facts = id.map(|id| facts(tx, ctx, id)).transpose()?.flatten();
    Ok((judge(ctx.now, facts), id))
}

/// Whether there is such an invitation, valid or not.
pub fn find(conn: &mut Conn, code: &MailedToken) -> Result<Option<InviteId>> {
    let hash = sha256(code.expose().as_bytes()).to_vec();
    Ok(table::table.filter(table::code_hash.eq(hash)).select(table::id).first(conn).optional()?)
}

fn facts(tx: &mut Tx<'_>, ctx: &Ctx, id: InviteId) -> Result<Option<InviteFacts>> {
    dialect::sign_ups::lock_invite(tx.conn, id)?;
    let row: Option<InviteRow> = table::table.find(id).select(InviteRow::as_select()).first(tx.conn).optional()?;
    let waiting = sign_ups::table.filter(sign_ups::invite_id.eq(id).and(sign_ups::expires_at.gt(ctx.now)));
    let waiting = waiting.count().get_result(tx.conn)?;
    let facts = |row: InviteRow| InviteFacts {
        revoked: row.revoked_at.is_some(),
        expires_at: row.expires_at,
        max_uses: row.max_uses,
        uses: row.uses,
        waiting,
    };
    Ok(row.map(facts))
}

/// An account is created with it.
pub fn used(tx: &mut Tx<'_>, invite: Option<InviteId>) -> Result<()> {
    if let Some(invite) = invite {
        diesel::update(table::table.find(invite)).set(table::uses.eq(table::uses + 1)).execute(tx.conn)?;
    }
    Ok(())
}

/// What is stored of a new invitation: its id, and its code, which cannot be issued a second time.
#[derive(Serialize, Deserialize)]
pub struct Invited {
    id: InviteId,
    code: String,
}

impl Stub for Invited {}

impl Invited {
    pub fn of(invited: &NewInvited) -> Self {
        Self { id: invited.invite.id, code: invited.code.clone() }
    }

    /// The invitation as it is now.
    pub fn again(self, tx: &mut Tx<'_>) -> Result<NewInvited> {
        let row: Option<InviteRow> =
            table::table.find(self.id).select(InviteRow::as_select()).first(tx.conn).optional()?;
        Ok(NewInvited { invite: row.ok_or(INVITE_UNKNOWN)?.into(), code: self.code })
    }
}

pub fn make(tx: &mut Tx<'_>, ctx: &Ctx, new: NewInvite) -> Result<NewInvited> {
    let maker = ctx.user()?;
    // Of two that are created at once, the second is counted after the first.
    dialect::accounts::lock_user(tx.conn, maker)?;
    let open = table::table
        .filter(table::created_by.eq(maker).and(table::revoked_at.is_null()))
        .filter(table::expires_at.is_null().or(table::expires_at.gt(ctx.now)))
        .filter(table::max_uses.is_null().or(table::max_uses.gt(table::uses.nullable())));
    may_invite(ctx.now, &new, open.count().get_result(tx.conn)?)?;
    let mut octets = [0; 16];
    random(&mut octets)?;
    let code = URL_SAFE_NO_PAD.encode(octets);
    let invite = Invite {
        id: InviteId::new(ctx.now),
        note: new.note.map(DisplayName::into_string),
        created_by: maker,
        max_uses: new.max_uses.map(|uses| uses.0),
        uses: 0,
        created_at: ctx.now,
        expires_at: new.expires_at,
        revoked_at: None,
    };
    let row = (
        table::id.eq(invite.id),
        table::code_hash.eq(sha256(code.as_bytes()).to_vec()),
        table::note.eq(&invite.note),
        table::created_by.eq(invite.created_by),
        table::max_uses.eq(invite.max_uses),
        table::uses.eq(0),
        table::created_at.eq(invite.created_at),
        table::expires_at.eq(invite.expires_at),
    );
    diesel::insert_into(table::table).values(row).execute(tx.conn)?;
    let made = Entry::new("invite.created").on(Target::of("invite", invite.id));
    audit::record(tx, ctx, &made.after(json!({"max_uses": invite.max_uses, "expires_at": invite.expires_at})))?;
    Ok(NewInvited { invite, code })
}

pub fn list(conn: &mut Conn, page: &PageRequest) -> Result<Page<Invite>> {
    let mut found =
        table::table.order(table::id.desc()).limit(page.fetch()).select(InviteRow::as_select()).into_boxed();
    if let Some(last) = page.id::<Invite>()? {
        found = found.filter(table::id.lt(last));
    }
    let invites = found.load(conn)?.into_iter().map(|row| Ok(Invite::from(row)));
    Page::fill(invites, page, |invite: &Invite| invite.id.to_string())
}

pub fn revoke(tx: &mut Tx<'_>, ctx: &Ctx, invite: InviteId) -> Result<()> {
    let open = table::table.find(invite).filter(table::revoked_at.is_null());
    let revoked = diesel::update(open).set(table::revoked_at.eq(ctx.now)).execute(tx.conn)?;
    if revoked == 0 {
        return Err(INVITE_UNKNOWN.into());
    }
    audit::record(tx, ctx, &Entry::new("invite.revoked").on(Target::of("invite", invite)))
}
