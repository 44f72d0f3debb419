//! What the tests of all domains need to know about chats themselves.

use clowder_core::{ChatId, Error, UserId};
use clowder_messaging::{
    NewChat,
    chats::{ChatPatch, NewDraft, NewOwner, PreferencesPatch},
};
use serde_json::json;

use crate::{
    domains::Domain,
    stress::{NOTHING_TO_DO, Performed, Scene, of},
    world::{Person, World},
};

pub const DOMAIN: Domain = Domain {
    writes: &[
        "Chats::edit_chat",
        "Chats::delete_chat",
        "Chats::transfer",
        "Chats::set_preferences",
        "Chats::set_draft",
    ],
    reads: &["Chats::directory", "Chats::deletion"],
    perform,
    keeps,
    ids: &[
        "chat_attempts.chat_id",
        "chat_attempts.id",
        "chat_deletions.chat_id",
        "chat_links.id",
        "chat_notes.id",
        "chats.avatar_id",
        "chats.group_id",
    ],
    never: &[
        (
            "a chat without an owner, although somebody is in it",
            "chats c WHERE c.type <> 'private' AND c.group_id IS NULL AND c.deleted_at IS NULL AND c.participant_count > 0 \
             AND NOT EXISTS (SELECT 1 FROM participants p WHERE p.chat_id = c.id AND p.role = 'owner')",
        ),
        (
            "a subscriber of something else than a channel",
            "participants p JOIN chats c ON c.id = p.chat_id AND c.type <> 'channel' AND p.role = 'subscriber'",
        ),
        (
            "notes about a chat that they are not in",
            "chat_notes n LEFT JOIN participants p ON p.chat_id = n.chat_id AND p.user_id = n.user_id WHERE p.user_id IS NULL",
        ),
        (
            "a deletion that has ended, of a chat that is there",
            "chat_deletions d JOIN chats c ON c.id = d.chat_id AND d.finished_at IS NOT NULL",
        ),
        ("words of a deleted chat", "chats c JOIN chat_words w ON w.chat_id = c.id WHERE c.deleted_at IS NOT NULL"),
        (
            "a wrong count of messages of the system",
            "chats c WHERE c.system_count <> (SELECT count(*) FROM messages m WHERE m.chat_id = c.id AND m.type = 'system')",
        ),
    ],
    ..Domain::NONE
};

fn keeps<'a>(world: &'a World, ada: &'a Person) -> Performed<'a> {
    Box::pin(async move {
        let chat = world.group(ada, &[]).await.id;
        let ctx = world.ctx(ada);
        world.store.chats.set_preferences(&ctx, chat, of::<PreferencesPatch>(json!({"title": "Peculiar"}))).await?;
        world.store.chats.set_draft(&ctx, chat, of::<NewDraft>(json!({"content": "A draft"}))).await?;
        world.store.invitations.invite(&ctx, chat, of(json!({}))).await?;
        let eve = world.person("eve").await;
        let other = world.group(&eve, &[]).await.id;
        world.store.invitations.invite(&world.ctx(&eve), other, of(json!({"user_ids": [ada.id]}))).await.map(drop)
    })
}

/// A chat whose people come and go, with the place of somebody who owned it at first: an existing one, or now and then a
/// new one, so that each write comes through.
pub async fn crowd(scene: &mut Scene<'_>) -> clowder_core::Result<(usize, ChatId)> {
    let known = {
        let crowds = scene.stage.crowds.lock().unwrap();
        // One of the latest: of the others, most are deleted already.
        let latest = &crowds[crowds.len().saturating_sub(6)..];
        if latest.is_empty() { None } else { Some(latest[scene.dice.below(latest.len())]) }
    };
    match known {
        Some(known) if scene.dice.below(3) > 0 => Ok(known),
        _ => new_crowd(scene).await,
    }
}

