//! What the tests of all domains need to know about the people in chats.

use clowder_messaging::participants::{NewParticipants, RolePatch};
use serde_json::json;

use crate::{
    chats::domain::{crowd, unless_others_were_faster},
    domains::Domain,
    stress::{NOTHING_TO_DO, Performed, Scene, of},
};

pub const DOMAIN: Domain = Domain {
    writes: &["Participants::add", "Participants::set_role", "Participants::remove", "Participants::join"],
    reads: &["Participants::participants"],
    perform,
    ..Domain::NONE
};

fn perform<'a>(mut scene: Scene<'a>, write: &'a str) -> Performed<'a> {
    Box::pin(async move {
        let (owner, chat) = crowd(&mut scene).await?;
        let Scene { stage, store, who, ctx, dice, .. } = scene;
        let (people, staff) = (&store.participants, stage.ctx(owner));
        let other = stage.members[2 + (who - 1) % 4].id;
        let outcome = match write {
            "Participants::add" => {
                let new = json!({"user_ids": [other, stage.members[0].id]});
                people.add(&staff, chat, of::<NewParticipants>(new)).await.map(drop)
            }
            "Participants::set_role" => {
                let role = ["owner", "admin", "member"][dice.below(3)];
                people.set_role(&staff, chat, other, of::<RolePatch>(json!({"role": role}))).await.map(drop)
            }
            // The caller leaves, or somebody is removed.
            "Participants::remove" if dice.below(2) == 0 => people.remove(&ctx, chat, stage.members[who].id).await,
            "Participants::remove" => people.remove(&staff, chat, other).await,
            "Participants::join" => people.join(&ctx, chat).await.map(drop),
            other => panic!("nobody performs {other}"),
        };
        match outcome {
            // Somebody is banned just now.
            Err(clowder_core::Error::Invalid(_) | clowder_core::Error::TooEarly { .. }) => Err(NOTHING_TO_DO.into()),
            outcome => unless_others_were_faster(outcome),
        }
    })
}
