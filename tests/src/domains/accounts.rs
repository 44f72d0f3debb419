//! Another session of the owner, and somebody else.

use super::{Comes, Thing};
use crate::unique;

pub const THINGS: &[Thing] = &[
    Thing {
        name: "session_id",
        comes: Comes::Made(|stage| {
            Box::pin(async move {
                let second = stage.world.login(&stage.owner.name).await;
                let sessions = second.get("/api/auth/sessions").await.expect(200);
                let sessions = sessions["items"].as_array().unwrap();
                let other = sessions.iter().find(|session| session["current"] == true).unwrap();
                other["id"].as_str().unwrap().to_owned()
            })
        }),
    },
    // Somebody for people with a role to govern.
    Thing {
        name: "user_id",
        comes: Comes::Made(|stage| {
            Box::pin(async move { stage.world.user(&format!("target-{}", &unique()[..8])).await.id })
        }),
    },
];
