//! People who are not in a chat, but on the way into it: invited, or waiting to be let in.

use clowder_core::{ChatId, Ctx, Page, PageRequest, Result, Timestamp, UserId, Word};
use clowder_messaging::{
    Change, Chat, ChatRole, ChatType,
    change::{Decided, Decision, Invited, Requested, Uninvited, Unwanted},
    invitations::{
        self as rules, AnswerVerb, Guest, Invitation, InviteFacts, Invites, Known, LinkId, MOST_TOLD, NewInvite,
        OPEN_FOR, Reach, Standing, VerdictVerb, is_over,
    },
    policy::{Action, allow},
    refusals::{CHAT_UNKNOWN, INVITATION_UNKNOWN, REQUEST_UNKNOWN},
};
use diesel::{
    dsl::{count_star, exists},
    prelude::*,
};

use super::{
    super::{
        among::AmongIds,
        blocks,
        cards::Cards,
        chats::{
            edit::tell,
            hold::{Held, IS_STAFF, hold, hold_any, is_alive},
        },
        db::Tx,
        dialect::Conn,
        messaging::{messages::Membership, wanted},
        moderation::sanctions,
        participants::writes::{come_in, enter, fits, participants_of},
        people::{Tie, Viewer, visible_to},
    },
    attempts::{self, Kind},
};
use crate::domains::{
    accounts::users,
    messaging::{FaceRow, GuestRow, chat_guests as table, chats, participants},
};

/// How somebody who is not in a chat stands to it, unless that is over.
pub fn standing(conn: &mut Conn, now: Timestamp, chat: ChatId, user: UserId) -> Result<Option<GuestRow>> {
    let row: Option<GuestRow> = table::table.find((chat, user)).select(GuestRow::as_select()).first(conn).optional()?;
    Ok(row.filter(|row| !is_over(now, row.since)))
}

pub fn standing_of(row: Option<&GuestRow>) -> Result<Option<Standing>> {
    row.map(|row| Standing::parse_word(&row.status)).transpose()
}

/// How many stand to a chat like this.
pub fn count(conn: &mut Conn, now: Timestamp, chat: ChatId, standing: Standing) -> Result<i64> {
    let some = table::table.filter(table::chat_id.eq(chat).and(table::status.eq(standing.as_str())));
    Ok(some.filter(table::since.gt(now.minus(OPEN_FOR))).select(count_star()).first(conn)?)
}

/// How somebody stands to a chat from now on.
fn put(conn: &mut Conn, guest: &GuestRow) -> Result<()> {
    let values = (
        table::status.eq(guest.status.clone()),
        table::role.eq(guest.role.clone()),
        table::invited_by.eq(guest.invited_by),
        table::since.eq(guest.since),
        table::link_id.eq(guest.link_id),
    );
    diesel::insert_into(table::table)
        .values((table::chat_id.eq(guest.chat_id), table::user_id.eq(guest.user_id), values.clone()))
        .on_conflict((table::chat_id, table::user_id))
        .do_update()
        .set(values)
        .execute(conn)?;
    Ok(())
}

/// Those who run a chat, except these, the longest-serving first.
pub fn staff(conn: &mut Conn, chat: ChatId, but: &[UserId]) -> Result<Vec<UserId>> {
    some_staff(conn, chat, but, MOST_TOLD)
}

/// So many of them.
pub fn some_staff(conn: &mut Conn, chat: ChatId, but: &[UserId], most: i64) -> Result<Vec<UserId>> {
    Ok(participants::table
        .filter(participants::chat_id.eq(chat))
        .filter(IS_STAFF)
        .filter(participants::user_id.ne_all(but))
        .order((participants::joined_at, participants::user_id))
        .limit(most)
        .select(participants::user_id)
        .load(conn)?)
}

/// Tells whoever asked, and those who decide, how a request ended.
pub fn decided(conn: &mut Conn, chat: ChatId, user: UserId, action: Decided) -> Result<Vec<Change>> {
    let decision = Decision { chat_id: chat, user_id: user, action };
    let to = staff(conn, chat, &[user])?.into_iter().chain([user]);
    Ok(to.map(|to| Change::Decided(to, decision)).collect())
}

