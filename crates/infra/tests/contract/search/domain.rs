//! What the tests of all domains need to know about search.

use clowder_core::PageRequest;
use clowder_messaging::search::{Order, Search, query::Sought};

use crate::{
    domains::Domain,
    stress::{Performed, Scene},
};

pub const DOMAIN: Domain = Domain {
    writes: &["MessageSearch::index_some", "MessageSearch::rebuild_index"],
    reads: &["MessageSearch::search_messages", "MessageSearch::search_chats", "MessageSearch::index_progress"],
    perform,
    ids: &["message_search.chat_id", "search_index.chat_id"],
    never: &[("an index that is done and says where it goes on", "search_index i WHERE NOT i.running AND i.seq <> 0")],
    ..Domain::NONE
};

/// A search of everything that somebody sees.
pub fn search(text: &str) -> Search {
    Search {
        sought: Sought::parse(text).unwrap(),
        chat: None,
        from: None,
        mentions: None,
        has: None,
        kind: None,
        before: None,
        after: None,
        order: Order::Newest,
    }
}

fn perform<'a>(scene: Scene<'a>, write: &'a str) -> Performed<'a> {
    Box::pin(async move {
        let Scene { store, ctx, dice, .. } = scene;
        match write {
            "MessageSearch::index_some" => store.search.index_some(&ctx).await.map(drop),
            // Not each time, or it would never be done.
            "MessageSearch::rebuild_index" if dice.below(4) == 0 => store.search.rebuild_index(&ctx).await.map(drop),
            "MessageSearch::rebuild_index" => {
                let page = PageRequest::default();
                store.search.search_messages(&ctx, search("for a moment"), page).await.map(drop)
            }
            other => panic!("nobody performs {other}"),
        }
    })
}
