//! People who are not in a chat, but on the way into it: invited, or waiting to be let in.

use clowder_core::{ChatId, Ctx, Page, PageRequest, Result, Timestamp, UserId, Word};
use clowder_messaging::{
    Change, Chat, ChatRole, ChatType,
    change::{Decided, Invited, Requested},
    invitations::{
        self as rules, AnswerVerb, Guest, Invitation, InviteFacts, Invites, LASTS, MOST_TOLD, NewInvite, PAUSE,
        Standing, VerdictVerb,
    },
    policy::{Action, allow},
    refusals::{CHAT_UNKNOWN, INVITATION_UNKNOWN},
};
use diesel::{dsl::count_star, prelude::*, sql_types::Bool};

use super::super::{
    blocks,
    cards::Cards,
    chats::{
        edit::tell,
        hold::{Held, hold, hold_any},
    },
    db::Tx,
    dialect::{self, Conn},
    fragment::Fragment,
    messaging::messages::Membership,
    participants::writes::{come_in, enter, fits, participants_of},
    people::{Viewer, visible_to},
};
use crate::domains::{
    accounts::users,
    messaging::{FaceRow, GuestRow, chat_guests as table, chats, participants},
};

/// The condition of the index of those who run a chat, as constant text, so that the databases use it.
const IS_STAFF: Fragment<Bool> = Fragment::new("(participants.role IN ('owner', 'admin'))");

/// How somebody stands to a chat that they are not in.
pub fn standing(conn: &mut Conn, chat: ChatId, user: UserId) -> Result<Option<GuestRow>> {
    Ok(table::table.find((chat, user)).select(GuestRow::as_select()).first(conn).optional()?)
}

pub fn standing_of(row: Option<&GuestRow>) -> Result<Option<Standing>> {
    row.map(|row| Standing::parse_word(&row.status)).transpose()
}

/// How many stand to a chat like this, unless that is over.
pub fn count(conn: &mut Conn, now: Timestamp, chat: ChatId, standing: Standing) -> Result<i64> {
    let some = table::table.filter(table::chat_id.eq(chat).and(table::status.eq(standing.as_str())));
    let some = some.filter(table::expires_at.is_null().or(table::expires_at.gt(now)));
    Ok(some.select(count_star()).first(conn)?)
}

/// How somebody stands to a chat from now on.
pub fn put(conn: &mut Conn, guest: &GuestRow) -> Result<()> {
    let values = (
        table::status.eq(guest.status.clone()),
        table::role.eq(guest.role.clone()),
        table::invited_by.eq(guest.invited_by),
        table::since.eq(guest.since),
        table::expires_at.eq(guest.expires_at),
    );
    diesel::insert_into(table::table)
        .values((table::chat_id.eq(guest.chat_id), table::user_id.eq(guest.user_id), values.clone()))
        .on_conflict((table::chat_id, table::user_id))
        .do_update()
        .set(values)
        .execute(conn)?;
    Ok(())
}

pub fn invite(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, new: &NewInvite) -> Result<Invites> {
    let Held { caller, seat, .. } = hold(tx, ctx, chat, &new.user_ids)?;
    let seen: Vec<UserId> = users::table
        .filter(users::id.eq_any(&new.user_ids))
        .filter(visible_to(Viewer::of(ctx)?))
        .select(users::id)
        .load(tx.conn)?;
    // Staff see people who have blocked them, and do not invite them.
    let blocked = blocks::either_way(tx.conn, caller, &seen)?;
    let rows: Vec<GuestRow> = table::table
        .filter(table::chat_id.eq(chat).and(table::user_id.eq_any(&new.user_ids)))
        .select(GuestRow::as_select())
        .load(tx.conn)?;
    let mut people = Vec::new();
    for user in seen.into_iter().filter(|user| !blocked.contains(user)) {
        let row = rows.iter().find(|row| row.user_id == user);
        // An invitation that is over is none.
        let row = row.filter(|row| row.expires_at.is_none_or(|at| at > ctx.now));
        people.push((user, standing_of(row)?.zip(row.map(|row| row.since))));
    }
    let present = participants_of(tx.conn, chat, &new.user_ids)?;
    let facts = InviteFacts {
        now: ctx.now,
        people,
        present: present.into_iter().map(|participant| participant.user.id).collect(),
        invited: count(tx.conn, ctx.now, chat, Standing::Invited)?,
    };
    let (user_ids, role) = rules::invite(seat, new, &facts)?;
    let expires_at = ctx.now.plus(LASTS);
    let mut changes = Vec::new();
    for user in &user_ids {
        let guest = GuestRow {
            chat_id: chat,
            user_id: *user,
            status: Standing::Invited.as_str().to_owned(),
            role: role.as_str().to_owned(),
            invited_by: Some(caller),
            since: ctx.now,
            expires_at: Some(expires_at),
        };
        put(tx.conn, &guest)?;
        changes.push(Change::Invited(*user, Invited { chat_id: chat, invited_by: caller, expires_at }));
    }
    tell(tx, ctx, &changes)?;
    Ok(Invites { user_ids, link: None, code: None })
}

pub fn list(
    conn: &mut Conn,
    viewer: UserId,
    chat: ChatId,
    standing: Standing,
    page: &PageRequest,
) -> Result<Page<Guest>> {
    let membership = Membership::of(conn, chat, viewer)?.ok_or(CHAT_UNKNOWN)?;
    allow(membership.seat, Action::Admit)?;
    let mut query = table::table
        .filter(table::chat_id.eq(chat).and(table::status.eq(standing.as_str())))
        .order((table::since, table::user_id))
        .limit(page.fetch())
        .select(GuestRow::as_select())
        .into_boxed();
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
            expires_at: row.expires_at,
        })
    });
    Page::fill(guests, page, |guest: &Guest| Page::<()>::place(guest.since, guest.user.id))
}