/// Tells whoever was invited, and those who decide, how an invitation ended.
pub fn uninvited(conn: &mut Conn, chat: ChatId, user: UserId, reason: Unwanted) -> Result<Vec<Change>> {
    let uninvited = Uninvited { chat_id: chat, user_id: user, reason };
    let to = staff(conn, chat, &[user])?.into_iter().chain([user]);
    Ok(to.map(|to| Change::Uninvited(to, uninvited)).collect())
}

/// Ends the request or the invitation of somebody in a held chat as if its time were over.
pub fn end_open(tx: &mut Tx<'_>, row: &GuestRow) -> Result<Vec<Change>> {
    let (chat, user) = (row.chat_id, row.user_id);
    diesel::delete(table::table.find((chat, user))).execute(tx.conn)?;
    match Standing::parse_word(&row.status)? {
        Standing::Pending => decided(tx.conn, chat, user, Decided::Expire),
        Standing::Invited => uninvited(tx.conn, chat, user, Unwanted::Expired),
    }
}

/// Ends some of the requests and invitations to a deleted chat that nobody runs any more; `None` if there are none left.
pub fn end_some(tx: &mut Tx<'_>, chat: ChatId, most: i64) -> Result<Option<Vec<Change>>> {
    let some = table::table.filter(table::chat_id.eq(chat)).limit(most).select(GuestRow::as_select());
    let some: Vec<GuestRow> = some.load(tx.conn)?;
    if some.is_empty() {
        return Ok(None);
    }
    let users: Vec<UserId> = some.iter().map(|row| row.user_id).collect();
    diesel::delete(table::table.filter(table::chat_id.eq(chat).and(table::user_id.among(&users)))).execute(tx.conn)?;
    let told = some.iter().map(|row| {
        let (chat_id, user_id) = (chat, row.user_id);
        Ok(match Standing::parse_word(&row.status)? {
            Standing::Pending => Change::Decided(user_id, Decision { chat_id, user_id, action: Decided::Expire }),
            Standing::Invited => {
                Change::Uninvited(user_id, Uninvited { chat_id, user_id, reason: Unwanted::Withdrawn })
            }
        })
    });
    told.collect::<Result<_>>().map(Some)
}

/// Whose open invitations end.
pub enum Inviters {
    One(UserId),
    /// Everybody but these.
    Others(Vec<UserId>),
}

/// Ends invitations to a held chat, because those who made them may not give what these give any more. There may be many,
/// so only those who were invited are told.
pub fn withdraw_of(tx: &mut Tx<'_>, chat: ChatId, inviters: Inviters) -> Result<Vec<Change>> {
    let open = table::table.filter(table::chat_id.eq(chat).and(table::status.eq(Standing::Invited.as_str())));
    let guests: Vec<UserId> = match inviters {
        Inviters::One(by) => open.filter(table::invited_by.eq(by)).select(table::user_id).load(tx.conn)?,
        Inviters::Others(but) => open.filter(table::invited_by.ne_all(but)).select(table::user_id).load(tx.conn)?,
    };
    diesel::delete(table::table.filter(table::chat_id.eq(chat).and(table::user_id.among(&guests)))).execute(tx.conn)?;
    let told = guests
        .into_iter()
        .map(|user_id| Change::Uninvited(user_id, Uninvited { chat_id: chat, user_id, reason: Unwanted::Withdrawn }));
    Ok(told.collect())
}