/// A chat, and somebody who writes there: in one that all tasks share, where most are muted, banned or slowed down after a
/// while, or the first owner of a crowd.
pub async fn writer(scene: &mut Scene<'_>) -> clowder_core::Result<(usize, ChatId)> {
    match scene.dice.below(2) {
        0 => Ok((scene.who, scene.chat)),
        _ => crowd(scene).await,
    }
}

async fn new_crowd(scene: &mut Scene<'_>) -> clowder_core::Result<(usize, ChatId)> {
    let Scene { stage, store, who, ctx, dice, .. } = scene;
    let kind = ["group", "channel"][dice.below(2)];
    let history = ["all", "since_join"][dice.below(2)];
    let new = |ids: &[UserId]| {
        let title = stage.fresh("Crowd ");
        of::<NewChat>(
            json!({"type": kind, "title": title, "participant_ids": ids, "visibility": "public", "history": history}),
        )
    };
    let ids: Vec<_> = stage.members.iter().map(|member| member.id).collect();
    let chat = match store.messaging.create_chat(ctx, new(&ids)).await {
        // One of them has blocked another, as is mostly so. They come by themselves.
        Err(error) if !error.is_ours() => {
            let chat = store.messaging.create_chat(ctx, new(&[])).await?.into_inner();
            for other in 2..stage.members.len() {
                let came = store.participants.join(&stage.ctx(other), chat.id).await;
                came.map(drop).or_else(|error| if error.is_ours() { Err(error) } else { Ok(()) })?;
            }
            chat
        }
        made => made?.into_inner(),
    };
    stage.crowds.lock().unwrap().push((*who, chat.id));
    Ok((*who, chat.id))
}

/// Others were faster, or the role of whoever does it is another by now.
pub fn unless_others_were_faster(outcome: clowder_core::Result<()>) -> clowder_core::Result<()> {
    match outcome {
        Err(
            Error::Refused(refusal)
            | Error::Explained { refusal, .. }
            | Error::Pointed { refusal, .. }
            | Error::TooEarly { refusal, .. },
        ) if refusal.code.starts_with("chat.") => Err(NOTHING_TO_DO.into()),
        outcome => outcome,
    }
}

fn perform<'a>(mut scene: Scene<'a>, write: &'a str) -> Performed<'a> {
    Box::pin(async move {
        // Mostly one of their own is deleted, because of others most are deleted already.
        let own = write == "Chats::delete_chat" && scene.dice.below(4) > 0;
        let (owner, chat) = if own { new_crowd(&mut scene).await? } else { crowd(&mut scene).await? };
        let Scene { stage, store, who, ctx, dice, .. } = scene;
        let (chats, staff) = (&store.chats, stage.ctx(owner));
        let outcome = match write {
            "Chats::edit_chat" => {
                let patch = json!({"title": stage.fresh("Crowd "), "description": stage.fresh("all about "), "rights": {"pin": dice.below(2) == 0}});
                chats.edit_chat(&staff, chat, None, of::<ChatPatch>(patch)).await.map(drop)
            }
            "Chats::delete_chat" => chats.delete_chat(&staff, chat, None).await.map(drop),
            "Chats::transfer" => {
                let new = of::<NewOwner>(json!({"user_id": stage.members[2 + (who - 1) % 4].id}));
                chats.transfer(&staff, chat, new).await.map(drop)
            }
            "Chats::set_preferences" => {
                let patch = json!({"pinned": dice.below(2) == 0, "archived": dice.below(2) == 0, "title": stage.fresh("mine ")});
                chats.set_preferences(&ctx, chat, of::<PreferencesPatch>(patch)).await.map(drop)
            }
            "Chats::set_draft" => {
                let text = (dice.below(3) > 0).then(|| stage.fresh("draft "));
                chats.set_draft(&ctx, chat, of::<NewDraft>(json!({"content": text}))).await.map(drop)
            }
            other => panic!("nobody performs {other}"),
        };
        unless_others_were_faster(outcome)
    })
}
