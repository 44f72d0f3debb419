//! Blocks, mutes and notes over the database.

mod notes;
mod privacy;
mod unknown;

use std::collections::HashSet;

use async_trait::async_trait;
use clowder_accounts::{
    activity::{Rule, Target, Whose},
    refusals::USER_UNKNOWN,
};
use clowder_core::{Card, Ctx, Page, PageRequest, Refusal, Result, Timestamp, UserId};
use clowder_social::{
    Block, Blocks, Mute, NewBlock, NewMute, NewNote, Note,
    blocks::{
        Change,
        change::Ended,
        policy::{AboutFacts, may_decide_about, may_end},
        refusals::{BLOCK_LIMIT, MUTE_LIMIT},
    },
};
use diesel::{dsl::exists, prelude::*};
use tracing::instrument;

pub use privacy::known_cards;

use super::{
    Repo,
    among::AmongIds,
    cards::Cards,
    clock::{CHOSEN, SHOWN, never},
    db::Tx,
    dialect::Conn,
    domains::{Domain, Sweep},
    friends, groups, invitations, journal,
    lifetimes::starting,
    messaging::{change, chats, closing},
    people::{self, Viewer},
    pets,
};
use crate::domains::{
    accounts::users,
    blocks::{BlockRow, MuteRow, blocks as table, mutes},
};

pub const DOMAIN: Domain = Domain {
    parts: privacy::PARTS,
    activity: &[
        Rule::new("block.added", "block.added", Whose::Actor, Target::Subject("user")),
        Rule::new("block.removed", "block.removed", Whose::Actor, Target::Subject("user")),
        Rule::new("mute.added", "mute.added", Whose::Actor, Target::Subject("user")),
        Rule::new("mute.removed", "mute.removed", Whose::Actor, Target::Subject("user")),
    ],
    sealed: &[notes::TEXT],
    times: &[
        never("blocks.since", SHOWN),
        never("mutes.since", SHOWN),
        never("mutes.until", CHOSEN),
        never("user_notes.updated_at", SHOWN),
    ],
    sweeps: &[Sweep::Rows(forget_mutes)],
    hidden,
    conceal: unknown::conceal,
    ..Domain::NONE
};

/// Of whom somebody has blocked, there are not many.
fn hidden(conn: &mut Conn, user: UserId) -> Result<Vec<UserId>> {
    let own = table::table.filter(table::user_id.eq(user).and(table::hide_messages.eq(true)));
    Ok(own.select(table::blocked_id).load(conn)?)
}

/// How many mutes that are over go at a time.
const SWEPT: i64 = 1_000;

