//! What the tests of all domains need to know about messaging.

use clowder_accounts::privacy::tombstone;
use clowder_core::{Ctx, Error, FileId, IdempotencyKey, Made, PageRequest, Result};
use clowder_infra::Store;
use clowder_media::{FileFilter, FileStatus};
use clowder_messaging::{ChatFilter, Emoji, MessagePatch, NewChat, NewMessage, NewRead};
use serde_json::{Value, json};

use crate::{
    copies::once,
    domains::Domain,
    privacy::{system, work},
    stress::{Dice, NOTHING_TO_DO, Performed, Scene, Stage, of},
    world::{Person, World},
};

pub const DOMAIN: Domain = Domain {
    writes: &[
        "Messaging::create_chat",
        "Messaging::send",
        "Messaging::edit",
        "Messaging::delete",
        "Messaging::read",
        "Messaging::react",
        "Messaging::unreact",
        "Messaging::delivered",
    ],
    reads: &[
        "Messaging::chat",
        "Messaging::all_mentions",
        "Messaging::may_type",
        "Messaging::chats",
        "Messaging::history",
        "Messaging::mentions",
        "Messaging::message",
        "Messaging::messages",
        "Messaging::reactions",
        "Messaging::receipts",
    ],
    perform,
    keeps,
    repeats,
    ids: &[
        "chats.id",
        "message_attachments.file_id",
        "message_client_ids.message_id",
        "messages.id",
        "receipts.chat_id",
    ],
    never: &[
        (
            "gaps in the numbers of a chat",
            "chats c WHERE c.last_seq <> (SELECT count(*) FROM messages m WHERE m.chat_id = c.id) \
         OR c.last_seq <> (SELECT coalesce(max(m.seq), 0) FROM messages m WHERE m.chat_id = c.id)",
        ),
        (
            "a wrong count of deleted messages",
            "chats c WHERE c.deleted_count <> (SELECT count(*) FROM messages m WHERE m.chat_id = c.id AND m.deleted_at IS NOT NULL)",
        ),
        (
            "a wrong count of participants",
            "chats c WHERE c.participant_count <> (SELECT count(*) FROM participants p WHERE p.chat_id = c.id)",
        ),
        (
            "a wrong count of own messages after the mark",
            "participants p WHERE p.own_after_read <> (SELECT count(*) FROM messages m \
         WHERE m.chat_id = p.chat_id AND m.sender_id = p.user_id AND m.seq > p.read_seq)",
        ),
        (
            "marks that contradict each other",
            "participants p JOIN chats c ON c.id = p.chat_id WHERE p.shown_read_seq > p.read_seq
               OR p.shown_read_seq > p.delivered_seq OR p.delivered_seq > c.last_seq",
        ),
        (
            "times of marks that did not move so far",
            "receipts r LEFT JOIN participants p ON p.chat_id = r.chat_id AND p.user_id = r.user_id
               WHERE p.user_id IS NULL OR r.seq > p.delivered_seq OR r.read AND r.seq > p.shown_read_seq",
        ),
        (
            "a wrong lowest mark",
            "chats c WHERE c.lowest_read_seq <> (SELECT min(p.shown_read_seq) FROM participants p WHERE p.chat_id = c.id)",
        ),
        (
            "a wrong second lowest mark",
            "chats c WHERE c.second_lowest_read_seq <> (SELECT p.shown_read_seq FROM participants p WHERE p.chat_id = c.id \
         ORDER BY p.shown_read_seq LIMIT 1 OFFSET 1)",
        ),
        (
            "times against the order of a chat",
            "messages a JOIN messages b ON b.chat_id = a.chat_id AND b.seq = a.seq + 1 AND b.created_at < a.created_at",
        ),
        ("a deleted message with its text", "messages m WHERE m.deleted_at IS NOT NULL AND m.content IS NOT NULL"),
        (
            "edits of a deleted message",
            "message_edits e JOIN messages m ON m.chat_id = e.chat_id AND m.seq = e.seq AND m.deleted_at IS NOT NULL",
        ),
        (
            "mentions of a deleted message",
            "message_mentions n JOIN messages m ON m.chat_id = n.chat_id AND m.seq = n.seq AND m.deleted_at IS NOT NULL",
        ),
        (
            "mentions of everybody in a deleted message",
            "message_mentions_all n JOIN messages m ON m.chat_id = n.chat_id AND m.seq = n.seq AND m.deleted_at IS NOT NULL",
        ),
        (
            "a wrong number of files of a message",
            "messages m WHERE m.attached <> (SELECT count(*) FROM message_attachments a
               WHERE a.chat_id = m.chat_id AND a.seq = m.seq) OR m.deleted_at IS NOT NULL AND m.attached > 0",
        ),
        (
            "a message with a file that is gone, and its name",
            "message_attachments a WHERE a.name IS NOT NULL AND NOT EXISTS (SELECT 1 FROM files f WHERE f.id = a.file_id)",
        ),
        ("a deleted message with its marks", "messages m WHERE m.deleted_at IS NOT NULL AND m.data IS NOT NULL"),
        (
            "a mention that does not say when its message was sent",
            "message_mentions n JOIN messages m ON m.chat_id = n.chat_id AND m.seq = n.seq AND m.created_at <> n.sent_at",
        ),
        (
            "a mention of everybody that does not say when its message was sent",
            "message_mentions_all n JOIN messages m ON m.chat_id = n.chat_id AND m.seq = n.seq AND m.created_at <> n.sent_at",
        ),
        (
            "a mention that counts for its author",
            "message_mentions n JOIN messages m ON m.chat_id = n.chat_id AND m.seq = n.seq
               WHERE n.counted AND m.sender_id = n.user_id",
        ),
        (
            "a wrong count of reactions",
            "message_reaction_counts c WHERE c.people <> (SELECT count(*) FROM message_reactions r
               WHERE r.chat_id = c.chat_id AND r.seq = c.seq AND r.emoji = c.emoji)",
        ),
        (
            "reactions that are not counted",
            "message_reactions r JOIN messages m ON m.chat_id = r.chat_id AND m.seq = r.seq
               WHERE NOT m.reactions_left AND NOT EXISTS (SELECT 1 FROM message_reaction_counts c
                 WHERE c.chat_id = r.chat_id AND c.seq = r.seq AND c.emoji = r.emoji)",
        ),
        (
            "a wrong number of different reactions",
            "messages m WHERE m.reaction_kinds <> (SELECT count(*) FROM message_reaction_counts c
               WHERE c.chat_id = m.chat_id AND c.seq = m.seq)",
        ),
        (
            "more different reactions than a message can have",
            "messages m WHERE m.reaction_kinds NOT BETWEEN 0 AND 20 OR m.deleted_at IS NOT NULL AND m.reaction_kinds > 0",
        ),
        (
            "a client id without its message",
            "message_client_ids c LEFT JOIN messages m ON m.id = c.message_id AND m.sender_id = c.sender_id \
         AND m.client_id = c.client_id WHERE m.id IS NULL",
        ),
        (
            "a message whose client id is free",
            "messages m LEFT JOIN message_client_ids c ON c.sender_id = m.sender_id AND c.client_id = m.client_id \
         WHERE m.client_id IS NOT NULL AND c.message_id IS NULL",
        ),
    ],
    ..Domain::NONE
};

