//! Creating, editing, deleting and transferring groups, and what all writes of groups begin with.

use std::collections::HashSet;

use clowder_core::{ChatId, Ctx, Error, FileId, Result, Timestamp, UserId, Versions, Word, words::words};
use clowder_social::groups::{
    Change, Deletion, Gone, Group, GroupId, GroupPatch, GroupVisibility, NewGroup, Role, Standing,
    change::{Added, Audience, Face, SHOW_THE_GROUP},
    model::{DeletionStatus, Optional},
    policy::{self, OPEN_FOR, Place, Room, fits, may_see},
    refusals::{GROUP_FILTERED, GROUP_LIMIT, GROUP_MUTED, GROUP_STALE, GROUP_UNKNOWN},
};
use diesel::{
    dsl::{count_star, exists},
    prelude::*,
};

use super::{
    super::{
        cards::Cards,
        db::Tx,
        dialect::{self, Conn},
        journal,
        media::pictures,
        messaging::{
            change,
            membership::{self, SystemAction},
        },
        people::Viewer,
        staff::search::is_suspended,
    },
    clearing, invites, read,
    told::{Told, about_member, in_chat, tell},
};
use crate::domains::{
    accounts::users,
    groups::{GroupRow, group_deletions as deletions, group_people, group_words, groups},
};

/// The name of a group whose texts were taken away.
const NO_NAME: &str = "Group";

/// A group that the caller may see, locked, with whom it is about.
pub struct Held {
    pub caller: UserId,
    pub row: GroupRow,
    pub place: Place,
}

/// Locks the caller and the others, then the group; until the end of the transaction nobody else changes it, nor who is
/// in it.
pub fn hold(tx: &mut Tx<'_>, ctx: &Ctx, group: GroupId, others: &[UserId]) -> Result<Held> {
    let held = hold_any(tx, ctx, group, others)?;
    if may_see(held.row.visibility()?, held.place) { Ok(held) } else { Err(GROUP_UNKNOWN.into()) }
}

/// Also one that the caller could not see without a link.
pub fn hold_any(tx: &mut Tx<'_>, ctx: &Ctx, group: GroupId, others: &[UserId]) -> Result<Held> {
    let caller = ctx.user()?;
    let mut people = others.to_vec();
    people.push(caller);
    dialect::accounts::lock_users(tx.conn, &people)?;
    if !is_there(tx.conn, caller)? {
        return Err(GROUP_UNKNOWN.into());
    }
    dialect::groups::lock_group(tx.conn, group)?;
    let row = read::row(tx.conn, group)?.ok_or(GROUP_UNKNOWN)?;
    let place = read::place(tx.conn, ctx.now, group, caller)?;
    Ok(Held { caller, row, place })
}

/// Whether an account has not been erased.
pub fn is_there(conn: &mut Conn, user: UserId) -> Result<bool> {
    Ok(diesel::select(exists(users::table.find(user).filter(users::deleted_at.is_null()))).get_result(conn)?)
}

/// How many stand to a group like this.
pub fn count(conn: &mut Conn, now: Timestamp, group: GroupId, standing: Standing) -> Result<i64> {
    let some = group_people::group_id.eq(group).and(group_people::status.eq(standing.as_str()));
    let mut some = group_people::table.filter(some).select(count_star()).into_boxed();
    if matches!(standing, Standing::Pending | Standing::Invited) {
        some = some.filter(group_people::since.gt(now.minus(OPEN_FOR)));
    }
    Ok(some.first(conn)?)
}

fn owned(conn: &mut Conn, user: UserId) -> Result<i64> {
    Ok(groups::table.filter(groups::owner_id.eq(user)).select(count_star()).first(conn)?)
}

/// Whether there is room for somebody.
pub fn room(tx: &mut Tx<'_>, row: &GroupRow, user: UserId) -> Result<Room> {
    let member = group_people::user_id.eq(user).and(group_people::status.eq(Standing::Member.as_str()));
    let memberships = group_people::table.filter(member).select(count_star()).first(tx.conn)?;
    Ok(Room { members: row.member_count, memberships, limits: tx.services.options.groups })
}

