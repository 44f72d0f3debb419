//! The routes of exports of chats.

use clowder_core::idempotency;
use clowder_messaging::{
    chat_exports::{ChatExport, NewExport},
    refusals::*,
    scopes::MESSAGES_READ,
};

use super::super::chat_exports;
use crate::routes::{Endpoint, delete, get, post};

pub fn all() -> Vec<Endpoint> {
    vec![
        post("/api/chats/{chat_id}/export", chat_exports::export)
            .says("Export a chat as you see it")
            .called("exportChat")
            .notes("A job writes all messages that you may see, up to the last one now, into one file: JSON that can be imported, or a page to read. A message is in it as it is when the job comes to it: what is deleted by then has no text. Of messages that disappear, and of people whose messages you hide, only the places are in it. An export of the same chat and format that is in progress is returned again. When you leave the chat, the export ends.")
            .scope(MESSAGES_READ)
            .takes_if_any::<NewExport>()
            .creates()
            .starts::<ChatExport>("A job writes it")
            .refuses(&[CHAT_UNKNOWN, CHAT_EXPORTS, CHAT_EXPORTS_TODAY, idempotency::MISMATCH, idempotency::RUNNING])
            .refuses_again(&[CHAT_EXPORT_UNKNOWN]),
        get("/api/chat-exports", chat_exports::list)
            .says("List your exports of chats of the last week, the latest first")
            .called("listChatExports")
            .scope(MESSAGES_READ)
            .lists::<ChatExport>()
            .shows_secret(),
        get("/api/chat-exports/{chat_export_id}", chat_exports::one)
            .says("Read how far an export of a chat has come")
            .called("getChatExport")
            .notes("Poll it until `status` is `ready`; then `url` is where the file is. It is there for three days, as long as you are in the chat.")
            .scope(MESSAGES_READ)
            .gives::<ChatExport>(200, "The export")
            .shows_secret()
            .refuses(&[CHAT_EXPORT_UNKNOWN]),
        get("/api/chat-exports/{chat_export_id}/file", chat_exports::download)
            .says("Download an export of a chat")
            .called("downloadChatExport")
            .notes("Only whoever requested it can download it. The page loads and runs nothing.")
            .scope(MESSAGES_READ)
            .downloads()
            .gives_text("application/json", "What the export says of the chat, and its messages, each on a line of its own")
            .gives_text("text/html", "One page")
            .refuses(&[CHAT_EXPORT_UNKNOWN, CHAT_EXPORT_NOT_READY, CHAT_EXPORT_GONE]),
        delete("/api/chat-exports/{chat_export_id}", chat_exports::end)
            .says("End an export of a chat")
            .called("endChatExport")
            .notes("Its file is deleted, and if it is still being written, that ends. Ending it again changes nothing.")
            .scope(MESSAGES_READ)
            .gives_nothing(204, "It has ended")
            .refuses(&[CHAT_EXPORT_UNKNOWN]),
    ]
}