#[async_trait]
impl Blocks for Repo {
    #[instrument(level = "debug", skip_all)]
    async fn block(&self, ctx: &Ctx, user: UserId, new: NewBlock) -> Result<Block> {
        let ctx = ctx.clone();
        self.db.write(move |tx| block(tx, &ctx, user, new)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn unblock(&self, ctx: &Ctx, user: UserId) -> Result<()> {
        let ctx = ctx.clone();
        self.db.write(move |tx| unblock(tx, &ctx, user)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn blocks(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<Block>> {
        let caller = ctx.user()?;
        self.db.read(move |conn| list(conn, caller, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn mute(&self, ctx: &Ctx, user: UserId, new: NewMute) -> Result<Mute> {
        let ctx = ctx.clone();
        self.db.write(move |tx| mute(tx, &ctx, user, new)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn unmute(&self, ctx: &Ctx, user: UserId) -> Result<()> {
        let ctx = ctx.clone();
        self.db.write(move |tx| unmute(tx, &ctx, user)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn mutes(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<Mute>> {
        let viewer = Viewer::of(ctx)?;
        self.db.read(move |conn| list_mutes(conn, viewer, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn note(&self, ctx: &Ctx, about: UserId) -> Result<Note> {
        let (ctx, ring) = (ctx.clone(), self.db.ring());
        self.db.read(move |conn| notes::one(conn, &ring, &ctx, about)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn write_note(&self, ctx: &Ctx, about: UserId, new: NewNote) -> Result<Note> {
        let ctx = ctx.clone();
        self.db.write(move |tx| notes::write(tx, &ctx, about, new.clone())).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn remove_note(&self, ctx: &Ctx, about: UserId) -> Result<()> {
        let ctx = ctx.clone();
        self.db.write(move |tx| notes::remove(tx, &ctx, about)).await
    }
}

fn block(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId, new: NewBlock) -> Result<Block> {
    let caller = ctx.user()?;
    let card = lock_both(tx, caller, user)?;
    let before: Option<BlockRow> =
        table::table.find((caller, user)).select(BlockRow::as_select()).first(tx.conn).optional()?;
    let facts = AboutFacts {
        known: knows(tx.conn, ctx, user)?,
        new: before.is_none(),
        count: table::table.filter(table::user_id.eq(caller)).count().get_result(tx.conn)?,
    };
    let card = decided(caller, user, facts, card, BLOCK_LIMIT)?;
    let hide_messages = new.hide_messages.or(before.map(|before| before.hide_messages)).unwrap_or(false);
    let since = before.map_or(ctx.now, |before| before.since);
    let after = Block { user: card, hide_messages, since };
    if before.is_some_and(|before| before.hide_messages == hide_messages) {
        return Ok(after);
    }
    change(tx, ctx, user)?;
    let row = BlockRow { user_id: caller, blocked_id: user, hide_messages, since };
    diesel::insert_into(table::table)
        .values(row)
        .on_conflict((table::user_id, table::blocked_id))
        .do_update()
        .set(table::hide_messages.eq(hide_messages))
        .execute(tx.conn)?;
    let blocked = Change::Blocked(caller, after.clone());
    if before.is_some() {
        journal::append(tx, ctx, &blocked)?;
        return Ok(after);
    }
    let groups = groups::sever(tx, ctx, caller, user)?;
    let kept = pets::sever(tx, caller, user)?;
    let chats = invitations::sever(tx, ctx, caller, user)?;
    let closed = closing::set_closed(tx, [caller, user], true)?;
    // Last, because it takes what was written with a request out of the journal.
    let parted = friends::sever(tx, ctx, caller, user)?;
    let mut told: Vec<&dyn clowder_core::Change> = vec![&blocked];
    told.extend(parted.iter().map(|change| change as &dyn clowder_core::Change));
    told.extend(kept.iter().map(|change| change as &dyn clowder_core::Change));
    told.extend(groups.iter().map(|change| change as &dyn clowder_core::Change));
    told.extend(chats.iter().map(|change| change as &dyn clowder_core::Change));
    told.extend(closed.iter().map(|change| change as &dyn clowder_core::Change));
    journal::append_each(tx, ctx, &told)?;
    Ok(after)
}

fn unblock(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId) -> Result<()> {
    let caller = ctx.user()?;
    lock_both(tx, caller, user)?;
    if diesel::delete(table::table.find((caller, user))).execute(tx.conn)? == 0 {
        return Ok(());
    }
    change(tx, ctx, user)?;
    let unblocked = Change::Unblocked(caller, Ended { user_id: user });
    let still = exists(table::table.find((user, caller)));
    let opened = match diesel::select(still).get_result(tx.conn)? {
        true => Vec::new(),
        false => {
            starting::note_shared(tx.conn, caller, &[user])?;
            closing::set_closed(tx, [caller, user], false)?
        }
    };
    let mut told: Vec<&dyn clowder_core::Change> = vec![&unblocked];
    told.extend(opened.iter().map(|change| change as &dyn clowder_core::Change));
    journal::append_each(tx, ctx, &told)
}

fn mute(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId, new: NewMute) -> Result<Mute> {
    let caller = ctx.user()?;
    may_end(ctx.now, new.until)?;
    let card = lock_both(tx, caller, user)?;
    let before: Option<MuteRow> =
        mutes::table.find((caller, user)).select(MuteRow::as_select()).first(tx.conn).optional()?;
    let facts = AboutFacts {
        known: knows(tx.conn, ctx, user)?,
        new: before.is_none(),
        count: mutes::table.filter(mutes::user_id.eq(caller)).count().get_result(tx.conn)?,
    };
    let card = decided(caller, user, facts, card, MUTE_LIMIT)?;
    // A mute that is over begins anew.
    let held = before.filter(|before| before.until.is_none_or(|until| until > ctx.now));
    let row =
        MuteRow { user_id: caller, muted_id: user, since: held.map_or(ctx.now, |held| held.since), until: new.until };
    let after = Mute { user: card, since: row.since, until: row.until };
    if held.is_some_and(|held| held.until == new.until) {
        return Ok(after);
    }
    diesel::insert_into(mutes::table)
        .values(row)
        .on_conflict((mutes::user_id, mutes::muted_id))
        .do_update()
        .set((mutes::since.eq(row.since), mutes::until.eq(row.until)))
        .execute(tx.conn)?;
    journal::append(tx, ctx, &Change::Muted(caller, after.clone()))?;
    Ok(after)
}

fn unmute(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId) -> Result<()> {
    let caller = ctx.user()?;
    lock_both(tx, caller, user)?;
    if diesel::delete(mutes::table.find((caller, user))).execute(tx.conn)? == 0 {
        return Ok(());
    }
    journal::append(tx, ctx, &Change::Unmuted(caller, Ended { user_id: user }))
}

/// Locks both people, and returns the card of the other one, if there is such a person.
fn lock_both(tx: &mut Tx<'_>, caller: UserId, user: UserId) -> Result<Option<Card>> {
    let present = friends::lock_both(tx, caller, user)?;
    // Asked for in any case: whether somebody exists must not show in time.
    let cards = Cards::of(tx.conn, None, [user])?;
    present.then(|| cards.card(user)).transpose()
}

fn decided(caller: UserId, user: UserId, facts: AboutFacts, card: Option<Card>, full: Refusal) -> Result<Card> {
    let facts = AboutFacts { known: facts.known && card.is_some(), ..facts };
    may_decide_about(caller, user, facts, USER_UNKNOWN, full)?;
    Ok(card.ok_or(USER_UNKNOWN)?)
}

/// The users of whom the viewer knows: whom they may see, whom they have blocked, and whose cards the viewer sees because
/// of what connects the two: a chat, a friendship, a request, an invitation, a pet. Whatever somebody decided about others
/// is shown under this condition, so that it does not tell a block from a person who is gone: a block ends what only these
/// two share, and what they share with others connects them whatever the reason why one does not see the other.
fn known_to(viewer: Viewer) -> people::Condition {
    let blocked = exists(table::table.filter(table::user_id.eq(viewer.id).and(table::blocked_id.eq(users::id))));
    let tied = blocked
        .or(chats::shared_with(viewer.id))
        .or(friends::tied_to(viewer))
        .or(pets::kept_with(viewer))
        .or(groups::met_by(viewer))
        .or(invitations::met_by(viewer));
    Box::new(users::deleted_at.is_null().nullable().and(people::visible_to(viewer).or(tied.nullable())))
}

/// Whether the caller knows that there is such a person.
pub fn knows(conn: &mut Conn, ctx: &Ctx, user: UserId) -> Result<bool> {
    Ok(known_among(conn, Viewer::of(ctx)?, &[user])?.contains(&user))
}

/// Those of these people of whom the viewer knows.
pub fn known_among(conn: &mut Conn, viewer: Viewer, people: &[UserId]) -> Result<HashSet<UserId>> {
    let known = users::table.filter(users::id.among(people)).filter(known_to(viewer)).select(users::id);
    Ok(known.load(conn)?.into_iter().collect())
}

fn list(conn: &mut Conn, caller: UserId, page: &PageRequest) -> Result<Page<Block>> {
    let mut own = table::table
        .filter(table::user_id.eq(caller))
        .order((table::since.desc(), table::blocked_id.desc()))
        .limit(page.fetch())
        .select(BlockRow::as_select())
        .into_boxed();
    if let Some((since, id)) = page.moment()? {
        let id: UserId = id;
        own = own.filter(table::since.lt(since).or(table::since.eq(since).and(table::blocked_id.lt(id))));
    }
    let rows: Vec<BlockRow> = own.load(conn)?;
    let cards = Cards::of(conn, None, rows.iter().map(|row| row.blocked_id))?;
    let blocks = rows
        .into_iter()
        .map(|row| Ok(Block { user: cards.card(row.blocked_id)?, hide_messages: row.hide_messages, since: row.since }));
    Page::fill(blocks, page, |block| Page::<()>::place(block.since, block.user.id))
}

fn list_mutes(conn: &mut Conn, viewer: Viewer, page: &PageRequest) -> Result<Page<Mute>> {
    let mut after: Option<(Timestamp, UserId)> = page.moment()?;
    let mut found = Vec::new();
    // In pieces, because some people may be unknown. One person has at most [`clowder_social::blocks::policy::MOST`] mutes.
    while found.len() < page.fetch() as usize {
        let piece = mutes_after(conn, viewer, after)?;
        let Some(last) = piece.last() else { break };
        after = Some((last.since, last.muted_id));
        let known = known_among(conn, viewer, &piece.iter().map(|row| row.muted_id).collect::<Vec<_>>())?;
        found.extend(piece.into_iter().filter(|row| known.contains(&row.muted_id)));
    }
    found.truncate(page.fetch() as usize);
    let cards = Cards::of(conn, None, found.iter().map(|row| row.muted_id))?;
    let mutes =
        found.into_iter().map(|row| Ok(Mute { user: cards.card(row.muted_id)?, since: row.since, until: row.until }));
    Page::fill(mutes, page, |mute| Page::<()>::place(mute.since, mute.user.id))
}

/// How many mutes are looked at together.
const PIECE: i64 = 400;

/// Mutes that are not over, the latest first.
fn mutes_after(conn: &mut Conn, viewer: Viewer, after: Option<(Timestamp, UserId)>) -> Result<Vec<MuteRow>> {
    let mut own = mutes::table
        .filter(mutes::user_id.eq(viewer.id))
        .filter(mutes::until.is_null().or(mutes::until.gt(viewer.now)))
        .order((mutes::since.desc(), mutes::muted_id.desc()))
        .limit(PIECE)
        .select(MuteRow::as_select())
        .into_boxed();
    if let Some((since, id)) = after {
        own = own.filter(mutes::since.lt(since).or(mutes::since.eq(since).and(mutes::muted_id.lt(id))));
    }
    Ok(own.load(conn)?)
}

/// Those among some people who have blocked the viewer, or whom the viewer has blocked.
pub fn either_way(conn: &mut Conn, viewer: UserId, people: &[UserId]) -> Result<HashSet<UserId>> {
    let by_viewer = table::table.filter(table::user_id.eq(viewer).and(table::blocked_id.eq_any(people)));
    let of_viewer = table::table.filter(table::blocked_id.eq(viewer).and(table::user_id.eq_any(people)));
    let mut blocked: Vec<UserId> = by_viewer.select(table::blocked_id).load(conn)?;
    blocked.extend(of_viewer.select(table::user_id).load::<UserId>(conn)?);
    Ok(blocked.into_iter().collect())
}

/// Mutes that are over.
fn forget_mutes(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<usize> {
    let over: Vec<(UserId, UserId)> = mutes::table
        .filter(mutes::until.lt(ctx.now))
        .order((mutes::user_id, mutes::muted_id))
        .limit(SWEPT)
        .select((mutes::user_id, mutes::muted_id))
        .load(tx.conn)?;
    let mut gone = 0;
    for mute in over {
        // It may have been renewed meanwhile.
        let over = mutes::table.find(mute).filter(mutes::until.lt(ctx.now));
        gone += diesel::delete(over).execute(tx.conn)?;
    }
    Ok(gone)
}