/// What is kept of somebody in a group.
pub struct Entry {
    pub place: Place,
    pub invited_by: Option<UserId>,
    /// Why they are banned.
    pub reason: Option<String>,
}

impl From<Place> for Entry {
    fn from(place: Place) -> Self {
        Self { place, invited_by: None, reason: None }
    }
}

/// How somebody stands to a group from now on.
pub fn put(conn: &mut Conn, ctx: &Ctx, group: GroupId, user: UserId, entry: Entry) -> Result<()> {
    let Entry { place, invited_by, reason } = entry;
    let status = place.standing.map(Word::as_str).unwrap_or_default();
    let values = (
        group_people::status.eq(status),
        group_people::role.eq(place.role.map(Word::as_str)),
        group_people::since.eq(ctx.now),
        group_people::invited_by.eq(invited_by),
        group_people::reason.eq(reason),
    );
    diesel::insert_into(group_people::table)
        .values((group_people::group_id.eq(group), group_people::user_id.eq(user), values.clone()))
        .on_conflict((group_people::group_id, group_people::user_id))
        .do_update()
        .set(values)
        .execute(conn)?;
    Ok(())
}

/// From now on somebody has nothing to do with a group.
pub fn forget(tx: &mut Tx<'_>, group: GroupId, user: UserId) -> Result<()> {
    diesel::delete(group_people::table.find((group, user))).execute(tx.conn)?;
    Ok(())
}

/// Makes somebody a member of a held group, and of its chat.
pub fn enter(tx: &mut Tx<'_>, ctx: &Ctx, row: &GroupRow, user: UserId, role: Role) -> Result<Vec<Told>> {
    let group = row.id;
    put(tx.conn, ctx, group, user, Place::member(role).into())?;
    let counted = groups::member_count.eq(groups::member_count + 1);
    let members: i64 =
        diesel::update(groups::table.find(group)).set(counted).returning(groups::member_count).get_result(tx.conn)?;
    let chat = membership::add(tx, ctx, row.chat_id, &[user], in_chat(role))?;
    let user = Cards::of(tx.conn, None, [user])?.card(user)?;
    let added =
        |audience| Change::MemberAdded(audience, Added { group_id: group, user: user.clone(), role, since: ctx.now });
    let mut told = about_member(tx.conn, group, members, user.id, added)?;
    told.extend(chat.into_iter().map(Told::Chat));
    // Of whoever creates the group, the chat says nothing.
    if row.member_count > 0 {
        let (by, came) = (ctx.user()?, user.id);
        let (action, people) =
            if by == came { (SystemAction::Joined, Vec::new()) } else { (SystemAction::Added, vec![came]) };
        told.extend(membership::note(tx, ctx, row.chat_id, by, action, people)?.map(Told::Chat));
    }
    Ok(told)
}

pub fn create(tx: &mut Tx<'_>, ctx: &Ctx, new: NewGroup) -> Result<Group> {
    let owner = ctx.user()?;
    dialect::accounts::lock_user(tx.conn, owner)?;
    if !is_there(tx.conn, owner)? {
        return Err(GROUP_UNKNOWN.into());
    }
    if owned(tx.conn, owner)? >= tx.services.options.groups.owned {
        return Err(GROUP_LIMIT.into());
    }
    let (id, chat) = (GroupId::new(ctx.now), ChatId::new(ctx.now));
    let name = new.name.into_string();
    let description = new.description.and_then(Optional::into_option);
    membership::create(tx, ctx, chat, id, &name)?;
    super::pictures::hold(tx, owner, [None; 2], [new.avatar, new.cover])?;
    if new.avatar.is_some() {
        membership::picture(tx, chat, new.avatar)?;
    }
    if !membership::may_be_called(tx, ctx, chat, &name, description.as_deref())? {
        return Err(GROUP_FILTERED.into());
    }
    diesel::insert_into(groups::table)
        .values((
            groups::id.eq(id),
            groups::name.eq(&name),
            groups::description.eq(description),
            groups::rules.eq(new.rules.and_then(Optional::into_option)),
            groups::visibility.eq(new.visibility.as_str()),
            groups::owner_id.eq(owner),
            groups::member_count.eq(0),
            groups::chat_id.eq(chat),
            groups::created_at.eq(ctx.now),
            groups::version.eq(1),
            groups::avatar_id.eq(new.avatar),
            groups::cover_id.eq(new.cover),
        ))
        .execute(tx.conn)?;
    index(tx.conn, id, &name, new.visibility)?;
    let row = read::row(tx.conn, id)?.ok_or(GROUP_UNKNOWN)?;
    fits(room(tx, &row, owner)?)?;
    // The owner learns of the group and of the chat, and of no membership besides.
    let mut told = vec![Told::Group(Change::Created(Box::new(row.face()?)))];
    let entered = enter(tx, ctx, &row, owner, Role::Owner)?;
    told.extend(entered.into_iter().filter(|told| matches!(told, Told::Chat(_))));
    tell(tx, ctx, &told)?;
    read::one(tx.conn, Viewer::of(ctx)?, id)
}

