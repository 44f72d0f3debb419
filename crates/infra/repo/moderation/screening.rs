//! Looks for the words of filters in what somebody writes.

use std::sync::Arc;

use clowder_core::{ChatId, Id, Result};
use clowder_messaging::{
    ChatRole,
    moderation::{
        filter::{Folded, Screen},
        rules::{self, Caught},
    },
};
use diesel::prelude::*;

use super::super::db::Tx;
use crate::domains::messaging::{OF_SERVER, chats, filter_of, word_filters as table};

/// The versions of two filters, 0 for none.
#[derive(Debug, Clone, Copy)]
pub struct Versions {
    pub chat: i64,
    pub server: i64,
}

/// What somebody writes, and how filters read it if that is known already.
#[derive(Clone, Copy)]
pub struct Text<'t> {
    pub content: &'t str,
    pub folded: Option<&'t Folded>,
}

/// Which filter catches what somebody writes in a locked chat.
pub fn caught(
    tx: &mut Tx<'_>,
    chat: ChatId,
    versions: Versions,
    role: ChatRole,
    text: Text<'_>,
) -> Result<Option<Caught>> {
    let server = screen(tx, OF_SERVER, versions.server)?;
    let chat = screen(tx, Id::from_uuid(chat.uuid()), versions.chat)?;
    if server.is_none() && chat.is_none() {
        return Ok(None);
    }
    let read;
    let folded = match text.folded {
        Some(folded) => folded,
        None => {
            read = Folded::of(text.content);
            &read
        }
    };
    let action = |screen: Option<Arc<Screen>>| Some(screen.filter(|screen| screen.catches(folded))?.action);
    Ok(rules::caught(role, action(server), action(chat)))
}

/// The same for an edit, for which nothing has been read yet.
pub fn caught_in_edit(tx: &mut Tx<'_>, chat: ChatId, role: ChatRole, content: &str) -> Result<Option<Caught>> {
    let of_chat = chats::table.find(chat).select(chats::filter_version).first(tx.conn)?;
    let of_server = table::table.find(OF_SERVER).select(table::version).first(tx.conn)?;
    let versions = Versions { chat: of_chat, server: of_server };
    caught(tx, chat, versions, role, Text { content, folded: None })
}

/// This version of a filter; nothing if it has no words. Whoever asks has read the version in the same transaction, and no
/// version ever gets other words.
fn screen(tx: &mut Tx<'_>, id: Id<()>, version: i64) -> Result<Option<Arc<Screen>>> {
    if version == 0 {
        return Ok(None);
    }
    if let Some(screen) = tx.services.screens.get(id, version) {
        return Ok(screen);
    }
    let row: Option<(i64, String, String)> =
        table::table.find(id).select((table::version, table::action, table::words)).first(tx.conn).optional()?;
    let Some((version, action, words)) = row else { return Ok(None) };
    let screen = if words.is_empty() { None } else { Some(Arc::new(Screen::new(&filter_of(&action, &words)?)?)) };
    tx.services.screens.keep(id, version, screen.clone());
    Ok(screen)
}
