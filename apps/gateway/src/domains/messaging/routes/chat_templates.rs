//! The routes of templates of chats.

use clowder_accounts::scopes::ADMIN_WRITE;
use clowder_core::idempotency;
use clowder_messaging::{
    Chat,
    chat_templates::{ChatTemplate, NewFromTemplate, NewTemplate, TemplatePatch, TemplateScope},
    permissions::WRITE_TEMPLATES,
    refusals::*,
    scopes::{CHATS_READ, CHATS_WRITE},
};

use super::super::chat_templates;
use crate::routes::{Endpoint, delete, get, patch, post};

pub fn all() -> Vec<Endpoint> {
    let mut all = own();
    all.extend(of_server());
    all
}

fn own() -> Vec<Endpoint> {
    vec![
        get("/api/chat-templates", chat_templates::list)
            .says("List your chat templates and those of the server, the latest first")
            .called("listChatTemplates")
            .scope(CHATS_READ)
            .asks::<TemplateScope>("scope", "Only yours (`own`), or only those of the server (`server`)")
            .lists::<ChatTemplate>(),
        post("/api/chat-templates", chat_templates::create)
            .says("Create a chat template for yourself")
            .called("createChatTemplate")
            .notes("It says what a new group or channel is like. Nobody else sees it. You can have 100.")
            .scope(CHATS_WRITE)
            .takes::<NewTemplate>()
            .creates()
            .gives::<ChatTemplate>(201, "A new template")
            .refuses(&[CHAT_TEMPLATES, idempotency::MISMATCH, idempotency::RUNNING])
            .refuses_again(&[CHAT_TEMPLATE_UNKNOWN]),
        get("/api/chat-templates/{chat_template_id}", chat_templates::show)
            .says("Read a chat template")
            .called("getChatTemplate")
            .scope(CHATS_READ)
            .tagged()
            .gives::<ChatTemplate>(200, "The template")
            .refuses(&[CHAT_TEMPLATE_UNKNOWN]),
        patch("/api/chat-templates/{chat_template_id}", chat_templates::edit)
            .or_put()
            .says("Edit a chat template of yours")
            .called("editChatTemplate")
            .notes("Chats that were made with it stay as they are.")
            .scope(CHATS_WRITE)
            .edits()
            .takes::<TemplatePatch>()
            .gives::<ChatTemplate>(200, "As it is now")
            .refuses(&[CHAT_TEMPLATE_UNKNOWN, CHAT_TEMPLATE_STALE]),
        delete("/api/chat-templates/{chat_template_id}", chat_templates::delete)
            .says("Delete a chat template of yours")
            .called("deleteChatTemplate")
            .scope(CHATS_WRITE)
            .edits()
            .gives_nothing(204, "It is gone")
            .refuses(&[CHAT_TEMPLATE_UNKNOWN, CHAT_TEMPLATE_STALE]),
        post("/api/chat-templates/{chat_template_id}/chats", chat_templates::create_chat)
            .says("Create a chat by a template")
            .called("createChatFromTemplate")
            .notes("As `POST /api/chats`, with what the template says. Title and description in the body take the place of those of the template.")
            .scope(CHATS_WRITE)
            .reaches_others()
            .takes_if_any::<NewFromTemplate>()
            .creates()
            .gives::<Chat>(201, "A new chat")
            .refuses(&[CHAT_TEMPLATE_UNKNOWN, CHAT_FULL, CHAT_LIMIT, CHAT_MEMBERSHIPS, CHAT_NOT_WANTED, CHAT_STRANGERS_TODAY, MESSAGE_FILTERED, idempotency::MISMATCH, idempotency::RUNNING])
            .refuses_again(&[CHAT_UNKNOWN]),
    ]
}

fn of_server() -> Vec<Endpoint> {
    vec![
        post("/api/admin/chat-templates", chat_templates::create_for_server)
            .says("Create a chat template for everybody")
            .called("createServerChatTemplate")
            .notes("The server can have 100.")
            .needs(WRITE_TEMPLATES)
            .scope(ADMIN_WRITE)
            .takes::<NewTemplate>()
            .creates()
            .gives::<ChatTemplate>(201, "A new template")
            .refuses(&[CHAT_TEMPLATES, idempotency::MISMATCH, idempotency::RUNNING])
            .refuses_again(&[CHAT_TEMPLATE_UNKNOWN]),
        patch("/api/admin/chat-templates/{server_template_id}", chat_templates::edit_for_server)
            .or_put()
            .says("Edit a chat template of the server")
            .called("editServerChatTemplate")
            .needs(WRITE_TEMPLATES)
            .scope(ADMIN_WRITE)
            .edits()
            .takes::<TemplatePatch>()
            .gives::<ChatTemplate>(200, "As it is now")
            .refuses(&[CHAT_TEMPLATE_UNKNOWN, CHAT_TEMPLATE_STALE]),
        delete("/api/admin/chat-templates/{server_template_id}", chat_templates::delete_for_server)
            .says("Delete a chat template of the server")
            .called("deleteServerChatTemplate")
            .needs(WRITE_TEMPLATES)
            .scope(ADMIN_WRITE)
            .edits()
            .gives_nothing(204, "It is gone")
            .refuses(&[CHAT_TEMPLATE_UNKNOWN, CHAT_TEMPLATE_STALE]),
    ]
}