pub fn index(conn: &mut Conn, group: GroupId, name: &str, visibility: GroupVisibility) -> Result<()> {
    let listed = group_words::listed.eq(visibility != GroupVisibility::Secret);
    let row = |word| (group_words::word.eq(word), group_words::group_id.eq(group), listed);
    let rows: Vec<_> = words(name).into_iter().map(row).collect();
    diesel::insert_into(group_words::table).values(rows).execute(conn)?;
    Ok(())
}

fn unindex(tx: &mut Tx<'_>, group: GroupId) -> Result<()> {
    diesel::delete(group_words::table.filter(group_words::group_id.eq(group))).execute(tx.conn)?;
    tx.deleted_text = true;
    Ok(())
}

/// Fails if none of the tags that the caller has seen is of the current version; says which tag the group has now.
fn check(tags: Option<&Versions>, held: &Held) -> Result<()> {
    match tags.map(Versions::of_tags) {
        Some(seen) if !seen.hold(held.row.version) => {
            let current = held.row.clone().group(held.place, &HashSet::new())?.tag();
            Err(Error::Stale { refusal: GROUP_STALE, current })
        }
        _ => Ok(()),
    }
}

pub fn edit(tx: &mut Tx<'_>, ctx: &Ctx, group: GroupId, tags: Option<&Versions>, patch: GroupPatch) -> Result<Group> {
    let held = hold(tx, ctx, group, &[])?;
    policy::may_edit(held.place)?;
    check(tags, &held)?;
    let before = held.row;
    let mut after = before.clone();
    if let Some(name) = patch.name {
        after.name = name.into_string();
    }
    if let Some(description) = patch.description {
        after.description = description.into_option();
    }
    if let Some(rules) = patch.rules {
        after.rules = rules.into_option();
    }
    if let Some(visibility) = patch.visibility {
        after.visibility = visibility.as_str().to_owned();
    }
    if let Some(avatar) = patch.avatar {
        after.avatar_id = avatar.0;
    }
    if let Some(cover) = patch.cover {
        after.cover_id = cover.0;
    }
    if after == before {
        return before.group(held.place, &HashSet::new());
    }
    change(tx, ctx, after.chat_id)?;
    // Members read these at once, as they read a message.
    let is_written = (&after.name, &after.description, &after.rules, after.pictures())
        != (&before.name, &before.description, &before.rules, before.pictures());
    if is_written && !membership::may_speak(tx, ctx, after.chat_id)? {
        return Err(GROUP_MUTED.into());
    }
    let is_said = (&after.name, &after.description) == (&before.name, &before.description);
    if !is_said && !membership::may_be_called(tx, ctx, after.chat_id, &after.name, after.description.as_deref())? {
        return Err(GROUP_FILTERED.into());
    }
    super::pictures::hold(tx, held.caller, before.pictures(), after.pictures())?;
    let Some((after, updated)) = changed(tx, &before, after)? else { return before.group(held.place, &HashSet::new()) };
    let mut told = vec![Told::Group(updated)];
    if after.name != before.name {
        told.push(Told::Chat(membership::note_title(tx, ctx, after.chat_id, held.caller, &after.name)?));
    }
    tell(tx, ctx, &told)?;
    after.group(held.place, &HashSet::new())
}

