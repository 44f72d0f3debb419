//! The routes of chats themselves.

use clowder_messaging::{
    Chat, ChatEntry, ChatPreferences, ChatType,
    chats::{ChatPatch, Deletion, NewDraft, NewOwner, PreferencesPatch},
    refusals::*,
    scopes::{CHATS_READ, CHATS_WRITE},
};

use super::super::chats;
use crate::routes::{Endpoint, delete, get, patch, put};

pub fn all() -> Vec<Endpoint> {
    vec![
        get("/api/chats/directory", chats::directory)
            .says("List public chats, the newest first")
            .called("listPublicChats")
            .notes("A search finds chats whose title has words that begin with all words of the search, without case and accents, and lists them in the order of these words. Pages of a search may be shorter than `limit`, or empty, while `next_cursor` says that there are more.")
            .scope(CHATS_READ)
            .asks::<String>("search", "Beginnings of words of the title")
            .asks::<ChatType>("type", "Only chats of this type")
            .lists::<ChatEntry>(),
        patch("/api/chats/{chat_id}", chats::edit)
            .or_put()
            .says("Edit a chat")
            .called("editChat")
            .notes("Title and description are for owners and admins, and for members if the chat gives them the right `edit`; visibility, history and rights are for owners and admins. All participants receive `chat.updated`. `history` is about people who come from now on: with `since_join` they see only what is said after they came.")
            .scope(CHATS_WRITE)
            .reaches_others()
            .edits()
            .takes::<ChatPatch>()
            .gives::<Chat>(200, "As it is now")
            .refuses(&[CHAT_UNKNOWN, CHAT_FORBIDDEN, CHAT_CLOSED, CHAT_MUTED, MESSAGE_FILTERED, MESSAGE_SLOW, CHAT_PRIVATE, CHAT_OF_GROUP, CHAT_STALE]),
        delete("/api/chats/{chat_id}", chats::delete)
            .says("Delete a chat, or leave it")
            .called("deleteChat")
            .notes("An owner deletes the chat: it is gone for everybody at once. Each participant receives `chat.deleted`, and what was written goes. A small chat is gone with the response (204). Of a larger one a job takes the people out, a few at a time (202); `Location` is where to read how far it has come. Everybody else leaves the chat (204). A private chat can be archived, but neither deleted nor left. To leave a chat, whatever your role, use `DELETE /api/chats/{chat_id}/participants/{participant_id}` with your id, which never deletes a chat.")
            .scope(CHATS_WRITE)
            .edits()
            .gives_nothing(204, "You are not in it any more")
            .starts::<Deletion>("It is gone for everybody, and a job takes it apart")
            .refuses(&[CHAT_UNKNOWN, CHAT_PRIVATE, CHAT_OF_GROUP, CHAT_STALE]),
        get("/api/chat-deletions/{chat_deletion_id}", chats::deletion)
            .says("Read the progress of deleting a chat")
            .called("getChatDeletion")
            .notes("For whoever deleted it. The id is that of the chat. It is known for a week after the end.")
            .scope(CHATS_READ)
            .gives::<Deletion>(200, "How far it has come")
            .refuses(&[DELETION_UNKNOWN]),
        put("/api/chats/{chat_id}/owner", chats::transfer)
            .says("Hand over a chat")
            .called("transferChat")
            .notes("For an owner, who becomes an admin. The new owner must be in the chat.")
            .scope(CHATS_WRITE)
            .takes::<NewOwner>()
            .gives::<Chat>(200, "As it is now")
            .refuses(&[CHAT_UNKNOWN, CHAT_FORBIDDEN, CHAT_PRIVATE, CHAT_OF_GROUP, PARTICIPANT_UNKNOWN]),
        patch("/api/chats/{chat_id}/preferences", chats::set_preferences)
            .or_put()
            .says("Arrange a chat for yourself")
            .called("setChatPreferences")
            .notes("Archive, pin and mute it, choose of what you are notified, and give it a title of your own. Only your own devices receive `chat.preferences`. The server stores `muted_until` and `notify` for your clients: unread counts and events stay as they are.")
            .scope(CHATS_WRITE)
            .takes::<PreferencesPatch>()
            .gives::<ChatPreferences>(200, "As they are now")
            .refuses(&[CHAT_UNKNOWN, CHAT_PINS, CHAT_NOTES]),
        put("/api/chats/{chat_id}/draft", chats::set_draft)
            .says("Keep what you have begun to write")
            .called("setChatDraft")
            .notes("Only your own devices receive `chat.preferences`, which says that there is a draft, and not what it says.")
            .scope(CHATS_WRITE)
            .takes::<NewDraft>()
            .gives::<ChatPreferences>(200, "As they are now")
            .refuses(&[CHAT_UNKNOWN, CHAT_NOTES]),
    ]
}
