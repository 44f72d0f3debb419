//! What the tests of all domains need to know about messages that disappear.

use std::time::Duration;

use clowder_core::{Actor, Ctx};
use clowder_messaging::{NewMessage, lifetimes::NewLifetime};
use serde_json::json;

use crate::{
    chats::domain::{crowd, unless_others_were_faster, writer},
    domains::Domain,
    stress::{Performed, Scene, of},
};

pub const DOMAIN: Domain = Domain {
    writes: &["Lifetimes::set_lifetime", "Lifetimes::expire"],
    perform,
    never: &[
        (
            "a message whose time has begun before it was read",
            "messages m JOIN chats c ON c.id = m.chat_id AND c.participant_count <= 256 WHERE m.lifetime < 0 \
             AND m.expires_at IS NOT NULL AND m.timer_waits IS NULL AND m.deleted_at IS NULL AND EXISTS (SELECT 1 FROM participants p \
             JOIN users u ON u.id = p.user_id AND u.deleted_at IS NULL \
             WHERE p.chat_id = m.chat_id AND p.user_id <> m.sender_id AND p.read_seq < m.seq)",
        ),
        // What somebody reads who has a block with its sender begins nothing.
        (
            "messages that all have read and whose time nobody begins",
            "messages m JOIN chats c ON c.id = m.chat_id AND NOT c.timers_due AND c.participant_count BETWEEN 2 AND 256 \
             WHERE m.lifetime < 0 AND (m.expires_at IS NULL OR m.timer_waits) AND m.deleted_at IS NULL AND c.deleted_at IS NULL \
             AND NOT EXISTS (SELECT 1 FROM participants p WHERE p.chat_id = m.chat_id AND p.user_id <> m.sender_id \
             AND p.read_seq < m.seq) \
             AND NOT EXISTS (SELECT 1 FROM participants p JOIN blocks b ON (b.user_id = p.user_id AND b.blocked_id = m.sender_id) \
             OR (b.blocked_id = p.user_id AND b.user_id = m.sender_id) WHERE p.chat_id = m.chat_id)",
        ),
        ("a time without a lifetime", "messages m WHERE m.expires_at IS NOT NULL AND m.lifetime IS NULL"),
    ],
    met: &[("message that disappeared", "messages m WHERE m.expires_at IS NOT NULL AND m.deleted_at IS NOT NULL")],
    ..Domain::NONE
};

fn perform<'a>(mut scene: Scene<'a>, write: &'a str) -> Performed<'a> {
    Box::pin(async move {
        match write {
            "Lifetimes::set_lifetime" => {
                let (owner, chat) = crowd(&mut scene).await?;
                let Scene { stage, store, dice, .. } = scene;
                let lifetime = match dice.below(3) {
                    0 => json!(null),
                    1 => json!({"seconds": 5 + dice.below(60)}),
                    _ => json!({"seconds": 5 + dice.below(60), "from": "read"}),
                };
                let new = of::<NewLifetime>(json!({"lifetime": lifetime}));
                let set = store.lifetimes.set_lifetime(&stage.ctx(owner), chat, None, new).await;
                unless_others_were_faster(set.map(drop))
            }
            "Lifetimes::expire" => {
                let (who, chat) = writer(&mut scene).await?;
                let Scene { stage, store, dice, .. } = scene;
                let ctx = stage.ctx(who);
                let from = ["sent", "read"][dice.below(2)];
                let new = json!({"content": stage.fresh("for a moment "), "lifetime": {"seconds": 5, "from": from}});
                store.messaging.send(&ctx, chat, of::<NewMessage>(new)).await?;
                let later = Ctx::new(Actor::System, ctx.now.plus(Duration::from_secs(60)), "timers");
                store.lifetimes.expire(&later).await.map(drop)
            }
            other => panic!("nobody performs {other}"),
        }
    })
}
