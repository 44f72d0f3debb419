//! Who comes, who goes, and who does what.

use clowder_core::{Ctx, Result, UserId, Word};
use clowder_social::{
    Prose,
    groups::{
        Change, GroupId, Joined, Member, NewGroupBan, Role, Standing,
        change::{Asked, Decided, Removed, Unwanted},
        model::Verb,
        policy::{self, Place, Way},
        refusals::{GROUP_REQUESTS_TODAY, MEMBER_UNKNOWN, REQUEST_UNKNOWN},
    },
};
use diesel::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    super::{
        blocks,
        cards::Cards,
        db::Tx,
        dialect::Conn,
        idempotency::Stub,
        messaging::{
            change,
            membership::{self, SystemAction, Told as InChat},
        },
        people::Viewer,
    },
    attempts::{self, Kind},
    invites, read,
    told::{Told, about_member, in_chat, staff, tell},
    writes::{self, Entry, Held, enter, forget, hold, is_there, put},
};
use crate::domains::groups::{GroupRow, PersonRow, group_people, groups};

/// What is stored of joining: what it did, and the group.
#[derive(Serialize, Deserialize)]
pub struct Stored {
    did: Did,
    group: GroupId,
}

#[derive(Serialize, Deserialize)]
enum Did {
    New,
    Already,
    Asked,
}

impl Stub for Stored {}

impl Stored {
    pub fn of(joined: &Joined) -> Self {
        let (did, group) = match joined {
            Joined::New(group) => (Did::New, group),
            Joined::Already(group) => (Did::Already, group),
            Joined::Asked(group) => (Did::Asked, group),
        };
        Self { did, group: group.id }
    }

    /// The same, with the group as the caller sees it now.
    pub fn again(self, tx: &mut Tx<'_>, ctx: &Ctx) -> Result<Joined> {
        let group = read::one(tx.conn, Viewer::of(ctx)?, self.group)?;
        Ok(match self.did {
            Did::New => Joined::New(group),
            Did::Already => Joined::Already(group),
            Did::Asked => Joined::Asked(group),
        })
    }
}

pub fn join(tx: &mut Tx<'_>, ctx: &Ctx, group: GroupId) -> Result<Joined> {
    let held = hold(tx, ctx, group, &[])?;
    come_in(tx, ctx, held, false)
}

/// Lets the caller in, by a link or without, or notes that they ask.
pub fn come_in(tx: &mut Tx<'_>, ctx: &Ctx, held: Held, by_link: bool) -> Result<Joined> {
    let Held { caller, row, place } = held;
    let viewer = Viewer::of(ctx)?;
    let (group, room) = (row.id, writes::room(tx, &row, caller)?);
    let way = policy::join(row.visibility()?, place, by_link, room)?;
    match way {
        Way::Stay if place.is_member() => Ok(Joined::Already(read::as_seen(tx.conn, viewer, row, place)?)),
        Way::Stay => Ok(Joined::Asked(read::as_seen(tx.conn, viewer, row, place)?)),
        Way::Enter => {
            // Whoever was invited does not come in by themselves.
            if place.standing.is_none() && attempts::comes_too_often(tx.conn, ctx, group, caller)? {
                return Err(GROUP_REQUESTS_TODAY.into());
            }
            let told = enter(tx, ctx, &row, caller, Role::Member)?;
            tell(tx, ctx, &told)?;
            Ok(Joined::New(read::one(tx.conn, Viewer::of(ctx)?, group)?))
        }
        Way::Ask => {
            policy::may_ask(ctx.now, attempts::ask_facts(tx.conn, ctx, group, caller)?)?;
            put(tx.conn, ctx, group, caller, Place::of(Standing::Pending).into())?;
            attempts::note(tx.conn, ctx, Kind::Request, group, &[caller], caller)?;
            let asked = Asked { group_id: group, user_id: caller };
            let staff = staff(tx.conn, group, &[])?;
            // Nobody hears of a request across a block; others decide, or whoever looks at the list.
            let blocked = blocks::either_way(tx.conn, caller, &staff)?;
            let staff = staff.into_iter().filter(|user| !blocked.contains(user));
            let told: Vec<_> = staff.map(|user| Told::Group(Change::Requested(user, asked))).collect();
            tell(tx, ctx, &told)?;
            Ok(Joined::Asked(read::as_seen(tx.conn, viewer, row, Place::of(Standing::Pending))?))
        }
    }
}