fn repeats<'a>(world: &'a World, ada: &'a Person) -> Performed<'a> {
    Box::pin(async move {
        let messaging = &world.store.messaging;
        // A chat whose other participant is erased in between.
        let mia = world.person("mia").await;
        let private = || of::<NewChat>(json!({"type": "private", "participant_ids": [mia.id]}));
        let Made::New(chat) = messaging.create_chat(&once(world.ctx(ada), "chat"), private()).await? else {
            panic!("it is new")
        };
        assert_eq!(chat.peer.as_ref().unwrap().username, "mia");
        world.store.privacy.erase_user(&system(world), mia.id, None).await?;
        work(world, &world.store).await;
        let call = once(world.ctx(ada), "chat");
        let Made::New(again) = messaging.create_chat(&call, private()).await? else { panic!("new") };
        assert!(call.idempotency_key.unwrap().was_replayed());
        assert_eq!((again.id, again.peer.as_ref()), (chat.id, Some(&tombstone(mia.id))));
        // A message, deleted in between.
        let group = of::<NewChat>(json!({"type": "group", "title": "Lunch"}));
        let chat = messaging.create_chat(&world.ctx(ada), group).await?.into_inner();
        let new = || of::<NewMessage>(json!({"content": "regretted"}));
        let said = messaging.send(&once(world.ctx(ada), "message"), chat.id, new()).await?.into_inner();
        messaging.delete(&world.ctx(ada), said.id, None).await?;
        let again = messaging.send(&once(world.ctx(ada), "message"), chat.id, new()).await?.into_inner();
        assert_eq!((again.id, again.content, again.deleted_at.is_some()), (said.id, None, true));
        Ok(())
    })
}

fn keeps<'a>(world: &'a World, ada: &'a Person) -> Performed<'a> {
    Box::pin(async move {
        let ctx = world.ctx(ada);
        let chats = world.store.messaging.chats(&ctx, ChatFilter::default(), PageRequest::default()).await?;
        let said = chats.items.into_iter().find_map(|chat| chat.last_message).expect("somebody has said something");
        world.store.messaging.read(&ctx, said.chat_id, NewRead { seq: said.seq }).await?;
        // As if somebody else had mentioned her, who is not in the scene.
        let (yes, no) = if world.is_postgres() { ("true", "false") } else { ("1", "0") };
        let id = |uuid: uuid::Uuid| {
            if world.is_postgres() { format!("'{uuid}'") } else { format!("x'{}'", uuid.simple()) }
        };
        let (chat, user) = (id(said.chat_id.uuid()), id(ada.id.uuid()));
        world.batch(&format!(
            "INSERT INTO message_mentions (chat_id, seq, user_id, place, given, counted)
               VALUES ({chat}, {}, {user}, 0, {no}, {yes})",
            said.seq
        ));
        world.store.messaging.react(&ctx, said.id, emoji("🦄")).await.map(drop)
    })
}

