//! Inviting people, and links by which they come.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clowder_core::{Ctx, Page, PageRequest, Result, Timestamp, UserId, Word};
use clowder_social::groups::{
    Change, GroupId, Invite, InviteId, Invited, Joined, NewGroupInvite, Preview, Standing,
    change::Invitation,
    model::Code,
    policy::{self, InviteFacts, Known, OPEN_FOR, Place},
    refusals::{GROUP_BANNED, GROUP_UNKNOWN, INVITE_GONE, INVITE_UNKNOWN},
};
use diesel::{dsl::count_star, prelude::*};
use serde::{Deserialize, Serialize};

use super::{
    super::{
        blocks,
        db::Tx,
        dialect::Conn,
        idempotency::Stub,
        people::{Viewer, visible_to},
        upkeep::forget,
    },
    attempts::{self, Kind},
    people::come_in,
    read,
    told::{Told, staff, tell},
    writes::{self, Entry, Held, hold, hold_any, put},
};
use crate::{
    domains::{
        accounts::users,
        groups::{LinkRow, PersonRow, group_links as table, group_people},
    },
    keys::{random, sha256},
};

/// How long a link that is over is still known, so that whoever has it learns that it is gone.
const KNOWN_FOR: Duration = Duration::from_secs(30 * 24 * 3600);
/// How many links are forgotten when one is made, at most.
const PIECE: i64 = 200;

