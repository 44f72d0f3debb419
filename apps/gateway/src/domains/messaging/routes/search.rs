//! The routes of search.

use clowder_messaging::{
    MessageType,
    refusals::CHAT_UNKNOWN,
    scopes::{CHATS_READ, MESSAGES_READ},
    search::{Found, FoundChat, Has, Order},
};

use super::super::search;
use crate::routes::{Endpoint, get};

const SOUGHT: &str = "Words, `\"phrases\"`, `-exclusions` and `beginnings*`, of 1 to 200 characters, in any script; accents and case don't count. The last word may be the beginning of one. Of more than 16 words and phrases, the first 16 count";

const NOTES: &str = "All words and phrases must be in a message. Chinese, Japanese, Korean, Thai and other scripts that are written without spaces are found by any two neighbouring characters, or one. Nothing that is typed is a mistake; only a text in which nothing is sought is refused. By `relevance`, the 500 newest messages that fit are ranked and come first, and then all older ones by their time. What was sent is found within three seconds.";

pub fn all() -> Vec<Endpoint> {
    vec![
        messages("/api/chats/{chat_id}/search", search::in_chat)
            .says("Search the messages of a chat")
            .called("searchChat")
            .lists::<Found>()
            .refuses(&[CHAT_UNKNOWN]),
        messages("/api/search/messages", search::messages)
            .says("Search the messages of all your chats")
            .called("searchMessages")
            .asks::<clowder_core::ChatId>("in", "Only in this chat")
            .lists::<Found>()
            .refuses(&[CHAT_UNKNOWN]),
        get("/api/search/chats", search::chats)
            .says("Search chats by titles and people: yours first, then public ones that you can join")
            .called("searchChats")
            .notes("A chat is found if its title has words that begin with all words of `q`; one of yours also if your own title has them, and a private chat if the display name or the username of the other person has. Pages may be shorter than `limit`, or empty, while `next_cursor` says that there are more. Your own chats come first, the most recently active ones before the others.")
            .scope(CHATS_READ)
            .asks::<String>("q", "Beginnings of words of the title or name, of 1 to 200 characters; accents and case don't count")
            .needed()
            .lists::<FoundChat>(),
    ]
}

fn messages<Args>(path: &'static str, verb: impl crate::routes::Verb<Args>) -> Endpoint {
    get(path, verb)
        .notes(NOTES)
        .notes("`q` is needed, except with `has=file`: without it, all messages with files are found that fit the other filters.")
        .scope(MESSAGES_READ)
        .needs_one_of(&["q", "has=file"])
        .asks::<String>("q", SOUGHT)
        .asks::<String>("from", "Only messages of this person: an id, a username, or `me`")
        .asks::<String>("mentions", "Only messages that mention this person by name or by id: an id, a username, `me`, or `all` for those that mention everybody")
        .asks::<Has>("has", "Only messages with a link, with files, with mentions, with reactions, or that are pinned; of the last two, a page may be short or empty while there are more")
        .asks::<MessageType>("type", "Only messages of this type")
        .asks::<clowder_core::Timestamp>("before", "Only messages that were sent before this time")
        .asks::<clowder_core::Timestamp>("after", "Only messages that were sent at this time or later")
        .asks::<Order>("sort", "`relevance` when absent: how well a message fits, and how new it is")
}