/// Writes a changed row of a held group, also to its chat and to the journal, and returns what members are told.
pub fn changed(tx: &mut Tx<'_>, before: &GroupRow, mut after: GroupRow) -> Result<Option<(GroupRow, Change)>> {
    if after == *before {
        return Ok(None);
    }
    let group = after.id;
    after.version += 1;
    let edited = (
        groups::name.eq(&after.name),
        groups::description.eq(&after.description),
        groups::rules.eq(&after.rules),
        groups::visibility.eq(&after.visibility),
        groups::version.eq(after.version),
        groups::avatar_id.eq(after.avatar_id),
        groups::cover_id.eq(after.cover_id),
    );
    diesel::update(groups::table.find(group)).set(edited).execute(tx.conn)?;
    if after.name != before.name {
        unindex(tx, group)?;
        index(tx.conn, group, &after.name, after.visibility()?)?;
        membership::rename(tx, after.chat_id, &after.name)?;
    } else if after.visibility != before.visibility {
        let listed = group_words::listed.eq(after.visibility()? != GroupVisibility::Secret);
        let own = group_words::table.filter(group_words::group_id.eq(group));
        diesel::update(own).set(listed).execute(tx.conn)?;
    }
    if after.avatar_id != before.avatar_id {
        membership::picture(tx, after.chat_id, after.avatar_id)?;
    }
    pictures::replace(tx, &before.pictures(), &after.pictures());
    let updated = Change::Updated(Box::new(after.face()?));
    journal::supersede(tx, SHOW_THE_GROUP, &updated)?;
    Ok(Some((after, updated)))
}

/// Takes the texts and the pictures of a group away by the decision of another domain, hides it from everybody who is not in
/// it, and revokes its links. Answers the change, which the caller appends; nothing if the group is gone.
pub fn blank_by_decision(tx: &mut Tx<'_>, ctx: &Ctx, group: GroupId) -> Result<Option<Change>> {
    dialect::groups::lock_group(tx.conn, group)?;
    let Some(before) = read::row(tx.conn, group)? else { return Ok(None) };
    invites::revoke_all(tx, ctx, group)?;
    let after = GroupRow {
        name: NO_NAME.to_owned(),
        description: None,
        rules: None,
        visibility: GroupVisibility::Secret.as_str().to_owned(),
        avatar_id: None,
        cover_id: None,
        ..before.clone()
    };
    Ok(changed(tx, &before, after)?.map(|(_, updated)| updated))
}

/// Deletes a group: a small one wholly, and of a larger one what one transaction bears. A job does the rest.
pub fn delete(tx: &mut Tx<'_>, ctx: &Ctx, group: GroupId, tags: Option<&Versions>) -> Result<Gone> {
    let held = hold(tx, ctx, group, &[])?;
    policy::may_own(held.place)?;
    check(tags, &held)?;
    let members = held.row.member_count;
    let mut told = close(tx, ctx, &held.row, held.caller)?;
    if clearing::at_once(tx, group, members, &mut told)? {
        tell(tx, ctx, &told)?;
        return Ok(Gone::Whole);
    }
    let kept = (deletions::group_id.eq(group), deletions::user_id.eq(held.caller), deletions::members.eq(members));
    diesel::insert_into(deletions::table).values(kept).execute(tx.conn)?;
    clearing::order(tx, ctx, group)?;
    tell(tx, ctx, &told)?;
    Ok(Gone::Started(Deletion { group_id: group, status: DeletionStatus::Running, progress: 0.0 }))
}

