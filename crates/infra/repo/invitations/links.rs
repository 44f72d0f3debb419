//! Links by which people come into chats.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clowder_core::{ChatId, Ctx, Page, PageRequest, Result, Timestamp, UserId, Word, link::Code};
use clowder_messaging::{
    Change, ChatRole, ChatType,
    invitations::{self as rules, Invites, Link, LinkId, NewInvite, Preview, Reach, Standing, Way, port::Came},
    policy::{Action, allow},
    refusals::{CHAT_UNKNOWN, LINK_GONE, LINK_UNKNOWN},
};
use diesel::{dsl::count_star, prelude::*};
use serde::{Deserialize, Serialize};

use super::{
    super::{
        chats::{
            edit::tell,
            hold::{Held, IS_STAFF, hold, hold_any, role},
            notes,
        },
        db::Tx,
        dialect::Conn,
        idempotency::Stub,
        messaging::{chats, messages::Membership},
        moderation::sanctions,
        participants::writes::{self, Approach},
        upkeep::forget,
    },
    guests::{Inviters, ask, lower, standing, standing_of, withdraw_of},
};
use crate::{
    domains::messaging::{ChatLinkRow, chat_guests, chat_links as table, participants},
    keys::{random, sha256},
};

/// How long a link that is over is still known, so that whoever has it learns that it is gone.
const KNOWN_FOR: Duration = Duration::from_secs(30 * 24 * 3600);
/// How many links are forgotten when one is made, at most.
const PIECE: i64 = 200;