pub fn leave(tx: &mut Tx<'_>, ctx: &Ctx, group: GroupId) -> Result<()> {
    let Held { caller, row, place } = hold(tx, ctx, group, &[])?;
    policy::may_leave(place)?;
    match place.standing {
        Some(Standing::Member) => {
            let told = take_out(tx, ctx, &row, caller, caller)?;
            forget(tx, group, caller)?;
            tell(tx, ctx, &told)
        }
        Some(Standing::Pending) => {
            forget(tx, group, caller)?;
            let told = attempts::decided(tx.conn, group, caller, Decided::Cancel)?;
            tell(tx, ctx, &told)
        }
        Some(Standing::Invited) => {
            forget(tx, group, caller)?;
            attempts::refused(tx.conn, ctx, Kind::Invitation, group, caller)?;
            let told = attempts::uninvited(tx.conn, group, caller, Unwanted::Declined)?;
            tell(tx, ctx, &told)
        }
        Some(Standing::Banned) | None => Ok(()),
    }
}

/// Takes a member out of the count and the chat of a held group, with the links that they have made; their row is the
/// caller's business.
pub fn take_out(tx: &mut Tx<'_>, ctx: &Ctx, row: &GroupRow, user: UserId, by: UserId) -> Result<Vec<Told>> {
    invites::revoke_of(tx, ctx, row.id, user)?;
    let counted = groups::member_count.eq(groups::member_count - 1);
    diesel::update(groups::table.find(row.id)).set(counted).execute(tx.conn)?;
    let (action, people) =
        if user == by { (SystemAction::Left, Vec::new()) } else { (SystemAction::Removed, vec![user]) };
    // Before they are out, so that it is the last that they receive.
    let note = membership::note(tx, ctx, row.chat_id, by, action, people)?;
    let chat = membership::remove(tx, row.chat_id, &[user], Some(by), InChat::Participant)?;
    let removed = Removed { group_id: row.id, user_id: user, removed_by: by };
    let mut told =
        about_member(tx.conn, row.id, row.member_count, user, |audience| Change::MemberRemoved(audience, removed))?;
    told.extend(note.into_iter().chain(chat).map(Told::Chat));
    Ok(told)
}

pub fn set_role(tx: &mut Tx<'_>, ctx: &Ctx, group: GroupId, user: UserId, role: Role) -> Result<Member> {
    let held = hold(tx, ctx, group, &[user])?;
    let target = read::place(tx.conn, ctx.now, group, user)?;
    policy::may_set_role(held.place, target, role)?;
    if target.role != Some(role) {
        change(tx, ctx, held.row.chat_id)?;
        if role < Role::Moderator {
            invites::revoke_of(tx, ctx, group, user)?;
        }
        let mut told = writes::set_role(tx, ctx, &held.row, user, role)?;
        // In the chat, admins and moderators of the group have the same role.
        if target.role.map(in_chat) != Some(in_chat(role)) {
            let note = membership::note_role(tx, ctx, held.row.chat_id, held.caller, user, in_chat(role))?;
            told.extend(note.map(Told::Chat));
        }
        tell(tx, ctx, &told)?;
    }
    let row: PersonRow = group_people::table.find((group, user)).select(PersonRow::as_select()).first(tx.conn)?;
    read::member(ctx.now, &row, Cards::of(tx.conn, None, [user])?.card(user)?, None)
}

