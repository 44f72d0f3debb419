//! The routes of blocks, mutes and notes.

use clowder_accounts::refusals::USER_UNKNOWN;
use clowder_social::{
    Block, Mute, NewBlock, NewMute, NewNote, Note,
    blocks::{
        refusals::*,
        scopes::{BLOCKS_READ, BLOCKS_WRITE},
    },
};

use super::handlers;
use crate::routes::{Endpoint, delete, get, put};

pub fn all() -> Vec<Endpoint> {
    vec![
        get("/api/blocks", handlers::list)
            .says("List whom you have blocked, the latest first")
            .called("listBlocks")
            .scope(BLOCKS_READ)
            .lists::<Block>(),
        put("/api/users/{user_id}/block", handlers::block)
            .says("Block somebody")
            .called("blockUser")
            .notes("Ends your friendship and all requests between you, and closes your private chat: nobody can write in it, and what was written stays. You no longer find each other in lists, searches and suggestions; to them you look like somebody who does not exist. In common groups you both stay. You can block people whom you can see, with whom something connects you (a chat, a friendship, a request, an invitation, a pet), or whom you have blocked before; nobody else exists for you.")
            .scope(BLOCKS_WRITE)
            .takes_if_any::<NewBlock>()
            .gives::<Block>(200, "The block, new or changed")
            .refuses(&[USER_UNKNOWN, BLOCK_LIMIT]),
        delete("/api/users/{user_id}/block", handlers::unblock)
            .says("End a block")
            .called("unblockUser")
            .notes("Your private chat opens again, unless they have blocked you too. The friendship does not come back by itself. Nothing happens if there is no block.")
            .scope(BLOCKS_WRITE)
            .gives_nothing(204, "There is no block"),
        get("/api/mutes", handlers::mutes)
            .says("List whom you have muted, the latest first")
            .called("listMutes")
            .notes("Mutes that are over are not listed.")
            .scope(BLOCKS_READ)
            .lists::<Mute>(),
        put("/api/users/{user_id}/mute", handlers::mute)
            .says("Mute somebody")
            .called("muteUser")
            .notes("For you only: that you do not want to be notified of what they do. They are not told. The server keeps it for your clients: there are no notifications yet that it could hold back.")
            .scope(BLOCKS_WRITE)
            .takes_if_any::<NewMute>()
            .gives::<Mute>(200, "The mute, new or changed")
            .refuses(&[USER_UNKNOWN, MUTE_LIMIT]),
        delete("/api/users/{user_id}/mute", handlers::unmute)
            .says("End a mute")
            .called("unmuteUser")
            .notes("Nothing happens if there is no mute.")
            .scope(BLOCKS_WRITE)
            .gives_nothing(204, "There is no mute"),
        get("/api/users/{user_id}/note", handlers::note)
            .says("Read your note on somebody")
            .called("getUserNote")
            .scope(BLOCKS_READ)
            .gives::<Note>(200, "The note")
            .refuses(&[NOTE_UNKNOWN]),
        put("/api/users/{user_id}/note", handlers::write_note)
            .says("Write a note on somebody")
            .called("writeUserNote")
            .notes("Replaces an earlier one. Nobody else can read it; it is stored encrypted.")
            .scope(BLOCKS_WRITE)
            .takes::<NewNote>()
            .gives::<Note>(200, "The note")
            .refuses(&[USER_UNKNOWN, NOTE_LIMIT]),
        delete("/api/users/{user_id}/note", handlers::remove_note)
            .says("Delete your note on somebody")
            .called("deleteUserNote")
            .notes("Nothing happens if there is no note.")
            .scope(BLOCKS_WRITE)
            .gives_nothing(204, "There is no note"),
    ]
}