pub fn invite(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, new: &NewInvite) -> Result<Invites> {
    let wanted = new.people();
    let Held { caller, seat, .. } = hold(tx, ctx, chat, wanted)?;
    let seen: Vec<UserId> = users::table
        .filter(users::id.eq_any(wanted))
        .filter(visible_to(Viewer::of(ctx)?))
        .select(users::id)
        .load(tx.conn)?;
    // Staff see people who have blocked them, and do not invite them.
    let blocked = blocks::either_way(tx.conn, caller, &seen)?;
    let seen: Vec<UserId> = seen.into_iter().filter(|user| !blocked.contains(user)).collect();
    let rows: Vec<GuestRow> = table::table
        .filter(table::chat_id.eq(chat).and(table::user_id.eq_any(wanted)))
        .filter(table::since.gt(ctx.now.minus(OPEN_FOR)))
        .select(GuestRow::as_select())
        .load(tx.conn)?;
    let declined = attempts::last_refused(tx.conn, Kind::Invitation, chat, &seen)?;
    let today = attempts::invited_each(tx.conn, ctx, caller, &seen)?;
    let banned = sanctions::banned(tx.conn, ctx.now, chat, &seen)?;
    let known = |user: &UserId| -> Result<Known> {
        let standing = standing_of(rows.iter().find(|row| row.user_id == *user))?;
        let today = today.get(user).copied().unwrap_or(0);
        Ok(Known { standing, declined_at: declined.get(user).copied(), today, banned: banned.contains(user) })
    };
    let present = participants_of(tx.conn, chat, wanted)?;
    let facts = InviteFacts {
        now: ctx.now,
        inviter: caller,
        people: seen.iter().map(|user| Ok((*user, known(user)?))).collect::<Result<_>>()?,
        present: present.into_iter().map(|participant| participant.user.id).collect(),
        invited: count(tx.conn, ctx.now, chat, Standing::Invited)?,
        today: attempts::invited_today(tx.conn, ctx, caller)?,
        unwilling: wanted::want_nobody(tx.conn, Viewer::of(ctx)?, &seen)?,
    };
    let (user_ids, role) = rules::invite(seat, new, &facts)?;
    attempts::note(tx.conn, ctx, Kind::Invitation, chat, &user_ids, caller)?;
    let staff = staff(tx.conn, chat, &[])?;
    let mut changes = Vec::new();
    for user in &user_ids {
        let guest = GuestRow {
            chat_id: chat,
            user_id: *user,
            status: Standing::Invited.as_str().to_owned(),
            role: role.as_str().to_owned(),
            invited_by: Some(caller),
            since: ctx.now,
            link_id: None,
        };
        put(tx.conn, &guest)?;
        let expires_at = ctx.now.plus(OPEN_FOR);
        let invited = Invited { chat_id: chat, user_id: *user, invited_by: caller, expires_at };
        // Whoever asked disappears from the list of requests.
        let asked = facts.people.iter().any(|(id, known)| id == user && known.standing == Some(Standing::Pending));
        changes.extend(staff.iter().filter(|_| asked).chain([user]).map(|to| Change::Invited(*to, invited)));
    }
    tell(tx, ctx, &changes)?;
    Ok(Invites { user_ids, link: None, code: None })
}

pub fn list(
    conn: &mut Conn,
    now: Timestamp,
    viewer: UserId,
    chat: ChatId,
    standing: Standing,
    page: &PageRequest,
) -> Result<Page<Guest>> {
    let membership = Membership::of(conn, chat, viewer)?.ok_or(CHAT_UNKNOWN)?;
    let reach = if standing == Standing::Invited {
        rules::reach(membership.seat)?
    } else {
        allow(membership.seat, Action::Admit)?;
        Reach::All
    };
    let mut query = table::table
        .filter(table::chat_id.eq(chat).and(table::status.eq(standing.as_str())))
        .filter(table::since.gt(now.minus(OPEN_FOR)))
        .order((table::since, table::user_id))
        .limit(page.fetch())
        .select(GuestRow::as_select())
        .into_boxed();
    if reach == Reach::Own {
        query = query.filter(table::invited_by.eq(viewer));
    }
    if let Some((at, id)) = page.moment()? {
        let id: UserId = id;
        query = query.filter(table::since.gt(at).or(table::since.eq(at).and(table::user_id.gt(id))));
    }
    let rows: Vec<GuestRow> = query.load(conn)?;
    let cards = Cards::of(conn, None, rows.iter().map(|row| row.user_id))?;
    let guests = rows.into_iter().map(|row| {
        Ok(Guest {
            user: cards.card(row.user_id)?,
            role: ChatRole::parse_word(&row.role)?,
            invited_by: row.invited_by,
            since: row.since,
            expires_at: row.since.plus(OPEN_FOR),
        })
    });
    Page::fill(guests, page, |guest: &Guest| Page::<()>::place(guest.since, guest.user.id))
}

