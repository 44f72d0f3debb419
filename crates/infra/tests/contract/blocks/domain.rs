//! What the tests of all domains need to know about blocks, mutes and notes.

use clowder_social::{NewBlock, NewMute, NewNote};
use serde_json::json;

use crate::{
    domains::Domain,
    stress::{Performed, Scene, of},
    world::{Person, World},
};

pub const DOMAIN: Domain = Domain {
    writes: &[
        "Blocks::block",
        "Blocks::unblock",
        "Blocks::mute",
        "Blocks::unmute",
        "Blocks::write_note",
        "Blocks::remove_note",
    ],
    reads: &["Blocks::blocks", "Blocks::mutes", "Blocks::note"],
    perform,
    keeps,
    ids: &["user_notes.id"],
    never: &[
        (
            "friends of whom one has blocked the other",
            "friendships f JOIN blocks b ON b.user_id = f.user_id AND b.blocked_id = f.friend_id",
        ),
        (
            "an open private chat of two of whom one has blocked the other",
            "chats c JOIN participants p ON p.chat_id = c.id JOIN participants q ON q.chat_id = c.id
                 JOIN blocks b ON b.user_id = p.user_id AND b.blocked_id = q.user_id
               WHERE c.type = 'private' AND NOT c.closed",
        ),
        (
            "a closed private chat of two who have not blocked each other",
            "chats c WHERE c.closed AND NOT EXISTS (SELECT 1 FROM participants p JOIN participants q
                 ON q.chat_id = p.chat_id JOIN blocks b ON b.user_id = p.user_id AND b.blocked_id = q.user_id
               WHERE p.chat_id = c.id)
             AND NOT EXISTS (SELECT 1 FROM participants p JOIN users u ON u.id = p.user_id
               WHERE p.chat_id = c.id AND u.deleted_at IS NOT NULL)",
        ),
    ],
    ..Domain::NONE
};

fn keeps<'a>(world: &'a World, ada: &'a Person) -> Performed<'a> {
    Box::pin(async move {
        let [rude, loud] = [world.person("rude").await, world.person("loud").await];
        let (blocks, ctx) = (&world.store.blocks, world.ctx(ada));
        blocks.write_note(&ctx, loud.id, of::<NewNote>(json!({"text": "a peculiar laugh"}))).await?;
        blocks.mute(&ctx, loud.id, NewMute::default()).await?;
        blocks.block(&ctx, rude.id, NewBlock::default()).await.map(drop)
    })
}

fn perform<'a>(scene: Scene<'a>, write: &'a str) -> Performed<'a> {
    Box::pin(async move {
        let Scene { stage, store, who, ctx, dice, .. } = scene;
        // Somebody else of the four.
        let other = stage.members[2 + (who - 2 + 1 + dice.below(3)) % 4].id;
        let blocks = &store.blocks;
        match write {
            "Blocks::block" => {
                let new = NewBlock { hide_messages: [None, Some(false), Some(true)][dice.below(3)] };
                blocks.block(&ctx, other, new).await.map(drop)
            }
            // Twice, so that most pairs are free most of the time.
            "Blocks::unblock" => {
                blocks.unblock(&ctx, other).await?;
                let again = stage.members[2 + (who - 2 + 1 + dice.below(3)) % 4].id;
                blocks.unblock(&ctx, again).await
            }
            "Blocks::mute" => blocks.mute(&ctx, other, NewMute::default()).await.map(drop),
            "Blocks::unmute" => blocks.unmute(&ctx, other).await,
            "Blocks::write_note" => {
                let note = of::<NewNote>(json!({"text": stage.fresh("note")}));
                blocks.write_note(&ctx, other, note).await.map(drop)
            }
            "Blocks::remove_note" => blocks.remove_note(&ctx, other).await,
            unknown => panic!("nobody performs {unknown}"),
        }
    })
}
