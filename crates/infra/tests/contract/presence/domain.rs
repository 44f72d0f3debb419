//! What the tests of all domains need to know about presence.

use clowder_accounts::presence::{NewPresence, Turn};
use serde_json::json;

use crate::{
    domains::Domain,
    stress::{Performed, Scene, of},
    world::{Person, World},
};

pub const DOMAIN: Domain = Domain {
    writes: &["Presences::set_presence", "Presences::turned"],
    reads: &["Presences::presence"],
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
            "Presences::turned" => {
                let came = dice.below(2) == 0;
                // In no order, as they come and go.
                let mut turns: Vec<Turn> =
                    stage.members.iter().map(|person| Turn { user: person.id, came, at: ctx.now }).collect();
                let middle = dice.below(turns.len());
                turns.rotate_left(middle);
                store.presence.turned(&ctx, turns).await
            }
            other => panic!("nobody performs {other}"),
        }
    })
}