/// The users who have invited the viewer to a chat, and who wait for or are invited to one that the viewer runs.
pub fn met_by(viewer: Viewer) -> Tie {
    let open = table::table.inner_join(chats::table).filter(chats::deleted_at.is_null());
    let open = open.filter(table::since.gt(viewer.now.minus(OPEN_FOR)));
    let inviting = table::user_id.eq(viewer.id).and(table::invited_by.eq(users::id.nullable()));
    let inviting = open.filter(inviting).filter(table::status.eq(Standing::Invited.as_str()));
    let run = participants::table.filter(participants::user_id.eq(viewer.id)).filter(IS_STAFF);
    let run = run.select(participants::chat_id);
    let concerned = open.filter(table::user_id.eq(users::id).and(table::chat_id.eq_any(run)));
    Box::new(exists(inviting).or(exists(concerned)))
}

pub fn withdraw(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, user: UserId) -> Result<()> {
    let held = hold(tx, ctx, chat, &[user])?;
    let invited = table::table.find((chat, user)).filter(table::status.eq(Standing::Invited.as_str()));
    if rules::reach(held.seat)? == Reach::Own {
        // What others have made is refused like what there is not.
        let own = exists(invited.filter(table::invited_by.eq(held.caller)));
        if !diesel::select(own).get_result::<bool>(tx.conn)? {
            allow(held.seat, Action::Admit)?;
        }
    }
    if diesel::delete(invited).execute(tx.conn)? == 0 {
        return Ok(());
    }
    let changes = uninvited(tx.conn, chat, user, Unwanted::Withdrawn)?;
    tell(tx, ctx, &changes)
}

pub fn decide(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, user: UserId, verb: VerdictVerb) -> Result<()> {
    let Held { row, seat, .. } = hold(tx, ctx, chat, &[user])?;
    let guest = standing(tx.conn, ctx.now, chat, user)?;
    rules::may_decide(seat, standing_of(guest.as_ref())?)?;
    let changes = match (verb, guest) {
        (VerdictVerb::Approve, Some(guest)) => {
            let role = rules::admitted(seat, ChatRole::parse_word(&guest.role)?);
            if !is_alive(tx.conn, user)? {
                return Err(REQUEST_UNKNOWN.into());
            }
            fits(tx, ctx, &row, user, role)?;
            let mut changes = decided(tx.conn, chat, user, Decided::Approve)?;
            changes.extend(enter(tx, ctx, &row, user, &[user], role)?);
            changes
        }
        _ => {
            diesel::delete(table::table.find((chat, user))).execute(tx.conn)?;
            attempts::refused(tx.conn, ctx, Kind::Request, chat, user)?;
            decided(tx.conn, chat, user, Decided::Reject)?
        }
    };
    tell(tx, ctx, &changes)
}

pub fn own(
    conn: &mut Conn,
    viewer: UserId,
    now: Timestamp,
    standing: Option<Standing>,
    page: &PageRequest,
) -> Result<Page<Invitation>> {
    let mut query = table::table
        .inner_join(chats::table)
        .filter(table::user_id.eq(viewer).and(table::since.gt(now.minus(OPEN_FOR))))
        .filter(chats::deleted_at.is_null())
        .order(table::chat_id)
        .limit(page.fetch())
        .select((GuestRow::as_select(), FaceRow::as_select()))
        .into_boxed();
    if let Some(standing) = standing {
        query = query.filter(table::status.eq(standing.as_str()));
    }
    if let Some(after) = page.id()? {
        let after: ChatId = after;
        query = query.filter(table::chat_id.gt(after));
    }
    let rows: Vec<(GuestRow, FaceRow)> = query.load(conn)?;
    let cards = Cards::of(conn, None, rows.iter().filter_map(|(guest, _)| guest.invited_by))?;
    let invitations = rows.into_iter().map(|(guest, face)| {
        let status = Standing::parse_word(&guest.status)?;
        let is_invited = status == Standing::Invited;
        Ok(Invitation {
            chat_id: face.id,
            kind: ChatType::parse_word(&face.kind)?,
            status,
            title: face.title.filter(|_| is_invited),
            participant_count: Some(face.participant_count).filter(|_| is_invited),
            invited_by: guest.invited_by.map(|user| cards.card(user)).transpose()?,
            role: ChatRole::parse_word(&guest.role)?,
            since: guest.since,
            expires_at: guest.since.plus(OPEN_FOR),
        })
    });
    Page::fill(invitations, page, |invitation: &Invitation| invitation.chat_id.to_string())
}

