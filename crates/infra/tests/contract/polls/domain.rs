//! What the tests of all domains need to know about polls.

use clowder_core::PageRequest;
use clowder_messaging::{ChatFilter, NewMessage, polls::NewVote};
use serde_json::json;

use crate::{
    domains::Domain,
    stress::{NOTHING_TO_DO, Performed, Scene, Stage, of},
    world::{Person, World},
};

pub const DOMAIN: Domain = Domain {
    writes: &["Polls::vote", "Polls::close"],
    reads: &["Polls::voters"],
    perform,
    keeps,
    never: &[
        (
            "a wrong number of people who have voted",
            "message_polls p WHERE p.voters >= 0 AND p.voters <> (SELECT count(*) FROM message_poll_votes v
               WHERE v.chat_id = p.chat_id AND v.seq = p.seq)",
        ),
        (
            "a wrong count of votes for an option",
            "message_polls p WHERE p.voters >= 0 AND p.votes <> '[' ||
               (SELECT coalesce(sum(v.choices & 1), 0) FROM message_poll_votes v
                 WHERE v.chat_id = p.chat_id AND v.seq = p.seq) || ',' ||
               (SELECT coalesce(sum((v.choices & 2) / 2), 0) FROM message_poll_votes v
                 WHERE v.chat_id = p.chat_id AND v.seq = p.seq) || ',' ||
               (SELECT coalesce(sum((v.choices & 4) / 4), 0) FROM message_poll_votes v
                 WHERE v.chat_id = p.chat_id AND v.seq = p.seq) || ']'",
        ),
        ("a vote for nothing", "message_poll_votes v WHERE v.choices = 0"),
        (
            "a poll of a deleted message",
            "message_polls p JOIN messages m ON m.chat_id = p.chat_id AND m.seq = p.seq
               WHERE m.deleted_at IS NOT NULL AND p.voters >= 0",
        ),
        (
            "a poll that nobody can vote in",
            "messages m LEFT JOIN message_polls p ON p.chat_id = m.chat_id AND p.seq = m.seq
               WHERE m.type = 'poll' AND m.deleted_at IS NULL AND (p.seq IS NULL OR p.voters < 0)",
        ),
        (
            "options of a deleted poll",
            "messages m WHERE m.type = 'poll' AND m.deleted_at IS NOT NULL AND m.data IS NOT NULL",
        ),
    ],
    met: &[("poll in which people voted", "message_polls p WHERE p.voters > 0")],
    ..Domain::NONE
};

/// In a chat of hers, in which somebody has said something.
fn keeps<'a>(world: &'a World, ada: &'a Person) -> Performed<'a> {
    Box::pin(async move {
        let ctx = world.ctx(ada);
        let chats = world.store.messaging.chats(&ctx, ChatFilter::default(), PageRequest::default()).await?;
        let chat = chats.items.iter().find(|chat| chat.writable).expect("she is in a chat").id;
        let poll = json!({"content": "Which?", "type": "poll", "poll": {"options": ["Noodles", "Soup", "Rice"]}});
        let poll = world.store.messaging.send(&ctx, chat, of::<NewMessage>(poll)).await?.into_inner();
        world.store.polls.vote(&ctx, poll.id, of::<NewVote>(json!({"options": [1]}))).await.map(drop)
    })
}

fn perform<'a>(scene: Scene<'a>, write: &'a str) -> Performed<'a> {
    Box::pin(async move {
        let Scene { stage, store, who, ctx, chat, dice, .. } = scene;
        match write {
            "Polls::vote" => {
                if dice.below(3) == 0 || stage.asked.lock().unwrap().is_empty() {
                    let [multiple, anonymous] = [dice.below(2) == 0, dice.below(2) == 0];
                    let poll = json!({
                        "options": [stage.fresh("one "), stage.fresh("two "), stage.fresh("three ")],
                        "multiple": multiple, "anonymous": anonymous,
                    });
                    let new = json!({"content": stage.fresh("which "), "type": "poll", "poll": poll});
                    let asked = store.messaging.send(&ctx, chat, of::<NewMessage>(new)).await?.into_inner();
                    stage.asked.lock().unwrap().push((who, asked.id));
                    // Some are deleted like other messages.
                    if dice.below(3) == 0 {
                        stage.said.lock().unwrap().push((who, asked.id));
                    }
                }
                let asked = stage.asked.lock().unwrap().last().copied();
                let (_, poll) = asked.ok_or(NOTHING_TO_DO)?;
                let options = match dice.below(4) {
                    0 => json!([]),
                    _ => json!([dice.below(3)]),
                };
                store.polls.vote(&ctx, poll, of::<NewVote>(json!({"options": options}))).await?;
            }
            "Polls::close" => {
                let (who, poll) = Stage::take(&stage.asked).ok_or(NOTHING_TO_DO)?;
                store.polls.close(&stage.ctx(who), poll).await?;
            }
            other => panic!("nobody performs {other}"),
        }
        Ok(())
    })
}
