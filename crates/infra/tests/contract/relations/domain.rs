//! What the tests of all domains need to know about quotes, threads and forwarding.

use clowder_core::{Ctx, IdempotencyKey, MessageId, PageRequest};
use clowder_messaging::{NewMessage, NewRead, Window, relations::NewForward};
use serde_json::json;

use crate::{
    copies::once,
    domains::Domain,
    stress::{NOTHING_TO_DO, Performed, Scene, of},
    world::{Person, World},
};

pub const DOMAIN: Domain = Domain {
    writes: &["Relations::follow_thread", "Relations::unfollow_thread", "Relations::read_thread", "Relations::forward"],
    reads: &["Relations::thread", "Relations::threads"],
    perform,
    keeps,
    repeats,
    ids: &[
        "messages.forwarded_id",
        "messages.reply_id",
        "messages.thread_id",
        "message_reviews.forwarded_id",
        "message_reviews.reply_id",
        "message_reviews.thread_id",
        "thread_marks.chat_id",
        "thread_marks.message_id",
    ],
    never: &[
        (
            "a wrong count of messages in a thread",
            "messages m WHERE coalesce(m.replies, 0) <> (SELECT count(*) FROM messages r WHERE r.chat_id = m.chat_id \
             AND r.thread_id = m.id AND r.deleted_at IS NULL)",
        ),
        (
            "a thread that does not say when its last message was sent",
            "messages m WHERE (m.replies IS NULL) <> (m.last_reply_at IS NULL)",
        ),
        (
            "a thread in a thread, or of the system",
            "messages m WHERE m.replies IS NOT NULL AND (m.thread_id IS NOT NULL OR m.type = 'system')",
        ),
        (
            "a message of a thread that is elsewhere",
            "messages r LEFT JOIN messages m ON m.id = r.thread_id AND m.chat_id = r.chat_id AND m.seq < r.seq \
             WHERE r.thread_id IS NOT NULL AND m.id IS NULL",
        ),
        (
            "a reply to a message that is elsewhere",
            "messages r LEFT JOIN messages m ON m.id = r.reply_id AND m.chat_id = r.chat_id AND m.seq = r.reply_seq \
             WHERE (r.reply_id IS NOT NULL OR r.reply_seq IS NOT NULL) AND m.id IS NULL",
        ),
        (
            "a mark of somebody who is not in the chat",
            "thread_marks t LEFT JOIN participants p ON p.chat_id = t.chat_id AND p.user_id = t.user_id \
             WHERE p.user_id IS NULL",
        ),
        (
            "a mark past the end of a chat",
            "thread_marks t JOIN chats c ON c.id = t.chat_id AND t.read_seq > c.last_seq",
        ),
    ],
    met: &[
        ("message in a thread", "messages m WHERE m.thread_id IS NOT NULL"),
        ("reply", "messages m WHERE m.reply_id IS NOT NULL"),
        ("forwarded message", "messages m WHERE m.forwarded_id IS NOT NULL"),
    ],
    ..Domain::NONE
};

fn keeps<'a>(world: &'a World, ada: &'a Person) -> Performed<'a> {
    Box::pin(async move {
        let chat = world.group(ada, &[]).await.id;
        let root = world.say(ada, chat, "root").await.id;
        world.store.relations.follow_thread(&world.ctx(ada), root).await.map(drop)
    })
}

fn repeats<'a>(world: &'a World, ada: &'a Person) -> Performed<'a> {
    Box::pin(async move {
        let chat = world.group(ada, &[]).await.id;
        let said = world.say(ada, chat, "regretted too").await.id;
        let new = || of::<NewForward>(json!({"chat_ids": [chat]}));
        let relations = &world.store.relations;
        let made = relations.forward(&once(world.ctx(ada), "forward"), said, new()).await?.into_inner();
        let sent = made.items[0].message.as_ref().expect("it is sent").id;
        world.store.messaging.delete(&world.ctx(ada), sent, None).await?;
        world.store.messaging.delete(&world.ctx(ada), said, None).await?;
        let again = relations.forward(&once(world.ctx(ada), "forward"), said, new()).await?.into_inner();
        let again = again.items[0].message.as_ref().expect("it was sent");
        assert_eq!((again.id, again.content.as_deref(), again.deleted_at.is_some()), (sent, None, true));
        Ok(())
    })
}

fn perform<'a>(scene: Scene<'a>, write: &'a str) -> Performed<'a> {
    Box::pin(async move {
        let Scene { stage, store, ctx, chat, dice, .. } = scene;
        let relations = &store.relations;
        let root = async |ctx: &Ctx| -> clowder_core::Result<MessageId> {
            let page = store.messaging.messages(ctx, chat, Window::NEWEST, 20).await?;
            let root = page.items.into_iter().find(|one| one.deleted_at.is_none() && one.thread_of.is_none());
            Ok(root.ok_or(NOTHING_TO_DO)?.id)
        };
        match write {
            "Relations::follow_thread" => relations.follow_thread(&ctx, root(&ctx).await?).await.map(drop),
            "Relations::unfollow_thread" => {
                let page = PageRequest { limit: 9, cursor: None };
                let threads = relations.threads(&ctx, None, page).await?.items;
                let one = threads.first().ok_or(NOTHING_TO_DO)?.root.id;
                relations.unfollow_thread(&ctx, one).await.map(drop)
            }
            "Relations::read_thread" => {
                let root = root(&ctx).await?;
                let name = if dice.below(2) == 0 { "reply_to" } else { "thread_of" };
                let new = of::<NewMessage>(json!({"content": stage.fresh("answer "), name: root, "thread_of": root}));
                match store.messaging.send(&ctx, chat, new).await {
                    // Somebody was faster with its deletion.
                    Err(clowder_core::Error::Invalid(_)) => return Err(NOTHING_TO_DO.into()),
                    sent => drop(sent?),
                }
                let seq = dice.below(200) as i64 + 1;
                relations.read_thread(&ctx, root, NewRead { seq }).await.map(drop)
            }
            "Relations::forward" => {
                let message = root(&ctx).await?;
                let key = (dice.below(2) == 0).then(|| IdempotencyKey::new(stage.fresh("k"), [1; 32]));
                let ctx = Ctx { idempotency_key: key, ..ctx };
                let new = of::<NewForward>(json!({"chat_ids": stage.chats}));
                match relations.forward(&ctx, message, new).await {
                    Err(clowder_core::Error::Refused(refusal)) if refusal.code == "message.not_forwardable" => {
                        Err(NOTHING_TO_DO.into())
                    }
                    done => done.map(drop),
                }
            }
            other => panic!("nobody performs {other}"),
        }
    })
}
