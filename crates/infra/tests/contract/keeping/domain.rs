//! What the tests of all domains need to know about messages that are kept.

use clowder_core::PageRequest;
use clowder_messaging::{
    ChatFilter, NewMessage, Window,
    keeping::{NewDeletion, NewOrder, NewRemoval, NewSave},
};
use serde_json::json;

use crate::{
    chats::domain::{unless_others_were_faster, writer},
    domains::Domain,
    stress::{NOTHING_TO_DO, Performed, Scene, of},
    world::{Person, World},
};

pub const DOMAIN: Domain = Domain {
    writes: &[
        "Keeping::pin",
        "Keeping::unpin",
        "Keeping::order_pins",
        "Keeping::save",
        "Keeping::unsave",
        "Keeping::delete_messages",
        "Keeping::remove",
        "Keeping::remove_messages",
        "Keeping::clear_chat",
    ],
    reads: &["Keeping::pins", "Keeping::saved"],
    perform,
    keeps,
    ids: &["saved_messages.chat_id", "saved_messages.message_id"],
    never: &[
        (
            "a pin whose message does not say so, or is gone",
            "message_pins p JOIN messages m ON m.chat_id = p.chat_id AND m.seq = p.seq \
             WHERE NOT m.pinned OR m.deleted_at IS NOT NULL",
        ),
        (
            "a message that says it is pinned, and is not",
            "messages m WHERE m.pinned AND NOT EXISTS (SELECT 1 FROM message_pins p WHERE p.chat_id = m.chat_id \
             AND p.seq = m.seq)",
        ),
        (
            "more pins than a chat can have",
            "chats c WHERE (SELECT count(*) FROM message_pins p WHERE p.chat_id = c.id) > 50",
        ),
        (
            "a wrong count of removed messages",
            "participants p JOIN users u ON u.id = p.user_id AND u.deleted_at IS NULL WHERE p.removed_count <> \
             (SELECT count(*) FROM removed_messages r WHERE r.chat_id = p.chat_id AND r.user_id = p.user_id)",
        ),
        ("somebody who does not see what they have not read", "participants p WHERE p.visible_from > p.read_seq"),
        (
            "a cleared chat that is seen, or was entered after it was cleared and says otherwise",
            "participants p WHERE p.visible_from < p.cleared_seq \
             OR p.entered_from IS NOT NULL AND (p.visible_from <> p.cleared_seq OR p.entered_from >= p.cleared_seq)",
        ),
        (
            "two pins at one place",
            "message_pins a JOIN message_pins b ON b.chat_id = a.chat_id AND b.rank = a.rank AND b.seq <> a.seq",
        ),
    ],
    ..Domain::NONE
};

fn keeps<'a>(world: &'a World, ada: &'a Person) -> Performed<'a> {
    Box::pin(async move {
        let ctx = world.ctx(ada);
        let chats = world.store.messaging.chats(&ctx, ChatFilter::default(), PageRequest::default()).await?;
        let said = chats.items.into_iter().find_map(|chat| chat.last_message).expect("somebody has said something");
        let note = of::<NewSave>(json!({"note": "for later"}));
        world.store.keeping.save(&ctx, said.id, note).await?;
        let page = world.store.messaging.messages(&ctx, said.chat_id, Window::After(0), 9).await?.items;
        let other = page.into_iter().find(|other| other.id != said.id).expect("somebody has said something else");
        world.store.keeping.remove(&ctx, other.id, None).await
    })
}

fn perform<'a>(mut scene: Scene<'a>, write: &'a str) -> Performed<'a> {
    Box::pin(async move {
        // In a chat that all share, few may still write and pin after a while.
        let (who, chat) = writer(&mut scene).await?;
        let Scene { stage, store, dice, .. } = scene;
        let ctx = stage.ctx(who);
        let new = of::<NewMessage>(json!({"content": stage.fresh("to keep ")}));
        let message = store.messaging.send(&ctx, chat, new).await?.into_inner().id;
        let keeping = &store.keeping;
        let outcome = match write {
            // Only some stay, so that there is always room.
            "Keeping::pin" => match keeping.pin(&ctx, message).await {
                Ok(_) if dice.below(4) > 0 => store.messaging.delete(&ctx, message, None).await.map(drop),
                pinned => pinned.map(drop),
            },
            "Keeping::unpin" => match keeping.pin(&ctx, message).await {
                Ok(_) => keeping.unpin(&ctx, message).await,
                refused => refused.map(drop),
            },
            // With one more, so that there is something to order in any chat.
            "Keeping::order_pins" => match keeping.pin(&ctx, message).await {
                Ok(_) => {
                    let pins = keeping.pins(&ctx, chat, PageRequest::default()).await?.items;
                    let ids: Vec<_> = pins.iter().rev().map(|pin| pin.message.id).collect();
                    let ordered = keeping.order_pins(&ctx, chat, of::<NewOrder>(json!({"message_ids": ids}))).await;
                    if dice.below(4) > 0 {
                        store.messaging.delete(&ctx, message, None).await?;
                    }
                    ordered.map(drop)
                }
                refused => refused.map(drop),
            },
            "Keeping::save" => {
                keeping.save(&ctx, message, of::<NewSave>(json!({"note": stage.fresh("note ")}))).await?;
                let again = of::<NewSave>(json!({"note": stage.fresh("note ")}));
                keeping.save(&ctx, message, again).await.map(drop)
            }
            "Keeping::unsave" => {
                keeping.save(&ctx, message, NewSave::default()).await?;
                keeping.unsave(&ctx, message).await
            }
            "Keeping::delete_messages" => {
                let new = of::<NewMessage>(json!({"content": stage.fresh("to delete ")}));
                let other = store.messaging.send(&ctx, chat, new).await?.into_inner().id;
                let new = of::<NewDeletion>(json!({"message_ids": [message, other], "reason": "Cleaning"}));
                keeping.delete_messages(&ctx, chat, new).await.map(drop)
            }
            "Keeping::remove" => keeping.remove(&ctx, message, None).await,
            "Keeping::remove_messages" => {
                let page = store.messaging.messages(&ctx, chat, Window::NEWEST, 5).await?.items;
                let ids: Vec<_> = page.iter().map(|message| message.id).chain([message]).collect();
                keeping.remove_messages(&ctx, chat, of::<NewRemoval>(json!({"message_ids": ids}))).await.map(drop)
            }
            // Now and then, so that there is something to see.
            "Keeping::clear_chat" if dice.below(4) > 0 => return Err(NOTHING_TO_DO.into()),
            "Keeping::clear_chat" => keeping.clear_chat(&ctx, chat).await.map(drop),
            other => panic!("nobody performs {other}"),
        };
        match outcome {
            Err(clowder_core::Error::Refused(refusal)) if refusal.code == "message.pins" => Err(NOTHING_TO_DO.into()),
            outcome => unless_others_were_faster(outcome),
        }
    })
}
