//! What the tests of all domains need to know about presence.

use clowder_accounts::presence::NewPresence;
use serde_json::json;

use crate::{
    domains::Domain,
    stress::{Performed, Scene, of},
    world::{Person, World},
};

pub const DOMAIN: Domain = Domain {
    writes: &["Presences::set_presence", "Presences::tell_friends"],
    reads: &["Presences::presence", "Presences::seen"],
    perform,
    keeps,
    met: &[("somebody's presence", "presence WHERE last_seen_at IS NOT NULL")],
    ..Domain::NONE
};

fn keeps<'a>(world: &'a World, ada: &'a Person) -> Performed<'a> {
    Box::pin(async move {
        let new = of::<NewPresence>(json!({"status": "busy", "text": "counting"}));
        world.store.presence.set_presence(&world.ctx(ada), new).await.map(drop)
    })
}

fn perform<'a>(scene: Scene<'a>, write: &'a str) -> Performed<'a> {
    Box::pin(async move {
        let Scene { stage, store, ctx, dice, .. } = scene;
        match write {
            "Presences::set_presence" => {
                let status = ["online", "away", "invisible"][dice.below(3)];
                let text = ["counting", "resting"][dice.below(2)];
                let new = of::<NewPresence>(json!({"status": status, "text": text}));
                store.presence.set_presence(&ctx, new).await.map(drop)
            }
            "Presences::tell_friends" => {
                // In no order, as they come and go.
                let middle = dice.below(stage.members.len());
                let (first, last) = stage.members.split_at(middle);
                for person in last.iter().chain(first) {
                    if dice.below(2) == 0 {
                        store.online.enter(person.id, ctx.now);
                    } else {
                        store.online.leave(person.id, ctx.now);
                    }
                }
                store.online.missed(ctx.now);
                store.presence.tell_friends(&ctx).await?;
                store.online.news();
                Ok(())
            }
            other => panic!("nobody performs {other}"),
        }
    })
}