fn emoji(text: &str) -> Emoji {
    Emoji::from_text(text).expect("a single emoji")
}

/// A message that mentions somebody, everybody or nobody.
fn mentioning(stage: &Stage, dice: &mut Dice, text: &str, client: &Option<String>) -> Value {
    let one = &stage.members[dice.below(stage.members.len())];
    let marks = match dice.below(4) {
        0 => format!("@{} #tea", one.name),
        1 => "@all".to_owned(),
        _ => String::new(),
    };
    let link = if dice.below(8) == 0 { " https://tea.example/menu" } else { "" };
    let content = format!("{} {marks}{link}", stage.fresh(text));
    match dice.below(4) {
        0 => json!({"content": content, "client_id": client, "mentions": [one.id]}),
        _ => json!({"content": content, "client_id": client}),
    }
}

/// Some files of the caller, who may have none, and may be deleting them.
async fn files(store: &Store, ctx: &Ctx, dice: &mut Dice) -> Result<Vec<FileId>> {
    let most = dice.below(3);
    let mine = store.media.files(ctx, FileFilter::default(), PageRequest::default()).await?;
    let ready = mine.items.into_iter().filter(|file| file.status == FileStatus::Ready);
    Ok(ready.map(|file| file.id).take(most).collect())
}

fn perform<'a>(scene: Scene<'a>, write: &'a str) -> Performed<'a> {
    Box::pin(async move {
        let Scene { stage, store, who, ctx, chat, dice, .. } = scene;
        match write {
            "Messaging::create_chat" => {
                let peer = stage.members[2 + (who - 1) % 4].id;
                let new = match dice.below(2) {
                    0 => json!({"type": "private", "participant_ids": [peer]}),
                    _ => json!({"type": "group", "title": "Tea", "participant_ids": [peer, stage.members[0].id]}),
                };
                let ctx = Ctx { idempotency_key: Some(IdempotencyKey::new(stage.fresh("k"), [1; 32])), ..ctx };
                store.messaging.create_chat(&ctx, of::<NewChat>(new)).await?;
            }
            "Messaging::send" => {
                let key = (dice.below(3) == 0).then(|| IdempotencyKey::new(stage.fresh("k"), [1; 32]));
                let client = (dice.below(2) == 0).then(|| stage.fresh("c"));
                let mut new = mentioning(stage, dice, "hello ", &client);
                let attached = files(store, &ctx, dice).await?;
                new["attachments"] = json!(attached);
                let new = of::<NewMessage>(new);
                let said = store.messaging.send(&Ctx { idempotency_key: key, ..ctx }, chat, new).await?.into_inner();
                stage.said.lock().unwrap().push((who, said.id));
                // Some delete a file that a message has.
                if let Some(file) = attached.first().filter(|_| dice.below(4) == 0) {
                    match store.media.delete_file(&stage.ctx(who), *file).await {
                        Ok(()) | Err(Error::Refused(_)) => {}
                        Err(error) => return Err(error),
                    }
                }
            }
            "Messaging::edit" => {
                let said = stage.said.lock().unwrap().last().copied();
                let (who, message) = said.ok_or(NOTHING_TO_DO)?;
                let mut patch = mentioning(stage, dice, "edited ", &None);
                if dice.below(2) == 0 {
                    patch["attachments"] = json!(files(store, &stage.ctx(who), dice).await?);
                }
                let patch = of::<MessagePatch>(patch);
                store.messaging.edit(&stage.ctx(who), message, None, patch).await?;
            }
            "Messaging::delete" => {
                let (who, message) = Stage::take(&stage.said).ok_or(NOTHING_TO_DO)?;
                store.messaging.delete(&stage.ctx(who), message, None).await?;
            }
            "Messaging::read" => {
                let seq = dice.below(200) as i64 + 1;
                store.messaging.read(&ctx, chat, of::<NewRead>(json!({"seq": seq}))).await?;
            }
            "Messaging::delivered" => {
                let seq = dice.below(200) as i64 + 1;
                store.messaging.delivered(&ctx, chat, of::<NewRead>(json!({"seq": seq}))).await?;
            }
            "Messaging::react" | "Messaging::unreact" => {
                let said = stage.said.lock().unwrap().last().copied();
                let (_, message) = said.ok_or(NOTHING_TO_DO)?;
                let one = emoji(["👍", "🍕", "❤"][dice.below(3)]);
                match write {
                    "Messaging::react" => store.messaging.react(&ctx, message, one).await?,
                    _ => store.messaging.unreact(&ctx, message, one).await?,
                };
            }
            other => panic!("nobody performs {other}"),
        }
        Ok(())
    })
}
