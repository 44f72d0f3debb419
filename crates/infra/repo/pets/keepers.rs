//! Who keeps a pet besides its owner: invited, accepted, removed; and who owns it.

use clowder_core::{Ctx, Page, PageRequest, Result, Timestamp, UserId, Word};
use clowder_social::pets::{
    Change, Keeper, NewKeeper, Pet, PetId, PetInvitation, Role,
    change::{Asked, Kept, Left, News},
    model::Action,
    policy::{InviteFacts, OPEN_FOR, has_room, is_over, may_invite, may_keep, may_own, may_remove},
    refusals::{INVITATION_UNKNOWN, KEEPER_UNKNOWN},
};
use diesel::{
    dsl::{count_star, exists},
    prelude::*,
};

use super::{
    super::{
        attempts::Kind,
        blocks,
        cards::Cards,
        db::Tx,
        dialect::Conn,
        friends,
        messaging::change,
        people::{Tie, Viewer, visible_to},
    },
    invitations, read,
    writes::{Held, hold, keepers, kept, lock, tell, touch},
};
use crate::{
    domains::{
        accounts::users,
        pets::{KeeperRow, PetRow, pet_keepers as table, pets},
    },
    seal::KeyRing,
};

/// Somebody who keeps the pet or is invited to; not whose invitation is over, even before the sweep notices.
fn find(conn: &mut Conn, now: Timestamp, pet: PetId, user: UserId) -> Result<Option<KeeperRow>> {
    let row: Option<KeeperRow> =
        table::table.find((pet, user)).select(KeeperRow::as_select()).first(conn).optional()?;
    Ok(row.filter(|row| row.accepted || !is_over(now, row.since)))
}

fn keeper(row: &KeeperRow, cards: &Cards) -> Result<Keeper> {
    Ok(Keeper { user: cards.card(row.user_id)?, role: row.role()?, accepted: row.accepted, since: row.since })
}

pub fn list(conn: &mut Conn, viewer: Viewer, pet: PetId, page: &PageRequest) -> Result<Page<Keeper>> {
    may_keep(read::seen(conn, viewer, pet)?.role)?;
    let mut all = table::table
        .filter(table::pet_id.eq(pet))
        .filter(table::accepted.eq(true).or(table::since.gt(viewer.now.minus(OPEN_FOR))))
        .order((table::since, table::user_id))
        .limit(page.fetch())
        .select(KeeperRow::as_select())
        .into_boxed();
    if let Some((since, id)) = page.moment()? {
        let id: UserId = id;
        all = all.filter(table::since.gt(since).or(table::since.eq(since).and(table::user_id.gt(id))));
    }
    let rows: Vec<KeeperRow> = all.load(conn)?;
    let cards = Cards::of(conn, None, rows.iter().map(|row| row.user_id))?;
    let items = rows.iter().map(|row| keeper(row, &cards));
    Page::fill(items, page, |keeper| Page::<()>::place(keeper.since, keeper.user.id))
}

/// Somebody who keeps the pet, or is invited to, as the owner sees it.
pub fn one(conn: &mut Conn, viewer: Viewer, pet: PetId, user: UserId) -> Result<Keeper> {
    may_keep(read::seen(conn, viewer, pet)?.role)?;
    let row = find(conn, viewer.now, pet, user)?.ok_or(KEEPER_UNKNOWN)?;
    keeper(&row, &Cards::of(conn, None, [user])?)
}

pub fn invite(tx: &mut Tx<'_>, ctx: &Ctx, pet: PetId, new: NewKeeper) -> Result<Keeper> {
    let user = new.user_id;
    let held = hold(tx, ctx, pet, &[user])?;
    let mut told = invitations::expire_of(tx, ctx, pet)?;
    let visible = exists(users::table.find(user).filter(visible_to(held.viewer)));
    let open = table::user_id.eq(user).and(table::accepted.eq(false));
    let open = open.and(table::since.gt(ctx.now.minus(OPEN_FOR)));
    let friend = friends::are_friends(tx.conn, held.caller, user)?;
    let facts = InviteFacts {
        friend,
        // Staff see whom they have blocked, but nobody keeps a pet across a block.
        visible: diesel::select(visible).get_result(tx.conn)?
            && !blocks::either_way(tx.conn, held.caller, &[user])?.contains(&user),
        concerned: find(tx.conn, ctx.now, pet, user)?.is_some(),
        declined_at: invitations::declined_at(tx.conn, pet, user)?,
        here_today: invitations::invited(tx.conn, ctx, Some(pet), user, held.caller)?,
        them_today: invitations::invited(tx.conn, ctx, None, user, held.caller)?,
        today: invitations::invited_today(tx.conn, ctx, held.caller)?,
        keepers: table::table.filter(table::pet_id.eq(pet)).select(count_star()).first(tx.conn)?,
        invitations: table::table.filter(open).select(count_star()).first(tx.conn)?,
    };
    may_invite(ctx.now, held.caller, user, held.role, facts)?;
    let role = Role::from(new.role);
    let row = KeeperRow { pet_id: pet, user_id: user, role: role.as_str().to_owned(), accepted: false, since: ctx.now };
    diesel::insert_into(table::table).values(&row).execute(tx.conn)?;
    invitations::note(tx.conn, ctx, Kind::Invitation, pet, &[user], held.caller)?;
    let expires_at = ctx.now.plus(OPEN_FOR);
    let invited = News::Invited(Asked { pet_id: pet, user_id: user, role, expires_at });
    told.extend(Change::to_all(keepers(tx.conn, pet)?.into_iter().chain([user]), invited));
    tell(tx, ctx, &told)?;
    keeper(&row, &Cards::of(tx.conn, None, [user])?)
}

