//! The routes of threads and of forwarding.

use clowder_core::idempotency;
use clowder_messaging::{
    Message, NewRead,
    refusals::*,
    relations::{FollowedThread, Forwards, NewForward, ThreadState},
    scopes::{MESSAGES_READ, MESSAGES_WRITE},
};

use super::super::relations;
use crate::routes::{Endpoint, delete, get, post, put};

pub fn all() -> Vec<Endpoint> {
    vec![
        get("/api/threads", relations::threads)
            .says("List the threads that you follow, in all chats, the most recently active first")
            .called("listThreads")
            .notes("You follow a thread once you have written in it, once somebody answers a message of yours in one, or if you say so. A thread in which somebody writes while the list is read page by page is on the first page from then on.")
            .scope(MESSAGES_READ)
            .asks::<bool>("unread", "Only threads with (`true`) or without (`false`) unread messages")
            .lists::<FollowedThread>(),
        get("/api/messages/{message_id}/thread", relations::thread)
            .says("Read the thread of a message: newest first, or from `after` oldest first")
            .called("listThread")
            .notes("Without the message itself. The list is empty if there is no thread. Without `before` and `after` the page begins at the newest message. The `Link` of a page keeps its direction.")
            .excludes(&relations::WINDOWS)
            .scope(MESSAGES_READ)
            .asks_number("before", 0, i64::MAX, "Messages with a smaller `seq`, newest first")
            .asks_number("after", 0, i64::MAX, "Messages with a larger `seq`, oldest first")
            .lists::<Message>()
            .refuses(&[MESSAGE_UNKNOWN]),
        put("/api/messages/{message_id}/thread/follow", relations::follow)
            .says("Follow the thread of a message")
            .called("followThread")
            .notes("Also of a message that nobody has answered yet. What is in it already counts as read. Your own devices receive `thread.updated`.")
            .scope(MESSAGES_WRITE)
            .gives::<ThreadState>(200, "That you follow it, and how far you have read it")
            .refuses(&[MESSAGE_UNKNOWN, MESSAGE_NO_THREAD, THREAD_LIMIT]),
        delete("/api/messages/{message_id}/thread/follow", relations::unfollow)
            .says("Stop following the thread of a message")
            .called("unfollowThread")
            .notes("Until you write in it or follow it again. Your own devices receive `thread.updated`.")
            .scope(MESSAGES_WRITE)
            .gives_nothing(204, "You do not follow it")
            .refuses(&[MESSAGE_UNKNOWN]),
        post("/api/messages/{message_id}/thread/read", relations::read)
            .says("Move your read mark of a thread forward")
            .called("markThreadRead")
            .notes("The mark never moves back, and not past the last message of the thread. It is independent of the read mark of the chat. A thread that you have never followed has none. Your own devices receive `thread.updated`.")
            .scope(MESSAGES_WRITE)
            .takes::<NewRead>()
            .gives::<ThreadState>(200, "Where the mark is now")
            .refuses(&[MESSAGE_UNKNOWN]),
        post("/api/messages/{message_id}/forward", relations::forward)
            .says("Forward a message to other chats")
            .called("forwardMessage")
            .notes("Its text is sent to each chat as if you had written it there: what keeps you from sending keeps you from forwarding. `items` says of each chat what became of it: `message`, or `problem` with the code of the refusal, such as `chat.closed`. Everybody in these chats receives `message.sent`.")
            .notes("All of it is one step: if the call fails, nothing was sent. With an `Idempotency-Key`, or with a `client_id`, a repeated call sends nothing again, and says the same of each chat.")
            .scope(MESSAGES_WRITE)
            .reaches_others()
            .creates()
            .takes::<NewForward>()
            .gives::<Forwards>(201, "What became of it in each chat")
            .gives::<Forwards>(200, "What became of it when it was first forwarded with this `client_id`")
            .refuses(&[MESSAGE_UNKNOWN, MESSAGE_NOT_FORWARDABLE, idempotency::MISMATCH, idempotency::RUNNING]),
    ]
}
