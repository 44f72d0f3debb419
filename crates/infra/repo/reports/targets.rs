//! What can be reported, and how each kind is found: a kind is one line of the table.

use clowder_accounts::refusals::USER_UNKNOWN;
use clowder_core::{Ctx, FileId, Id, Result, UserId};
use clowder_social::reports::{
    Evidence, ReportTarget, ReportTargetType, ReportedFile, ReportedGroup, ReportedMessage, ReportedUser, TargetId,
    policy::BEFORE,
};
use diesel::{dsl::exists, prelude::*};

use super::{
    super::{
        blocks,
        cards::Cards,
        dialect::Conn,
        friends, groups,
        messaging::reported,
        people::{self, Viewer},
        pets, profiles,
    },
    files,
};
use crate::domains::accounts::users;

/// A thing as the caller sees it, and who answers for it.
pub struct Seen {
    pub reported: UserId,
    /// Who else owns it.
    pub parties: Vec<UserId>,
    /// Who else has a part in it.
    pub involved: Vec<UserId>,
    pub evidence: Evidence,
}

impl Seen {
    fn of(reported: UserId, evidence: Evidence) -> Self {
        Self { reported, parties: Vec::new(), involved: Vec::new(), evidence }
    }
}

/// Finds a thing, or refuses as if it did not exist if the caller cannot see it.
type Loader = fn(&mut Conn, &Ctx, TargetId) -> Result<Seen>;

const LOADERS: &[(ReportTargetType, Loader)] = &[
    (ReportTargetType::Group, group),
    (ReportTargetType::Message, message),
    (ReportTargetType::Pet, pet),
    (ReportTargetType::User, user),
];

pub fn seen(conn: &mut Conn, ctx: &Ctx, target: ReportTarget) -> Result<Seen> {
    let loader = LOADERS.iter().find(|(kind, _)| *kind == target.kind);
    let (_, load) = loader.ok_or_else(|| clowder_core::Error::internal("a kind of target that nothing loads"))?;
    load(conn, ctx, target.id)
}

fn user(conn: &mut Conn, ctx: &Ctx, id: TargetId) -> Result<Seen> {
    let (viewer, id) = (Viewer::of(ctx)?, UserId::from_uuid(id.uuid()));
    let lives = users::table.find(id).filter(users::deleted_at.is_null());
    let lives: bool = diesel::select(exists(lives)).get_result(conn)?;
    // Both are asked whatever the first says: whether somebody exists must not show in time.
    let known = blocks::knows(conn, ctx, id)?;
    if !lives || !known {
        return Err(USER_UNKNOWN.into());
    }
    let friend_request = friends::asked_with(conn, viewer, id)?;
    let visible = users::table.find(id).filter(people::visible_to(viewer));
    let user = if diesel::select(exists(visible)).get_result(conn)? {
        let seen = profiles::seen(conn, viewer, id)?;
        let pictures: Vec<FileId> = [seen.avatar, seen.cover].into_iter().flatten().map(|it| it.file_id).collect();
        ReportedUser {
            pictures: files::pictured(conn, &pictures)?,
            id,
            username: seen.username,
            display_name: seen.display_name,
            bio: seen.bio,
            status_text: seen.status_text,
            pronouns: seen.pronouns,
            location: seen.location,
            links: seen.links.map(|links| links.into_iter().map(|link| link.url).collect()),
            friend_request,
        }
    } else {
        // Something connects the two, so the viewer sees the card.
        let card = Cards::of(conn, None, [id])?.card(id)?;
        ReportedUser {
            id,
            username: card.username,
            display_name: card.display_name,
            bio: None,
            status_text: None,
            pronouns: None,
            location: None,
            links: None,
            friend_request,
            pictures: Vec::new(),
        }
    };
    Ok(Seen::of(id, Evidence { user: Some(user), ..Evidence::default() }))
}

fn message(conn: &mut Conn, ctx: &Ctx, id: TargetId) -> Result<Seen> {
    let said = reported::seen(conn, ctx.user()?, ctx.now, Id::from_uuid(id.uuid()), BEFORE)?;
    let sender = said.last().map(|last| last.sender.id);
    let messages = said.into_iter().map(|said| ReportedMessage {
        id: said.id,
        chat_id: said.chat_id,
        seq: said.seq,
        sender: said.sender,
        content: said.content,
        created_at: said.created_at,
        edited_at: said.edited_at,
        attachments: said.attachments.into_iter().filter_map(attached).collect(),
    });
    let sender = sender.ok_or_else(|| clowder_core::Error::internal("a message that is not there"))?;
    Ok(Seen::of(sender, Evidence { messages: messages.collect(), ..Evidence::default() }))
}

/// Nothing of what is deleted.
fn attached(file: reported::Attachment) -> Option<ReportedFile> {
    Some(ReportedFile { id: file.id, kind: file.kind?, name: file.name })
}

fn group(conn: &mut Conn, ctx: &Ctx, id: TargetId) -> Result<Seen> {
    let (row, _) = groups::read::seen(conn, ctx.now, ctx.user()?, Id::from_uuid(id.uuid()))?;
    let owner = row.owner()?;
    let pictures: Vec<FileId> = row.pictures().into_iter().flatten().collect();
    let group = ReportedGroup {
        pictures: files::pictured(conn, &pictures)?,
        id: row.id,
        visibility: row.visibility()?,
        name: row.name,
        description: row.description,
        rules: row.rules,
        owner: Cards::of(conn, None, [owner])?.card(owner)?,
    };
    let involved = groups::read::staff_of_the_server(conn, group.id)?;
    Ok(Seen { involved, ..Seen::of(owner, Evidence { group: Some(group), ..Evidence::default() }) })
}

fn pet(conn: &mut Conn, ctx: &Ctx, id: TargetId) -> Result<Seen> {
    let id = Id::from_uuid(id.uuid());
    let (mut pet, pictures, reported, parties) = pets::read::reported(conn, Viewer::of(ctx)?, id)?;
    pet.pictures = files::pictured(conn, &pictures)?;
    let involved = pets::read::caretakers(conn, id)?;
    Ok(Seen { reported, parties, involved, evidence: Evidence { pet: Some(pet), ..Evidence::default() } })
}