pub fn withdraw(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, user: UserId) -> Result<()> {
    let held = hold(tx, ctx, chat, &[user])?;
    allow(held.seat, Action::Admit)?;
    let invited = table::table.find((chat, user)).filter(table::status.eq(Standing::Invited.as_str()));
    diesel::delete(invited).execute(tx.conn)?;
    Ok(())
}

pub fn decide(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, user: UserId, verb: VerdictVerb) -> Result<()> {
    let Held { row, seat, .. } = hold(tx, ctx, chat, &[user])?;
    let guest = standing(tx.conn, chat, user)?;
    rules::decide(seat, standing_of(guest.as_ref())?)?;
    let approved = verb == VerdictVerb::Approve;
    let mut changes = vec![Change::Decided(Decided { chat_id: chat, user_id: user, approved })];
    match guest {
        Some(guest) if approved => {
            let role = ChatRole::parse_word(&guest.role)?;
            fits(tx, &row, user, role)?;
            changes.extend(enter(tx, ctx, &row, user, &[user], role)?);
        }
        _ => drop(diesel::delete(table::table.find((chat, user))).execute(tx.conn)?),
    }
    tell(tx, ctx, &changes)
}

pub fn own(conn: &mut Conn, viewer: UserId, now: Timestamp, page: &PageRequest) -> Result<Page<Invitation>> {
    let mut query = table::table
        .inner_join(chats::table)
        .filter(table::user_id.eq(viewer).and(table::status.eq(Standing::Invited.as_str())))
        .filter(table::expires_at.is_null().or(table::expires_at.gt(now)))
        .filter(chats::deleted_at.is_null())
        .order(table::chat_id)
        .limit(page.fetch())
        .select((GuestRow::as_select(), FaceRow::as_select()))
        .into_boxed();
    if let Some(after) = page.id()? {
        let after: ChatId = after;
        query = query.filter(table::chat_id.gt(after));
    }
    let rows: Vec<(GuestRow, FaceRow)> = query.load(conn)?;
    let cards = Cards::of(conn, None, rows.iter().filter_map(|(guest, _)| guest.invited_by))?;
    let invitations = rows.into_iter().map(|(guest, face)| {
        Ok(Invitation {
            chat_id: face.id,
            kind: ChatType::parse_word(&face.kind)?,
            title: face.title,
            participant_count: face.participant_count,
            invited_by: guest.invited_by.map(|user| cards.card(user)).transpose()?,
            role: ChatRole::parse_word(&guest.role)?,
            since: guest.since,
            expires_at: guest.expires_at,
        })
    });
    Page::fill(invitations, page, |invitation: &Invitation| invitation.chat_id.to_string())
}

pub fn answer(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, verb: AnswerVerb) -> Result<Option<Chat>> {
    let (caller, row) = hold_any(tx, ctx, chat, &[]).map_err(|error| match error {
        clowder_core::Error::Refused(CHAT_UNKNOWN) => INVITATION_UNKNOWN.into(),
        error => error,
    })?;
    let guest = standing(tx.conn, chat, caller)?;
    let standing = standing_of(guest.as_ref())?;
    let guest = guest.filter(|guest| rules::is_open(ctx.now, standing, guest.expires_at)).ok_or(INVITATION_UNKNOWN)?;
    match verb {
        AnswerVerb::Accept => {
            let role = ChatRole::parse_word(&guest.role)?;
            come_in(tx, ctx, caller, &row, role).map(|made| Some(made.into_inner()))
        }
        AnswerVerb::Decline => {
            let status = Standing::Declined.as_str().to_owned();
            // It is forgotten when they can be invited again.
            let expires_at = Some(ctx.now.plus(PAUSE));
            put(tx.conn, &GuestRow { status, since: ctx.now, expires_at, ..guest })?;
            Ok(None)
        }
    }
}

/// Notes that somebody asks, and returns what those who decide are told.
pub fn ask(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, user: UserId, role: ChatRole) -> Result<Vec<Change>> {
    let guest = GuestRow {
        chat_id: chat,
        user_id: user,
        status: Standing::Pending.as_str().to_owned(),
        role: role.as_str().to_owned(),
        invited_by: None,
        since: ctx.now,
        expires_at: None,
    };
    put(tx.conn, &guest)?;
    let staff: Vec<UserId> = participants::table
        .filter(participants::chat_id.eq(chat))
        .filter(IS_STAFF)
        .order((participants::joined_at, participants::user_id))
        .limit(MOST_TOLD)
        .select(participants::user_id)
        .load(tx.conn)?;
    let requested = Requested { chat_id: chat, user_id: user };
    Ok(staff.into_iter().map(|user| Change::Requested(user, requested)).collect())
}

/// How many invitations that are over are deleted at a time: their chats are locked until then.
const SWEPT: i64 = 100;

/// Deletes invitations that are over, accepted or not.
pub fn sweep(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<usize> {
    let over: Vec<(ChatId, UserId)> = table::table
        .filter(table::expires_at.lt(ctx.now))
        .order((table::chat_id, table::user_id))
        .limit(SWEPT)
        .select((table::chat_id, table::user_id))
        .load(tx.conn)?;
    // As everybody does who changes who stands how to a chat: first the chats, in their order.
    for (chat, _) in &over {
        dialect::messaging::lock_chat(tx.conn, *chat)?;
    }
    let mut gone = 0;
    for guest in over {
        // It may have been renewed meanwhile.
        let over = table::table.find(guest).filter(table::expires_at.lt(ctx.now));
        gone += diesel::delete(over).execute(tx.conn)?;
    }
    Ok(gone)
}
