//! Inputs about forwarding.

use clowder_core::{ChatId, Fields, Input, text::Flaw};

use super::MOST_FORWARDS;
use crate::model::ClientId;

/// `{chat_ids, client_id?}`
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(example = json!({"chat_ids": ["01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10"], "client_id": "phone-43"}))]
pub struct NewForward {
    /// The chats into which it is forwarded, each once.
    #[schema(min_items = 1, max_items = 10)]
    pub chat_ids: Vec<ChatId>,
    /// Chosen by the caller, for this call: within 24 hours, the same one again returns what was sent. An `Idempotency-Key`
    /// counts instead, if there is one.
    #[schema(value_type = Option<String>, max_length = 128)]
    pub client_id: Option<ClientId>,
}

impl Input for NewForward {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.expect_no_files();
        let chat_ids = fields.required_list("chat_ids", MOST_FORWARDS);
        let client_id = fields.optional("client_id");
        let new = Self { chat_ids: chat_ids?, client_id: client_id? };
        if new.chat_ids.is_empty() {
            fields.flaw("chat_ids", Flaw::new("required", "must name at least one chat"));
        }
        let mut seen = new.chat_ids.clone();
        seen.sort_unstable();
        seen.dedup();
        if seen.len() < new.chat_ids.len() {
            fields.flaw("chat_ids", Flaw::new("distinct", "names a chat twice"));
        }
        Some(new)
    }

    fn rows(&self) -> usize {
        self.chat_ids.len()
    }
}
