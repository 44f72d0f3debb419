//! The routes of messages that are kept, deleted many at once, or removed by people for themselves.

use clowder_core::ChatId;
use clowder_messaging::{
    Pin, Saved,
    keeping::{Cleared, NewDeletion, NewOrder, NewSave, Outcome},
    refusals::*,
    scopes::{MESSAGES_READ, MESSAGES_WRITE},
};

use super::super::keeping;
use crate::routes::{Endpoint, delete, get, post, put};

pub fn all() -> Vec<Endpoint> {
    vec![
        put("/api/messages/{message_id}/pin", keeping::pin)
            .says("Pin a message in its chat")
            .called("pinMessage")
            .notes("For both people of a private chat, for owners and admins, and for members if the chat gives them the right `pin`. At most 50 messages of a chat are pinned; a new one comes first. Pinning again changes nothing. All participants receive `message.pinned`. A message that is deleted, or whose time is over, is no longer pinned.")
            .scope(MESSAGES_WRITE)
            .reaches_others()
            .gives::<Pin>(200, "It is pinned")
            .refuses(&[MESSAGE_UNKNOWN, MESSAGE_GONE, MESSAGE_SYSTEM, MESSAGE_PINS, CHAT_CLOSED, CHAT_FORBIDDEN]),
        delete("/api/messages/{message_id}/pin", keeping::unpin)
            .says("Unpin a message")
            .called("unpinMessage")
            .notes("For those who may pin messages. If it is not pinned, nothing happens. All participants receive `message.unpinned`.")
            .scope(MESSAGES_WRITE)
            .gives_nothing(204, "It is not pinned")
            .refuses(&[MESSAGE_UNKNOWN, CHAT_CLOSED, CHAT_FORBIDDEN]),
        get("/api/chats/{chat_id}/pins", keeping::pins)
            .says("List the pinned messages of a chat, in their order")
            .called("listPins")
            .notes("The last pinned one comes first, unless somebody has ordered them. Whoever came later than a message, and may not see it, does not see its pin.")
            .scope(MESSAGES_READ)
            .lists::<Pin>()
            .refuses(&[CHAT_UNKNOWN]),
        put("/api/chats/{chat_id}/pins", keeping::order_pins)
            .says("Order the pinned messages of a chat")
            .called("orderPins")
            .notes("For those who may pin messages. The messages named come first; other pinned ones follow in the order that they have. What is not pinned is passed over. All participants receive `chat.pins`.")
            .scope(MESSAGES_WRITE)
            .reaches_others()
            .takes::<NewOrder>()
            .gives_page::<Pin>()
            .refuses(&[CHAT_UNKNOWN, CHAT_CLOSED, CHAT_FORBIDDEN]),
        put("/api/messages/{message_id}/save", keeping::save)
            .says("Save a message for yourself")
            .called("saveMessage")
            .notes("With a note, if you like. Saving it again replaces the note. Only your own devices learn of it: they receive `message.saved`. You can save 10,000 messages. What you remove for yourself is not saved any more.")
            .scope(MESSAGES_WRITE)
            .takes_if_any::<NewSave>()
            .gives::<Saved>(200, "It is saved")
            .refuses(&[MESSAGE_UNKNOWN, MESSAGE_GONE, MESSAGE_SAVES]),
        delete("/api/messages/{message_id}/save", keeping::unsave)
            .says("Remove a message from those that you have saved")
            .called("unsaveMessage")
            .notes("If you have not saved it, nothing happens. Your own devices receive `message.unsaved`.")
            .scope(MESSAGES_WRITE)
            .gives_nothing(204, "It is not saved")
            .refuses(&[MESSAGE_UNKNOWN]),
        get("/api/saved-messages", keeping::saved)
            .says("List the messages that you have saved, the last saved first")
            .called("listSavedMessages")
            .notes("Each as it is now. Deleted messages are not in the list, nor are those of chats that you have left; when you come back and may see them, they are in it again.")
            .scope(MESSAGES_READ)
            .asks::<ChatId>("chat_id", "Only messages of this chat")
            .lists::<Saved>(),
        post("/api/chats/{chat_id}/messages/delete", keeping::delete_messages)
            .says("Delete messages of a chat, many at once")
            .called("deleteMessages")
            .notes("Your own, and as an owner or admin those of others; at most 100. All that can be deleted are deleted together, and the answer says of each what has become of it. All participants receive `message.deleted` for each. Deleting messages of others needs a reason (422 `required`): it is in the audit log, and each author receives `chat.sanctioned` once and finds it in `GET /api/chat-sanctions`, with the number of messages.")
            .notes("With `for: me`, you remove any messages that you see for yourself alone, and only your own devices learn of it: they receive `message.removed`.")
            .scope(MESSAGES_WRITE)
            .takes::<NewDeletion>()
            .gives_page::<Outcome>()
            .refuses(&[CHAT_UNKNOWN, MESSAGE_REMOVALS]),
        post("/api/chats/{chat_id}/clear", keeping::clear)
            .says("Clear a chat for yourself")
            .called("clearChat")
            .notes("Everything that has been written in it so far is gone for you, and only for you, also after leaving and coming back; nothing in it is unread. The chat stays in your list. Nobody else learns of it, and what others see of your read mark stays. Clearing it again without new messages changes nothing. Your own devices receive `chat.cleared`.")
            .scope(MESSAGES_WRITE)
            .gives::<Cleared>(200, "How far it is cleared")
            .refuses(&[CHAT_UNKNOWN]),
    ]
}
