//! The routes of imports of chats.

use clowder_accounts::scopes::ADMIN_WRITE;
use clowder_core::idempotency;
use clowder_messaging::{
    chat_imports::{ChatImport, MOST_OCTETS, NewImport, Refused},
    permissions::IMPORT_CHATS,
    refusals::*,
};

use super::super::chat_imports;
use crate::routes::{Endpoint, get, post};

pub fn all() -> Vec<Endpoint> {
    vec![
        post("/api/chats/import", chat_imports::import)
            .says("Import an export as a new chat")
            .called("importChat")
            .notes("The file is the JSON of an export, from here or from another server, of at most 1 GiB and 1,000,000 messages. A job makes a group or a channel of it. You own it, and who has an account here comes in, unless they are in as many chats as one can be. It keeps texts, times, replies and threads; not reactions, mentions, pins or read marks. Nobody is notified. A message that cannot be taken keeps no other out: the job lists it as refused. The same file under the same `Idempotency-Key` is the same import.")
            .needs(IMPORT_CHATS)
            .scope(ADMIN_WRITE)
            .takes_file::<NewImport>(MOST_OCTETS as usize)
            .creates()
            .starts::<ChatImport>("A job makes the chat")
            .refuses(&[CHAT_IMPORTS, idempotency::MISMATCH, idempotency::RUNNING])
            .refuses_again(&[CHAT_IMPORT_UNKNOWN]),
        get("/api/admin/chat-imports/{chat_import_id}", chat_imports::one)
            .says("Read how far an import of a chat has come")
            .called("getChatImport")
            .notes("Poll it until `status` is `done`; then `chat_id` is the new chat. It is known for 30 days, to whoever imported it.")
            .needs(IMPORT_CHATS)
            .scope(ADMIN_WRITE)
            .gives::<ChatImport>(200, "The import")
            .refuses(&[CHAT_IMPORT_UNKNOWN]),
        get("/api/admin/chat-imports/{chat_import_id}/refused", chat_imports::refused)
            .says("List the messages that an import has refused, in the order of the file")
            .called("listRefusedImports")
            .needs(IMPORT_CHATS)
            .scope(ADMIN_WRITE)
            .lists::<Refused>()
            .refuses(&[CHAT_IMPORT_UNKNOWN]),
    ]
}