pub fn answer(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, verb: AnswerVerb) -> Result<Option<Chat>> {
    let (caller, row) = hold_any(tx, ctx, chat, &[]).map_err(|error| match error {
        clowder_core::Error::Refused(CHAT_UNKNOWN) => INVITATION_UNKNOWN.into(),
        error => error,
    })?;
    let guest = standing(tx.conn, ctx.now, chat, caller)?.ok_or(INVITATION_UNKNOWN)?;
    let standing = Standing::parse_word(&guest.status)?;
    let changes = match (verb, standing) {
        (AnswerVerb::Accept, Standing::Invited) => {
            let role = ChatRole::parse_word(&guest.role)?;
            return come_in(tx, ctx, caller, &row, role).map(|made| Some(made.into_inner()));
        }
        // Others decide about that.
        (AnswerVerb::Accept, Standing::Pending) => return Err(INVITATION_UNKNOWN.into()),
        (AnswerVerb::Decline, Standing::Invited) => {
            attempts::refused(tx.conn, ctx, Kind::Invitation, chat, caller)?;
            uninvited(tx.conn, chat, caller, Unwanted::Declined)?
        }
        (AnswerVerb::Decline, Standing::Pending) => decided(tx.conn, chat, caller, Decided::Cancel)?,
    };
    diesel::delete(table::table.find((chat, caller))).execute(tx.conn)?;
    tell(tx, ctx, &changes)?;
    Ok(None)
}

/// Whoever asks to be let in by one of these links of a held chat, which are revoked, is let in like anybody else.
pub fn lower(tx: &mut Tx<'_>, chat: ChatId, links: Vec<LinkId>) -> Result<()> {
    let kind: String = chats::table.find(chat).select(chats::kind).first(tx.conn)?;
    let role = ChatRole::of_newcomers(ChatType::parse_word(&kind)?);
    let asking = table::table.filter(table::chat_id.eq(chat).and(table::status.eq(Standing::Pending.as_str())));
    let asking = asking.filter(table::link_id.eq_any(links.into_iter().map(Some).collect::<Vec<_>>()));
    diesel::update(asking).set(table::role.eq(role.as_str())).execute(tx.conn)?;
    Ok(())
}

/// Notes that somebody asks, by a link or without one, and returns what those who decide are told.
pub fn ask(
    tx: &mut Tx<'_>,
    ctx: &Ctx,
    chat: ChatId,
    user: UserId,
    role: ChatRole,
    link: Option<LinkId>,
) -> Result<Vec<Change>> {
    rules::may_ask(ctx.now, attempts::ask_facts(tx.conn, ctx, chat, user)?)?;
    let guest = GuestRow {
        chat_id: chat,
        user_id: user,
        status: Standing::Pending.as_str().to_owned(),
        role: role.as_str().to_owned(),
        invited_by: None,
        since: ctx.now,
        link_id: link,
    };
    put(tx.conn, &guest)?;
    attempts::note(tx.conn, ctx, Kind::Request, chat, &[user], user)?;
    // Nobody hears of a request across a block; others decide, or whoever looks at the list.
    let staff = staff(tx.conn, chat, &[])?;
    let blocked = blocks::either_way(tx.conn, user, &staff)?;
    let requested = Requested { chat_id: chat, user_id: user };
    let told = staff.into_iter().filter(|to| !blocked.contains(to));
    Ok(told.map(|to| Change::Requested(to, requested)).collect())
}