/// Hides a held group from everybody, takes its texts and pictures, and takes its owner out of it and of its chat. The rest
/// is to be cleared.
pub fn close(tx: &mut Tx<'_>, ctx: &Ctx, row: &GroupRow, owner: UserId) -> Result<Vec<Told>> {
    let group = row.id;
    let hidden = (
        groups::deleted_at.eq(ctx.now),
        groups::owner_id.eq(None::<UserId>),
        groups::name.eq(""),
        groups::description.eq(None::<String>),
        groups::rules.eq(None::<String>),
        groups::avatar_id.eq(None::<FileId>),
        groups::cover_id.eq(None::<FileId>),
    );
    diesel::update(groups::table.find(group)).set(hidden).execute(tx.conn)?;
    unindex(tx, group)?;
    let told = clearing::take_out(tx, group, row.chat_id, &[owner])?;
    if row.avatar_id.is_some() {
        membership::picture(tx, row.chat_id, None)?;
    }
    pictures::replace(tx, &row.pictures(), &[]);
    // Whoever is still to be taken out may read them again, so they keep their form.
    let face = Face { name: String::new(), description: None, rules: None, avatar: None, cover: None, ..row.face()? };
    journal::supersede(tx, SHOW_THE_GROUP, &Change::Updated(Box::new(face)))?;
    Ok(told)
}

pub fn transfer(tx: &mut Tx<'_>, ctx: &Ctx, group: GroupId, user: UserId) -> Result<Group> {
    let held = hold(tx, ctx, group, &[user])?;
    // Somebody who is suspended could neither run the group nor hand it on.
    let suspended = users::table.find(user).filter(is_suspended(ctx.now));
    let target = match diesel::select(exists(suspended)).get_result(tx.conn)? {
        true => Place::NONE,
        false => read::place(tx.conn, ctx.now, group, user)?,
    };
    let owned = owned(tx.conn, user)?;
    policy::may_transfer(held.place, target, owned, tx.services.options.groups)?;
    if user == held.caller {
        return held.row.group(held.place, &HashSet::new());
    }
    change(tx, ctx, held.row.chat_id)?;
    let told = hand_over(tx, ctx, held.row, Some(held.caller), user)?;
    tell(tx, ctx, &told)?;
    read::one(tx.conn, Viewer::of(ctx)?, group)
}

/// Makes a member the owner of a held group, and the earlier owner, if they stay, an admin.
pub fn hand_over(tx: &mut Tx<'_>, ctx: &Ctx, row: GroupRow, from: Option<UserId>, to: UserId) -> Result<Vec<Told>> {
    let mut told = Vec::new();
    if let Some(from) = from {
        told.extend(set_role(tx, ctx, &row, from, Role::Admin)?);
    }
    told.extend(set_role(tx, ctx, &row, to, Role::Owner)?);
    if let Some(from) = from {
        let note = membership::note(tx, ctx, row.chat_id, from, SystemAction::OwnerChanged, vec![to])?;
        told.extend(note.map(Told::Chat));
    }
    let owned = (groups::owner_id.eq(to), groups::version.eq(groups::version + 1));
    diesel::update(groups::table.find(row.id)).set(owned).execute(tx.conn)?;
    let row = GroupRow { owner_id: Some(to), version: row.version + 1, ..row };
    told.push(Told::Group(Change::Updated(Box::new(row.face()?))));
    Ok(told)
}

/// Gives a member of a held group another role, there and in its chat.
pub fn set_role(tx: &mut Tx<'_>, ctx: &Ctx, row: &GroupRow, user: UserId, role: Role) -> Result<Vec<Told>> {
    let one = group_people::table.find((row.id, user));
    let since = diesel::update(one)
        .set((group_people::role.eq(role.as_str()), group_people::role_since.eq(ctx.now)))
        .returning(group_people::since)
        .get_result(tx.conn)?;
    membership::set_role(tx, row.chat_id, user, in_chat(role))?;
    let user = Cards::of(tx.conn, None, [user])?.card(user)?;
    let updated = |audience: Audience| {
        Change::MemberUpdated(audience, Added { group_id: row.id, user: user.clone(), role, since })
    };
    about_member(tx.conn, row.id, row.member_count, user.id, updated)
}
