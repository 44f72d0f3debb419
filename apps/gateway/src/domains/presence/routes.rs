//! The routes of one's own presence.

use clowder_accounts::{
    presence::{NewPresence, OwnPresence},
    scopes::{PROFILE_READ, PROFILE_WRITE},
};

use super::handlers;
use crate::routes::{Endpoint, get, put};

pub fn all() -> Vec<Endpoint> {
    vec![
        get("/api/users/me/presence", handlers::get)
            .says("Read your presence")
            .called("getPresence")
            .notes("The status that you chose with its text, and what those see who may see it.")
            .scope(PROFILE_READ)
            .gives::<OwnPresence>(200, "What you chose, and what others see"),
        put("/api/users/me/presence", handlers::set)
            .says("Set your status and its text")
            .called("setPresence")
            .notes("Sets both as a whole: without `text`, there is none. The text is the `status_text` of your profile. You are online while one of your sockets is open, and for 5 seconds after that; the status says how you then look to others. Anyone who becomes `invisible` looks offline after 5 seconds, as if they had disconnected. Your devices hear `presence.updated`. Your friends hear `user.online`, `user.offline` or `user.status`, unless your setting `privacy.last_seen` is `nobody`.")
            .scope(PROFILE_WRITE)
            .takes::<NewPresence>()
            .gives::<OwnPresence>(200, "As it is now"),
    ]
}