pub fn invitations(conn: &mut Conn, ring: &KeyRing, viewer: Viewer, page: &PageRequest) -> Result<Page<PetInvitation>> {
    let mut open = table::table
        .inner_join(pets::table)
        .filter(table::user_id.eq(viewer.id).and(table::accepted.eq(false)))
        .filter(table::since.gt(viewer.now.minus(OPEN_FOR)))
        .order(table::pet_id.desc())
        .limit(page.fetch())
        .select((KeeperRow::as_select(), PetRow::as_select()))
        .into_boxed();
    if let Some(before) = page.id()? {
        let before: PetId = before;
        open = open.filter(table::pet_id.lt(before));
    }
    let (rows, pets): (Vec<KeeperRow>, Vec<PetRow>) = open.load::<(KeeperRow, PetRow)>(conn)?.into_iter().unzip();
    // Whoever is invited sees the pet, so none is left out.
    let seen = read::look(conn, viewer, pets)?;
    let items = read::views(conn, ring, seen, false)?.zip(rows);
    let items = items.map(|(pet, row)| Ok(PetInvitation { pet: pet?, role: row.role()?, since: row.since }));
    Page::fill(items, page, |invitation| invitation.pet.id.to_string())
}

pub fn answer(tx: &mut Tx<'_>, ctx: &Ctx, pet: PetId, action: Action) -> Result<()> {
    let Held { caller, .. } = hold(tx, ctx, pet, &[])?;
    let row = find(tx.conn, ctx.now, pet, caller)?.filter(|row| !row.accepted).ok_or(INVITATION_UNKNOWN)?;
    if action == Action::Decline {
        invitations::decline(tx, ctx, &row)?;
        let told = take_out(tx, &row)?;
        return tell(tx, ctx, &told);
    }
    has_room(kept(tx.conn, caller)?)?;
    diesel::update(table::table.find((pet, caller)))
        .set((table::accepted.eq(true), table::since.eq(ctx.now)))
        .execute(tx.conn)?;
    touch(tx.conn, pet)?;
    let added = News::Added(Kept { pet_id: pet, user_id: caller, role: row.role()? });
    let told = Change::to_all(keepers(tx.conn, pet)?, added);
    tell(tx, ctx, &told)
}

pub fn remove(tx: &mut Tx<'_>, ctx: &Ctx, pet: PetId, user: UserId) -> Result<()> {
    let Held { caller, role, .. } = hold(tx, ctx, pet, &[user])?;
    let row = find(tx.conn, ctx.now, pet, user)?;
    may_remove(role, user == caller, row.as_ref().map(KeeperRow::role).transpose()?)?;
    let row = row.ok_or(KEEPER_UNKNOWN)?;
    if user == caller && !row.accepted {
        invitations::decline(tx, ctx, &row)?;
    }
    let told = take_out(tx, &row)?;
    tell(tx, ctx, &told)
}

/// Takes somebody who is not the owner out of a locked pet: whoever keeps it is told, and they are.
pub fn take_out(tx: &mut Tx<'_>, row: &KeeperRow) -> Result<Vec<Change>> {
    diesel::delete(table::table.find((row.pet_id, row.user_id))).execute(tx.conn)?;
    if row.accepted {
        touch(tx.conn, row.pet_id)?;
    }
    let removed = News::Removed(Left { pet_id: row.pet_id, user_id: row.user_id });
    Ok(Change::to_all(keepers(tx.conn, row.pet_id)?.into_iter().chain([row.user_id]), removed))
}