/// Deletes links that have been over for long.
pub fn sweep(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<usize> {
    let past = ctx.now.minus(KNOWN_FOR);
    Ok(forget!(tx, table by id: LinkId, table::revoked_at.le(past).or(table::expires_at.le(past))))
}

/// What is stored of inviting: the link with its code, which cannot be issued a second time, and nothing about others.
#[derive(Serialize, Deserialize)]
pub struct Stored {
    link: Option<LinkId>,
    code: Option<String>,
}

impl Stub for Stored {}

impl Stored {
    pub fn of(made: &Invites) -> Self {
        Self { link: made.link.as_ref().map(|link| link.id), code: made.code.clone() }
    }

    /// The link as it is now, or who of those people is invited now; for whoever may still invite.
    pub fn again(self, tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, new: &NewInvite) -> Result<Invites> {
        let membership = Membership::of(tx.conn, chat, ctx.user()?)?.ok_or(CHAT_UNKNOWN)?;
        allow(membership.seat, Action::Invite)?;
        let link = match self.link {
            Some(id) => Some(load(tx.conn, id)?.ok_or(LINK_UNKNOWN)?.link()?),
            None => None,
        };
        let invited = chat_guests::chat_id.eq(chat).and(chat_guests::status.eq(Standing::Invited.as_str()));
        let invited = chat_guests::table.filter(invited).filter(chat_guests::user_id.eq_any(new.people()));
        let invited: Vec<UserId> = invited.select(chat_guests::user_id).load(tx.conn)?;
        let user_ids = new.people().iter().filter(|user| invited.contains(user)).copied().collect();
        Ok(Invites { user_ids, link, code: self.code })
    }
}

/// What is stored of coming by a link: what it did, and the chat.
#[derive(Serialize, Deserialize)]
pub struct StoredCame {
    did: Did,
    chat: ChatId,
}

#[derive(Serialize, Deserialize)]
enum Did {
    In,
    Already,
    Asked,
}

impl Stub for StoredCame {}

impl StoredCame {
    pub fn of(came: &Came) -> Self {
        match came {
            Came::In(chat) => Self { did: Did::In, chat: chat.id },
            Came::Already(chat) => Self { did: Did::Already, chat: chat.id },
            Came::Asked(chat) => Self { did: Did::Asked, chat: *chat },
        }
    }

    /// The same, with the chat as it is now, if the caller is in it.
    pub fn again(self, tx: &mut Tx<'_>, ctx: &Ctx) -> Result<Came> {
        let mut chat = || notes::whole(tx, ctx, self.chat).map(Box::new);
        Ok(match self.did {
            Did::In => Came::In(chat()?),
            Did::Already => Came::Already(chat()?),
            Did::Asked => Came::Asked(self.chat),
        })
    }
}

fn load(conn: &mut Conn, id: LinkId) -> Result<Option<ChatLinkRow>> {
    Ok(table::table.find(id).select(ChatLinkRow::as_select()).first(conn).optional()?)
}

pub fn make(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, new: &NewInvite) -> Result<Invites> {
    let Held { caller, seat, .. } = hold(tx, ctx, chat, &[])?;
    let open = table::table
        .filter(table::chat_id.eq(chat).and(table::revoked_at.is_null()))
        .filter(table::expires_at.is_null().or(table::expires_at.gt(ctx.now)))
        .filter(table::max_uses.is_null().or(table::uses.nullable().lt(table::max_uses)));
    let role = rules::link(seat, ctx.now, new, open.select(count_star()).first(tx.conn)?)?;
    forget_old(tx, ctx, chat)?;
    let mut octets = [0; 16];
    random(&mut octets)?;
    let code = URL_SAFE_NO_PAD.encode(octets);
    let row = ChatLinkRow {
        id: LinkId::new(ctx.now),
        chat_id: chat,
        code_hash: sha256(code.as_bytes()).to_vec(),
        created_by: caller,
        role: role.as_str().to_owned(),
        approval: new.approval,
        max_uses: new.max_uses.map(|uses| uses.0),
        uses: 0,
        created_at: ctx.now,
        expires_at: new.expires_at,
        revoked_at: None,
    };
    diesel::insert_into(table::table).values(&row).execute(tx.conn)?;
    Ok(Invites { user_ids: Vec::new(), link: Some(row.link()?), code: Some(code) })
}

/// Revokes the links that somebody has made and withdraws their invitations, because they may not give what these give any
/// more; returns what those who were invited are told.
pub fn revoke_of(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, maker: UserId) -> Result<Vec<Change>> {
    let own = table::chat_id.eq(chat).and(table::created_by.eq(maker)).and(table::revoked_at.is_null());
    let own = table::table.filter(own).select(table::id).load(tx.conn)?;
    end(tx, ctx, chat, own)?;
    withdraw_of(tx, chat, Inviters::One(maker))
}

/// The same for all members, because the chat does not let them invite any more.
pub fn revoke_of_members(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId) -> Result<Vec<Change>> {
    let staff = participants::table.filter(participants::chat_id.eq(chat)).filter(IS_STAFF);
    let staff: Vec<UserId> = staff.select(participants::user_id).load(tx.conn)?;
    let theirs = table::chat_id.eq(chat).and(table::created_by.ne_all(staff.clone())).and(table::revoked_at.is_null());
    let theirs = table::table.filter(theirs).select(table::id).load(tx.conn)?;
    end(tx, ctx, chat, theirs)?;
    withdraw_of(tx, chat, Inviters::Others(staff))
}

/// Revokes these links of a held chat, which give nothing any more to those who wait to be let in.
fn end(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, links: Vec<LinkId>) -> Result<()> {
    if links.is_empty() {
        return Ok(());
    }
    let these = table::table.filter(table::id.eq_any(links.clone()));
    diesel::update(these).set(table::revoked_at.eq(ctx.now)).execute(tx.conn)?;
    lower(tx, chat, links)
}

/// Forgets the oldest links of a chat that are over, so that making and revoking does not fill the table.
fn forget_old(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId) -> Result<()> {
    let over = table::table
        .filter(table::chat_id.eq(chat))
        .filter(
            table::revoked_at
                .is_not_null()
                .or(table::expires_at.le(ctx.now))
                .or(table::uses.nullable().ge(table::max_uses)),
        )
        .order(table::id.desc());
    let oldest: Vec<LinkId> = over.select(table::id).offset(rules::MOST_LINKS).limit(PIECE).load(tx.conn)?;
    diesel::delete(table::table.filter(table::id.eq_any(oldest))).execute(tx.conn)?;
    Ok(())
}

pub fn list(conn: &mut Conn, viewer: UserId, chat: ChatId, page: &PageRequest) -> Result<Page<Link>> {
    let membership = Membership::of(conn, chat, viewer)?.ok_or(CHAT_UNKNOWN)?;
    let reach = rules::reach(membership.seat)?;
    let mut found = table::table
        .filter(table::chat_id.eq(chat))
        .order(table::id.desc())
        .limit(page.fetch())
        .select(ChatLinkRow::as_select())
        .into_boxed();
    if reach == Reach::Own {
        found = found.filter(table::created_by.eq(viewer));
    }
    if let Some(last) = page.id()? {
        let last: LinkId = last;
        found = found.filter(table::id.lt(last));
    }
    let links = found.load(conn)?.into_iter().map(ChatLinkRow::link);
    Page::fill(links, page, |link: &Link| link.id.to_string())
}

pub fn revoke(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, link: LinkId) -> Result<()> {
    let held = hold(tx, ctx, chat, &[])?;
    let reach = rules::reach(held.seat)?;
    let link = load(tx.conn, link)?.filter(|link| link.chat_id == chat);
    if reach == Reach::Own && link.as_ref().is_none_or(|link| link.created_by != held.caller) {
        // What others have made is refused like what there is not.
        allow(held.seat, Action::Admit)?;
    }
    let link = link.ok_or(LINK_UNKNOWN)?;
    if link.revoked_at.is_none() { end(tx, ctx, chat, vec![link.id]) } else { Ok(()) }
}

/// The link with this code, and its chat.
pub fn find(conn: &mut Conn, code: &Code) -> Result<(LinkId, ChatId)> {
    let hash = sha256(code.expose().as_bytes()).to_vec();
    let found = table::table.filter(table::code_hash.eq(hash)).select((table::id, table::chat_id));
    Ok(found.first(conn).optional()?.ok_or(LINK_UNKNOWN)?)
}

/// What whoever has the code would join.
pub fn preview(conn: &mut Conn, now: Timestamp, viewer: UserId, code: &Code) -> Result<Preview> {
    let (id, chat) = find(conn, code)?;
    let row = chats::face(conn, chat)?.ok_or(LINK_GONE)?;
    let joined = self::role(conn, chat, viewer)?.is_some();
    let link = load(conn, id)?.ok_or(LINK_UNKNOWN)?;
    if !joined {
        sanctions::may_come(conn, now, chat, viewer)?;
        if !link.facts().is_open(now) {
            return Err(LINK_GONE.into());
        }
    }
    Ok(Preview {
        chat_id: chat,
        kind: ChatType::parse_word(&row.kind)?,
        title: row.title,
        description: row.description,
        participant_count: row.participant_count,
        joined,
        role: ChatRole::parse_word(&link.role)?,
        approval: link.approval,
        expires_at: link.expires_at,
    })
}

pub fn come(tx: &mut Tx<'_>, ctx: &Ctx, code: &Code) -> Result<Came> {
    let (id, chat) = find(tx.conn, code)?;
    // The lock of the chat orders everybody who uses the link.
    let (caller, row) = hold_any(tx, ctx, chat, &[]).map_err(|error| match error {
        clowder_core::Error::Refused(CHAT_UNKNOWN) => LINK_GONE.into(),
        error => error,
    })?;
    if self::role(tx.conn, chat, caller)?.is_some() {
        return Ok(Came::Already(Box::new(notes::whole(tx, ctx, chat)?)));
    }
    sanctions::may_come(tx.conn, ctx.now, chat, caller)?;
    let link = load(tx.conn, id)?.ok_or(LINK_UNKNOWN)?;
    let waiting = standing_of(standing(tx.conn, ctx.now, chat, caller)?.as_ref())?;
    let way = rules::come(ctx.now, link.facts(), link.approval, waiting)?;
    let role = ChatRole::parse_word(&link.role)?;
    let uses =
        |tx: &mut Tx<'_>| diesel::update(table::table.find(id)).set(table::uses.eq(table::uses + 1)).execute(tx.conn);
    match way {
        Way::Enter => {
            let approach = writes::approach(tx, ctx, caller, &row, role, Some(id))?;
            // Whoever waits already uses no more.
            if !matches!(approach, Approach::Waits(_)) {
                uses(tx)?;
            }
            writes::arrive(tx, ctx, caller, &row, role, approach)
        }
        Way::Ask if waiting == Some(Standing::Pending) => Ok(Came::Asked(chat)),
        Way::Ask => {
            uses(tx)?;
            let changes = ask(tx, ctx, chat, caller, role, Some(id))?;
            tell(tx, ctx, &changes)?;
            Ok(Came::Asked(chat))
        }
    }
}
