//! Looks at messages one by one: those with a pin or a reaction, which the index does not know of, because they change without
//! the text. A call looks at so many and no more, and says where the next one goes on.

use std::collections::HashMap;

use clowder_core::{ChatId, MessageId, Result, Timestamp, UserId, sql::Uid};
use clowder_messaging::search::{
    Has, Search,
    tokens::tokens,
    volumes::{SIZE, Volume},
};
use diesel::{prelude::*, sql_types::BigInt};

use super::{
    super::{
        among::AmongIds,
        dialect::{self, Backend, Conn, search::Found as FoundColumns},
    },
    finding::{find, values},
};
use crate::{
    domains::messaging::{Filter, Match, Place, messages, said},
    statement::statement,
};

/// How many of them a call looks at, at most.
const LOOKED_AT: usize = 2_000;
/// How many are read at once.
const READ_AT_ONCE: usize = 200;
/// How much of such texts is looked at, in octets: about a tenth of a second's work.
pub const READ_AT_MOST: usize = 4 << 20;
/// How many messages the volumes have, at most, of which those with a reaction are looked up at once.
const AT_ONCE: i64 = 4 * SIZE;

/// What fits, in its order.
pub struct Looked {
    pub fitting: Vec<Match>,
    /// The last that was looked at, if that was not all and there is less that fits than is wanted.
    pub until: Option<Place>,
}

/// Of the messages in these volumes with what the index does not know, so many that fit.
pub fn look(
    conn: &mut Conn,
    volumes: &[Volume],
    search: &Search,
    filter: &Filter,
    author: Option<UserId>,
    wanted: usize,
) -> Result<Looked> {
    let candidates = match search.has {
        Some(Has::Pin) => pinned(conn, search, filter, author)?,
        _ => find(conn, volumes, search.order, (LOOKED_AT, AT_ONCE), |conn, volumes, _| {
            let most = LOOKED_AT as i64;
            dialect::search::reacted(conn, volumes, filter, author, most, |statement| values(filter, statement))
        })?,
    };
    let (mut fitting, mut read, mut last) = (Vec::new(), 0, None);
    for some in candidates.chunks(READ_AT_ONCE) {
        let texts = texts(conn, &some.iter().map(|one| one.id).collect::<Vec<_>>())?;
        for one in some {
            if fitting.len() == wanted {
                return Ok(Looked { fitting, until: None });
            }
            if read >= READ_AT_MOST {
                return Ok(Looked { fitting, until: last });
            }
            last = Some(one.place);
            let Some(said) = texts.get(&one.id).and_then(Option::as_deref) else { continue };
            read += said.len();
            if search.sought.fits(&tokens(said)) {
                fitting.push(*one);
            }
        }
    }
    let is_all = candidates.len() < LOOKED_AT || fitting.len() == wanted;
    Ok(Looked { fitting, until: last.filter(|_| !is_all) })
}

/// What is pinned in the viewer's chats. There are few of them in each.
fn pinned(conn: &mut Conn, search: &Search, filter: &Filter, author: Option<UserId>) -> Result<Vec<Match>> {
    let way = if filter.oldest_first { "" } else { " DESC" };
    let chat = if search.chat.is_some() { " AND p.chat_id = ?" } else { "" };
    let whose = if author.is_some() { " AND m.sender_id = ?" } else { "" };
    let sql = format!(
        "SELECT m.chat_id, m.seq, m.created_at, m.id FROM participants p CROSS JOIN chats c CROSS JOIN message_pins n \
         CROSS JOIN messages m WHERE p.user_id = ?{chat} AND c.id = p.chat_id AND c.deleted_at IS NULL \
         AND n.chat_id = p.chat_id AND n.seq > p.visible_from AND m.chat_id = n.chat_id AND m.seq = n.seq \
         AND m.type <> 'system' AND {}{whose} ORDER BY m.created_at{way}, m.chat_id{way}, m.seq{way} LIMIT ?",
        filter.conditions(),
    );
    let mut pins = statement::<FoundColumns, Backend>(sql).bind::<Uid, _>(filter.viewer);
    if let Some(chat) = search.chat {
        pins = pins.bind::<Uid, _>(chat);
    }
    pins = values(filter, pins);
    if let Some(author) = author {
        pins = pins.bind::<Uid, _>(author);
    }
    let pins: Vec<(ChatId, i64, Timestamp, MessageId)> = pins.bind::<BigInt, _>(LOOKED_AT as i64).load(conn)?;
    Ok(pins.into_iter().map(|(chat, seq, at, id)| Match { place: Place { at, chat, seq }, id }).collect())
}

/// What is said in these messages.
pub fn texts(conn: &mut Conn, ids: &[MessageId]) -> Result<HashMap<MessageId, Option<String>>> {
    let rows = messages::table.filter(messages::id.among(ids));
    let rows = rows.select((messages::id, messages::kind, messages::content, messages::data));
    let mut texts = HashMap::with_capacity(ids.len());
    for (id, kind, content, data) in rows.load::<(MessageId, String, Option<String>, Option<String>)>(conn)? {
        texts.insert(id, said(&kind, content, data.as_deref())?);
    }
    Ok(texts)
}