pub fn transfer(tx: &mut Tx<'_>, ctx: &Ctx, pet: PetId, user: UserId) -> Result<Pet> {
    let held = hold(tx, ctx, pet, &[user])?;
    may_own(held.role)?;
    find(tx.conn, ctx.now, pet, user)?.filter(|row| row.accepted).ok_or(KEEPER_UNKNOWN)?;
    if user != held.caller {
        change(tx, ctx, pet)?;
        let told = hand_over(tx, pet, held.caller, user)?;
        tell(tx, ctx, &told)?;
    }
    read::one(tx.conn, &tx.services.ring, held.viewer, pet)
}

/// Makes a keeper the owner of a locked pet, and the owner a co-owner. Between the new owner and others who keep it, or
/// are invited to, there may be a block; these keep it no longer.
pub fn hand_over(tx: &mut Tx<'_>, pet: PetId, from: UserId, to: UserId) -> Result<Vec<Change>> {
    // There is never a second owner.
    for (user, role) in [(from, Role::CoOwner), (to, Role::Owner)] {
        diesel::update(table::table.find((pet, user))).set(table::role.eq(role.as_str())).execute(tx.conn)?;
    }
    diesel::update(pets::table.find(pet)).set(pets::owner_id.eq(to)).execute(tx.conn)?;
    touch(tx.conn, pet)?;
    let all = keepers(tx.conn, pet)?;
    let updated = |user_id, role| News::KeeperUpdated(Kept { pet_id: pet, user_id, role });
    let mut told = Change::to_all(all.iter().copied(), updated(from, Role::CoOwner));
    told.extend(Change::to_all(all, updated(to, Role::Owner)));
    let concerned = table::table.filter(table::pet_id.eq(pet)).order(table::user_id).select(KeeperRow::as_select());
    let concerned: Vec<KeeperRow> = concerned.load(tx.conn)?;
    let blocked = blocks::either_way(tx.conn, to, &concerned.iter().map(|row| row.user_id).collect::<Vec<_>>())?;
    for row in concerned.iter().filter(|row| blocked.contains(&row.user_id)) {
        told.extend(take_out(tx, row)?);
    }
    Ok(told)
}

/// Ends what makes one of two people, who are locked, keep pets of the other, and returns what everybody is told. It locks
/// all pets that both keep, because somebody who is being erased may hand one of them to one of the two meanwhile.
pub fn sever(tx: &mut Tx<'_>, one: UserId, other: UserId) -> Result<Vec<Change>> {
    let theirs = table::table.filter(table::user_id.eq(other)).select(table::pet_id).order(table::pet_id);
    let theirs: Vec<PetId> = theirs.load(tx.conn)?;
    let shared = table::table.filter(table::user_id.eq(one).and(table::pet_id.eq_any(theirs)));
    let shared: Vec<PetId> = shared.order(table::pet_id).select(table::pet_id).load(tx.conn)?;
    let mut told = Vec::new();
    for pet in shared {
        // It may have been deleted before it was locked.
        let Some(owner) = lock(tx, pet)?.map(|row| row.owner_id) else { continue };
        let guest = [(one, other), (other, one)].into_iter().find(|(host, _)| *host == owner);
        let Some((_, guest)) = guest else { continue };
        let row = table::table.find((pet, guest)).select(KeeperRow::as_select()).first(tx.conn).optional()?;
        if let Some(row) = row {
            told.extend(take_out(tx, &row)?);
        }
    }
    Ok(told)
}

/// The users who keep a pet with the viewer or are invited to, and the owners of pets that the viewer is invited to keep.
pub fn kept_with(viewer: Viewer) -> Tie {
    let open_since = viewer.now.minus(OPEN_FOR);
    let own = diesel::alias!(table as own);
    let mine = own.filter(own.field(table::user_id).eq(viewer.id));
    let kept = mine.filter(own.field(table::accepted).eq(true)).select(own.field(table::pet_id));
    let invited = own.field(table::accepted).eq(false).and(own.field(table::since).gt(open_since));
    let invited = mine.filter(invited).select(own.field(table::pet_id));
    let theirs = table::table.filter(table::user_id.eq(users::id));
    let beside = theirs.filter(table::pet_id.eq_any(kept));
    let beside = beside.filter(table::accepted.eq(true).or(table::since.gt(open_since)));
    let inviting = theirs.filter(table::pet_id.eq_any(invited).and(table::role.eq(Role::Owner.as_str())));
    Box::new(exists(beside).or(exists(inviting)))
}

/// Who gets a pet whose owner is erased: the longest-serving co-owner.
pub fn heir(conn: &mut Conn, pet: PetId) -> Result<Option<UserId>> {
    let heir = table::table
        .inner_join(users::table)
        .filter(table::pet_id.eq(pet).and(table::accepted.eq(true)))
        .filter(table::role.eq(Role::CoOwner.as_str()).and(users::deleted_at.is_null()))
        .order((table::since, table::user_id))
        .select(table::user_id)
        .first(conn)
        .optional()?;
    Ok(heir)
}