/// Deletes links that have been over for long.
pub fn sweep(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<usize> {
    let past = ctx.now.minus(KNOWN_FOR);
    Ok(forget!(tx, table by id: InviteId, table::revoked_at.le(past).or(table::expires_at.le(past))))
}

/// What is stored of inviting: the link with its code, which cannot be issued a second time, and nothing about others.
#[derive(Serialize, Deserialize)]
pub struct Stored {
    link: Option<InviteId>,
    code: Option<String>,
}

impl Stub for Stored {}

impl Stored {
    pub fn of(invited: &Invited) -> Self {
        let link = invited.link.as_ref().map(|link| link.id);
        Self { link, code: invited.code.clone() }
    }

    /// The link as it is now, or who of those people is invited now; for whoever may still invite.
    pub fn again(self, tx: &mut Tx<'_>, ctx: &Ctx, group: GroupId, new: &NewGroupInvite) -> Result<Invited> {
        let (_, place) = read::seen(tx.conn, ctx.now, ctx.user()?, group)?;
        policy::may_admit(place)?;
        let link = match self.link {
            Some(id) => Some(load(tx.conn, id)?.ok_or(INVITE_UNKNOWN)?.into()),
            None => None,
        };
        let invited = group_people::group_id.eq(group).and(group_people::status.eq(Standing::Invited.as_str()));
        let wanted = new.user_ids.as_deref().unwrap_or_default();
        let invited = group_people::table.filter(invited).filter(group_people::user_id.eq_any(wanted));
        let invited: Vec<UserId> = invited.select(group_people::user_id).load(tx.conn)?;
        let user_ids = wanted.iter().filter(|user| invited.contains(user)).copied().collect();
        Ok(Invited { user_ids, link, code: self.code })
    }
}

fn load(conn: &mut Conn, id: InviteId) -> Result<Option<LinkRow>> {
    Ok(table::table.find(id).select(LinkRow::as_select()).first(conn).optional()?)
}

pub fn invite(tx: &mut Tx<'_>, ctx: &Ctx, group: GroupId, new: &NewGroupInvite) -> Result<Invited> {
    let held = hold(tx, ctx, group, new.user_ids.as_deref().unwrap_or_default())?;
    policy::may_admit(held.place)?;
    match &new.user_ids {
        Some(wanted) => invite_people(tx, ctx, &held, wanted),
        None => make_link(tx, ctx, &held, new),
    }
}

fn invite_people(tx: &mut Tx<'_>, ctx: &Ctx, held: &Held, wanted: &[UserId]) -> Result<Invited> {
    let (group, inviter) = (held.row.id, held.caller);
    let seen: Vec<UserId> = users::table
        .filter(users::id.eq_any(wanted))
        .filter(visible_to(Viewer::of(ctx)?))
        .select(users::id)
        .load(tx.conn)?;
    // Staff see people who have blocked them, and do not invite them.
    let blocked = blocks::either_way(tx.conn, inviter, &seen)?;
    let seen: Vec<UserId> = seen.into_iter().filter(|user| !blocked.contains(user)).collect();
    let rows: Vec<PersonRow> = group_people::table
        .filter(group_people::group_id.eq(group).and(group_people::user_id.eq_any(wanted)))
        .select(PersonRow::as_select())
        .load(tx.conn)?;
    let place =
        |user: &UserId| rows.iter().find(|row| row.user_id == *user).map_or(Ok(Place::NONE), |row| row.place(ctx.now));
    let declined = attempts::last_refused(tx.conn, Kind::Invitation, group, &seen)?;
    let today = attempts::invited_each(tx.conn, ctx, inviter, &seen)?;
    let known = |user: &UserId| -> Result<Known> {
        let today = today.get(user).copied().unwrap_or(0);
        Ok(Known { place: place(user)?, declined_at: declined.get(user).copied(), today })
    };
    let people: Vec<(UserId, Known)> = seen.iter().map(|user| Ok((*user, known(user)?))).collect::<Result<_>>()?;
    let facts = InviteFacts {
        inviter,
        invited: writes::count(tx.conn, ctx.now, group, Standing::Invited)?,
        today: attempts::invited_today(tx.conn, ctx, inviter)?,
        people,
    };
    let user_ids = policy::invite(ctx.now, wanted, &facts)?;
    let asked = |user: &UserId| {
        facts.people.iter().any(|(id, known)| id == user && known.place.standing == Some(Standing::Pending))
    };
    attempts::note(tx.conn, ctx, Kind::Invitation, group, &user_ids, inviter)?;
    let staff = staff(tx.conn, group, &[])?;
    let mut told = Vec::new();
    for user in &user_ids {
        put(tx.conn, ctx, group, *user, Entry { invited_by: Some(inviter), ..Place::of(Standing::Invited).into() })?;
        let expires_at = ctx.now.plus(OPEN_FOR);
        let invitation = Invitation { group_id: group, user_id: *user, invited_by: inviter, expires_at };
        // Whoever asked disappears from the list of requests.
        let to = staff.iter().filter(|_| asked(user)).chain([user]);
        told.extend(to.map(|to| Told::Group(Change::Invited(*to, invitation))));
    }
    tell(tx, ctx, &told)?;
    Ok(Invited { user_ids, link: None, code: None })
}

/// Revokes the links that somebody has made, because they may not make links any more.
pub fn revoke_of(tx: &mut Tx<'_>, ctx: &Ctx, group: GroupId, maker: UserId) -> Result<()> {
    let own = table::group_id.eq(group).and(table::created_by.eq(maker)).and(table::revoked_at.is_null());
    diesel::update(table::table.filter(own)).set(table::revoked_at.eq(ctx.now)).execute(tx.conn)?;
    Ok(())
}

/// Revokes all links of a group, so that nobody comes by one who does not see it.
pub fn revoke_all(tx: &mut Tx<'_>, ctx: &Ctx, group: GroupId) -> Result<()> {
    let open = table::table.filter(table::group_id.eq(group).and(table::revoked_at.is_null()));
    diesel::update(open).set(table::revoked_at.eq(ctx.now)).execute(tx.conn)?;
    Ok(())
}

/// Forgets the oldest links of a group that are over, so that making and revoking does not fill the table.
fn forget_old(tx: &mut Tx<'_>, ctx: &Ctx, group: GroupId) -> Result<()> {
    let over = table::table
        .filter(table::group_id.eq(group))
        .filter(
            table::revoked_at
                .is_not_null()
                .or(table::expires_at.le(ctx.now))
                .or(table::uses.nullable().ge(table::max_uses)),
        )
        .order(table::id.desc());
    let oldest: Vec<InviteId> = over.select(table::id).offset(policy::MOST_LINKS).limit(PIECE).load(tx.conn)?;
    diesel::delete(table::table.filter(table::id.eq_any(oldest))).execute(tx.conn)?;
    Ok(())
}

fn make_link(tx: &mut Tx<'_>, ctx: &Ctx, held: &Held, new: &NewGroupInvite) -> Result<Invited> {
    let open = table::table
        .filter(table::group_id.eq(held.row.id).and(table::revoked_at.is_null()))
        .filter(table::expires_at.is_null().or(table::expires_at.gt(ctx.now)))
        .filter(table::max_uses.is_null().or(table::uses.nullable().lt(table::max_uses)));
    policy::may_link(ctx.now, new, open.select(count_star()).first(tx.conn)?)?;
    forget_old(tx, ctx, held.row.id)?;
    let mut octets = [0; 16];
    random(&mut octets)?;
    let code = URL_SAFE_NO_PAD.encode(octets);
    let link = Invite {
        id: InviteId::new(ctx.now),
        group_id: held.row.id,
        created_by: held.caller,
        max_uses: new.max_uses.map(|uses| uses.0),
        uses: 0,
        created_at: ctx.now,
        expires_at: new.expires_at,
        revoked_at: None,
    };
    let row = (
        table::id.eq(link.id),
        table::group_id.eq(link.group_id),
        table::code_hash.eq(sha256(code.as_bytes()).to_vec()),
        table::created_by.eq(link.created_by),
        table::max_uses.eq(link.max_uses),
        table::uses.eq(0),
        table::created_at.eq(link.created_at),
        table::expires_at.eq(link.expires_at),
    );
    diesel::insert_into(table::table).values(row).execute(tx.conn)?;
    Ok(Invited { user_ids: Vec::new(), link: Some(link), code: Some(code) })
}

pub fn list(
    conn: &mut Conn,
    now: Timestamp,
    viewer: UserId,
    group: GroupId,
    page: &PageRequest,
) -> Result<Page<Invite>> {
    let (_, place) = read::seen(conn, now, viewer, group)?;
    policy::may_admit(place)?;
    let mut found = table::table
        .filter(table::group_id.eq(group))
        .order(table::id.desc())
        .limit(page.fetch())
        .select(LinkRow::as_select())
        .into_boxed();
    if let Some(last) = page.id()? {
        let last: InviteId = last;
        found = found.filter(table::id.lt(last));
    }
    let links = found.load(conn)?.into_iter().map(|row: LinkRow| Ok(Invite::from(row)));
    Page::fill(links, page, |link: &Invite| link.id.to_string())
}

pub fn revoke(tx: &mut Tx<'_>, ctx: &Ctx, group: GroupId, invite: InviteId) -> Result<()> {
    let held = hold(tx, ctx, group, &[])?;
    policy::may_admit(held.place)?;
    load(tx.conn, invite)?.filter(|link| link.group_id == group).ok_or(INVITE_UNKNOWN)?;
    let open = table::table.find(invite).filter(table::revoked_at.is_null());
    diesel::update(open).set(table::revoked_at.eq(ctx.now)).execute(tx.conn)?;
    Ok(())
}

/// The link with this code, and its group.
fn find(conn: &mut Conn, code: &Code) -> Result<(InviteId, GroupId)> {
    let hash = sha256(code.expose().as_bytes()).to_vec();
    let found = table::table.filter(table::code_hash.eq(hash)).select((table::id, table::group_id));
    Ok(found.first(conn).optional()?.ok_or(INVITE_UNKNOWN)?)
}

/// What whoever has the code would join.
pub fn preview(conn: &mut Conn, now: Timestamp, viewer: UserId, code: &Code) -> Result<Preview> {
    let (id, group) = find(conn, code)?;
    let row = read::row(conn, group)?.ok_or(INVITE_GONE)?;
    let place = read::place(conn, now, group, viewer)?;
    if place.standing == Some(Standing::Banned) {
        return Err(GROUP_BANNED.into());
    }
    let link = load(conn, id)?.ok_or(INVITE_UNKNOWN)?;
    if !place.is_member() {
        policy::is_open(now, link.facts())?;
    }
    Ok(Preview {
        visibility: row.visibility()?,
        group_id: row.id,
        name: row.name,
        description: row.description,
        member_count: row.member_count,
        my_role: place.shown(),
        expires_at: link.expires_at,
    })
}

pub fn join(tx: &mut Tx<'_>, ctx: &Ctx, code: &Code) -> Result<Joined> {
    let (id, group) = find(tx.conn, code)?;
    // The lock of the group orders everybody who uses the link.
    let held = hold_any(tx, ctx, group, &[]).map_err(|error| match error {
        clowder_core::Error::Refused(GROUP_UNKNOWN) => INVITE_GONE.into(),
        error => error,
    })?;
    let link = load(tx.conn, id)?.ok_or(INVITE_UNKNOWN)?;
    if !held.place.is_member() {
        policy::is_open(ctx.now, link.facts())?;
        // Before the changes are appended; a join that is refused takes it back.
        diesel::update(table::table.find(id)).set(table::uses.eq(table::uses + 1)).execute(tx.conn)?;
    }
    come_in(tx, ctx, held, true)
}