pub fn remove(tx: &mut Tx<'_>, ctx: &Ctx, group: GroupId, user: UserId) -> Result<()> {
    let Held { caller, row, place } = hold(tx, ctx, group, &[user])?;
    let target = read::place(tx.conn, ctx.now, group, user)?;
    if user == caller && target.is_member() {
        policy::may_leave(place)?;
    } else {
        policy::may_remove(place, target)?;
    }
    // Whoever leaves needs nobody's leave.
    if user != caller {
        change(tx, ctx, row.chat_id)?;
    }
    // It is a member or somebody who is invited.
    let told = match target.is_member() {
        true => take_out(tx, ctx, &row, user, caller)?,
        false => attempts::uninvited(tx.conn, group, user, Unwanted::Withdrawn)?,
    };
    forget(tx, group, user)?;
    tell(tx, ctx, &told)
}

pub fn decide(tx: &mut Tx<'_>, ctx: &Ctx, group: GroupId, user: UserId, action: Verb) -> Result<()> {
    let held = hold(tx, ctx, group, &[user])?;
    policy::may_admit(held.place)?;
    if read::place(tx.conn, ctx.now, group, user)?.standing != Some(Standing::Pending) {
        return Err(REQUEST_UNKNOWN.into());
    }
    match action {
        Verb::Approve => {
            policy::fits(writes::room(tx, &held.row, user)?)?;
            let mut told = attempts::decided(tx.conn, group, user, Decided::Approve)?;
            told.extend(enter(tx, ctx, &held.row, user, Role::Member)?);
            tell(tx, ctx, &told)
        }
        Verb::Reject => {
            forget(tx, group, user)?;
            attempts::refused(tx.conn, ctx, Kind::Request, group, user)?;
            let told = attempts::decided(tx.conn, group, user, Decided::Reject)?;
            tell(tx, ctx, &told)
        }
    }
}

pub fn ban(tx: &mut Tx<'_>, ctx: &Ctx, group: GroupId, user: UserId, new: NewGroupBan) -> Result<()> {
    let Held { caller, row, place } = hold(tx, ctx, group, &[user])?;
    let target = read::place(tx.conn, ctx.now, group, user)?;
    let bans = writes::count(tx.conn, ctx.now, group, Standing::Banned)?;
    policy::may_ban(place, target, bans)?;
    // Whoever has nothing to do with the group must be somebody whom the caller can know.
    let is_known = target.standing.is_some() || is_visible(tx.conn, ctx, user)?;
    if !is_known || !is_there(tx.conn, user)? {
        return Err(MEMBER_UNKNOWN.into());
    }
    change(tx, ctx, row.chat_id)?;
    let reason = new.reason.map(Prose::into_string);
    let told = match target.standing {
        Some(Standing::Banned) => {
            if let Some(reason) = reason {
                let one = group_people::table.find((group, user));
                diesel::update(one).set(group_people::reason.eq(reason)).execute(tx.conn)?;
                tx.deleted_text = true;
            }
            return Ok(());
        }
        Some(Standing::Member) => take_out(tx, ctx, &row, user, caller)?,
        // They learn that they are banned only if they try again.
        Some(Standing::Pending) => attempts::decided(tx.conn, group, user, Decided::Reject)?,
        Some(Standing::Invited) => attempts::uninvited(tx.conn, group, user, Unwanted::Withdrawn)?,
        None => Vec::new(),
    };
    put(tx.conn, ctx, group, user, Entry { reason, ..Place::of(Standing::Banned).into() })?;
    tell(tx, ctx, &told)
}

fn is_visible(conn: &mut Conn, ctx: &Ctx, user: UserId) -> Result<bool> {
    use super::super::people::{Viewer, visible_to};
    use crate::domains::accounts::users;
    let seen = users::table.filter(users::id.eq(user)).filter(visible_to(Viewer::of(ctx)?)).select(users::id);
    Ok(seen.first::<UserId>(conn).optional()?.is_some())
}

pub fn unban(tx: &mut Tx<'_>, ctx: &Ctx, group: GroupId, user: UserId) -> Result<()> {
    let held = hold(tx, ctx, group, &[user])?;
    policy::may_admit(held.place)?;
    change(tx, ctx, held.row.chat_id)?;
    let banned = group_people::table.find((group, user)).filter(group_people::status.eq(Standing::Banned.as_str()));
    tx.deleted_text |= diesel::delete(banned).execute(tx.conn)? > 0;
    Ok(())
}
