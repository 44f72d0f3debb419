//! The routes of chats and messages.

use clowder_core::idempotency;
use clowder_messaging::{
    Chat, Delivered, Edit, Message, MessagePatch, NewChat, NewMessage, NewRead, Reaction, Reactor, Read, Scheduled,
    keeping::Whom,
    moderation::NewNotice,
    receipts::Receipt,
    refusals::*,
    scopes::{CHATS_READ, CHATS_WRITE, MESSAGES_READ, MESSAGES_WRITE},
};

use super::handlers;
use crate::{
    docs::patterns,
    routes::{Endpoint, delete, get, patch, post, put},
};

mod chat_analytics;
mod chat_exports;
mod chat_imports;
mod chat_templates;
mod chats;
mod invitations;
mod keeping;
mod moderation;
mod participants;
mod polls;
mod relations;
mod scheduled;
mod search;

pub fn all() -> Vec<Endpoint> {
    let mut all = messages();
    all.extend(chats::all());
    all.extend(chat_exports::all());
    all.extend(chat_imports::all());
    all.extend(chat_templates::all());
    all.extend(chat_analytics::all());
    all.extend(participants::all());
    all.extend(invitations::all());
    all.extend(moderation::all());
    all.extend(scheduled::all());
    all.extend(keeping::all());
    all.extend(relations::all());
    all.extend(search::all());
    all.extend(polls::all());
    all
}

fn messages() -> Vec<Endpoint> {
    vec![
        get("/api/chats", handlers::chats)
            .says("List your chats: the pinned ones, then the others, the most recently active first")
            .called("listChats")
            .notes(
                "A message moves its chat to the top. A chat that moves while the list is read page by page is on the \
                 first page from then on: it may be missing from the pages that follow, or be listed a second time if its \
                 page is read again. Its event (`message.sent`, `chat.created`) says that it moved, and reading from the \
                 top again finds it. Chats that do not move are neither skipped nor repeated.",
            )
            .scope(CHATS_READ)
            .asks::<clowder_messaging::ChatType>("type", "Only chats of this type")
            .asks::<bool>("unread", "Only chats with (`true`) or without (`false`) unread messages")
            .asks::<bool>("archived", "Only chats that you have (`true`) or have not (`false`) archived")
            .asks::<bool>("muted", "Only chats that are (`true`) or are not (`false`) muted now")
            .asks::<String>("q", "Beginnings of words of the title, of your own title, or of the name of the other person")
            .lists::<Chat>(),
        post("/api/chats", handlers::create_chat)
            .says("Create a chat")
            .called("createChat")
            .notes("Two people have one private chat: creating it again returns it with 200. Groups and channels need a title, and can be given `rights`; every chat can be given a `lifetime` of its messages, except a private chat that exists already, which keeps its own. All participants receive `chat.created`. A repeated call is 404 if you have left the chat since.")
            .scope(CHATS_WRITE)
            .reaches_others()
            .creates()
            .takes::<NewChat>()
            .gives::<Chat>(201, "A new chat")
            .gives::<Chat>(200, "The private chat that the two already have")
            // The answer to a repeated call, if the caller has left the chat since.
            .refuses(&[CHAT_UNKNOWN, CHAT_FULL, CHAT_LIMIT, CHAT_MEMBERSHIPS, CHAT_NOT_WANTED, CHAT_STRANGERS_TODAY, MESSAGE_FILTERED, idempotency::MISMATCH, idempotency::RUNNING]),
        get("/api/chats/{chat_id}", handlers::chat)
            .says("Read a chat")
            .called("getChat")
            .notes("Shows the chat as you see it: your role, your read mark, the number of unread messages.")
            .scope(CHATS_READ)
            .tagged()
            .gives::<Chat>(200, "The chat as you see it")
            .refuses(&[CHAT_UNKNOWN]),
        get("/api/chats/{chat_id}/messages", handlers::messages)
            .says("Read messages: newest first, or from `after` oldest first")
            .called("listMessages")
            .notes("Without `before`, `after` and `around` the page begins at the newest message. Messages of threads (`thread_of`) are among them, in their places. The `Link` of a page keeps its direction.")
            .excludes(&handlers::WINDOWS)
            .scope(MESSAGES_READ)
            .asks_number("before", 0, i64::MAX, "Messages with a smaller `seq`, newest first")
            .asks_number("after", 0, i64::MAX, "Messages with a larger `seq`, oldest first")
            .asks_number("around", 0, i64::MAX, "Messages around this `seq`, oldest first")
            .lists::<Message>()
            .refuses(&[CHAT_UNKNOWN]),
        get("/api/chats/{chat_id}/mentions", handlers::mentions)
            .says("List the messages of a chat that mention you, the newest first")
            .called("listMentions")
            .notes("By `@username`, by your id in `mentions`, or by `@all`, also those that you have read. Deleted and disappeared messages, messages that you cannot see and those of people whom you have blocked or muted are left out.")
            .scope(MESSAGES_READ)
            .lists::<Message>()
            .refuses(&[CHAT_UNKNOWN]),
        get("/api/mentions", handlers::all_mentions)
            .says("List the messages of all your chats that mention you, the newest first")
            .called("listAllMentions")
            .notes("Those that `GET /api/chats/{chat_id}/mentions` lists of each chat.")
            .scope(MESSAGES_READ)
            .asks::<bool>("unread", "Only messages that you have not (`true`) or have (`false`) read")
            .lists::<Message>(),
        post("/api/chats/{chat_id}/messages", handlers::send)
            .says("Send a message, now or later")
            .called("sendMessage")
            .notes("The answer comes when the message is durable and has its `seq`. The same `client_id` in the same chat returns the first message with 200 instead of sending it twice. All participants receive `message.sent`. Whoever sends more than so many messages to one chat at once is refused for a moment with 429, which says for how long.")
            .notes("The server finds mentions, hashtags, links and email addresses in the text: `entities` says where, in characters (Unicode scalar values). `@username` and the ids in `mentions` mention people who are in the chat and can see the message; anybody else is left out, without a refusal. `@all` mentions everybody if you have the right, and is plain text otherwise.")
            .notes("With `reply_to` it quotes another message of the chat. With `thread_of` it belongs to the thread of a message, which must not be in a thread itself. Messages of threads have their `seq` in the chat and are in its pages like all others.")
            .notes("With `send_at` the message waits until then, and is sent within that second, once, whatever restarts; with `repeat` again and again, at the same time of day in its `time_zone`. If you may not write there any more by then, it is refused. Your own devices receive `message.scheduled` when that happens.")
            .notes("With `type` `poll`, the content is a question, and `poll` has the options that people can choose. Nobody is mentioned in it.")
            .scope(MESSAGES_WRITE)
            .reaches_others()
            .creates()
            .takes::<NewMessage>()
            .gives::<Message>(201, "The message, durable and in its place")
            .gives::<Message>(200, "The message that was first sent with this `client_id`")
            .gives::<Scheduled>(202, "The message, which is sent later")
            .refuses(&[
                CHAT_UNKNOWN,
                CHAT_CLOSED,
                CHAT_FORBIDDEN,
                CHAT_MUTED,
                MESSAGE_SLOW,
                MESSAGE_FILTERED,
                MESSAGE_HELD,
                MESSAGE_REVIEWS,
                CLIENT_ID_MISMATCH,
                SCHEDULED_LIMIT,
                SCHEDULED_CROWDED,
                // The answer to a repeated call, if it was long ago.
                SCHEDULED_UNKNOWN,
                idempotency::MISMATCH,
                idempotency::RUNNING,
            ]),
        post("/api/chats/{chat_id}/read", handlers::read)
            .says("Move your read mark forward")
            .called("markChatRead")
            .notes("The mark never moves back; a smaller `seq` returns where it is.")
            .scope(MESSAGES_WRITE)
            .takes::<NewRead>()
            .gives::<Read>(200, "Where the mark is now")
            .refuses(&[CHAT_UNKNOWN]),
        post("/api/chats/{chat_id}/delivered", handlers::delivered)
            .says("Confirm that messages up to one have reached your device")
            .called("markChatDelivered")
            .by_itself()
            .notes("Only for clients that learn of messages in another way than by a page or a socket, for example by a push notification: the server notes both by itself. The mark never moves back. Nothing is noted in chats of more than 256 people.")
            .scope(MESSAGES_WRITE)
            .takes::<NewRead>()
            .gives::<Delivered>(200, "Where the mark is now")
            .refuses(&[CHAT_UNKNOWN]),
        get("/api/messages/{message_id}", handlers::message)
            .says("Read a message")
            .called("getMessage")
            .notes("Deleted messages are returned with `content: null`.")
            .scope(MESSAGES_READ)
            .tagged()
            .gives::<Message>(200, "The message")
            .refuses(&[MESSAGE_UNKNOWN]),
        patch("/api/messages/{message_id}", handlers::edit)
            .or_put_whole()
            .says("Edit your message")
            .called("editMessage")
            .notes("Only the sender can edit a message. Absent members stay, and one has to be given. All participants receive `message.updated`. `entities` and `mentions` follow the new text; those whom you had given in `mentions` stay, unless you give others.")
            .scope(MESSAGES_WRITE)
            .reaches_others()
            .edits()
            .takes::<MessagePatch>()
            .gives::<Message>(200, "As it is now")
            .refuses(&[
                MESSAGE_UNKNOWN,
                MESSAGE_FORBIDDEN,
                MESSAGE_GONE,
                MESSAGE_STALE,
                MESSAGE_EDITS,
                MESSAGE_LATE,
                MESSAGE_FORWARDED,
                POLL_EDIT,
                CHAT_CLOSED,
                CHAT_FORBIDDEN,
                CHAT_MUTED,
                MESSAGE_FILTERED,
            ]),
        delete("/api/messages/{message_id}", handlers::delete)
            .says("Delete a message")
            .called("deleteMessage")
            .notes("The sender can delete a message, and so can the owners and admins of the chat. Its place in the chat stays. All participants receive `message.deleted`. With a reason, which owners and admins give for messages of others, its author receives `chat.sanctioned` and finds it in `GET /api/chat-sanctions`.")
            .notes("With `for=me`, whoever sees a message removes it for themselves: for them it does not exist any more, and nothing changes for others, who do not learn of it. Only your own devices receive `message.removed`. You can remove 10,000 messages; those of a chat that you clear do not count any more.")
            .scope(MESSAGES_WRITE)
            .edits()
            .asks::<Whom>("for", "For everybody (`all`, if absent) or for you alone (`me`)")
            .takes_if_any::<NewNotice>()
            .gives_nothing(204, "It is deleted, and its text is gone; or it is gone for you")
            .refuses(&[MESSAGE_UNKNOWN, MESSAGE_FORBIDDEN, MESSAGE_STALE, MESSAGE_REMOVALS]),
        get("/api/messages/{message_id}/history", handlers::history)
            .says("List the versions of a message, the oldest first, the current one last")
            .called("listMessageEdits")
            .notes("A deleted message has no history.")
            .scope(MESSAGES_READ)
            .lists::<Edit>()
            .refuses(&[MESSAGE_UNKNOWN]),
        get("/api/messages/{message_id}/receipts", handlers::receipts)
            .says("List who has received a message and who has read it")
            .called("listReceipts")
            .notes("Everybody in the chat except its sender and those who came later, in the order of their ids. `read_at` is `null` for people who hide their read marks (`privacy.read_receipts`), and for everybody if you do. For all but the last 1,000 messages, the times are those of a later mark. In channels, only owners and admins see them.")
            .scope(MESSAGES_READ)
            .lists::<Receipt>()
            .refuses(&[MESSAGE_UNKNOWN, CHAT_FORBIDDEN, RECEIPTS_TOO_MANY]),
        get("/api/messages/{message_id}/reactions", handlers::reactions)
            .says("List who has reacted to a message")
            .called("listReactions")
            .notes("Ordered by emoji, and then by the id of the person. Messages show how many people have reacted with which emoji. In channels, only owners and admins see who has.")
            .scope(MESSAGES_READ)
            .asks_form("emoji", patterns::EMOJI, "Only who has reacted with this emoji")
            .lists::<Reactor>()
            .refuses(&[MESSAGE_UNKNOWN, CHAT_FORBIDDEN]),
        put("/api/messages/{message_id}/reactions/{emoji}", handlers::react)
            .says("React to a message with an emoji")
            .called("addReaction")
            .notes("A message has at most 20 different emoji; you can react with as many of them as you like, once with each. Reacting again changes nothing. All participants receive `reaction.added`.")
            .scope(MESSAGES_WRITE)
            .reaches_others()
            .gives::<Reaction>(200, "The reaction, and how many people have reacted with this emoji")
            .refuses(&[MESSAGE_UNKNOWN, MESSAGE_GONE, CHAT_CLOSED, REACTION_KINDS]),
        delete("/api/messages/{message_id}/reactions/{emoji}", handlers::unreact)
            .says("Take your reaction back")
            .called("removeReaction")
            .notes("Removing a reaction that does not exist is not an error. All participants receive `reaction.removed`.")
            .scope(MESSAGES_WRITE)
            .gives_nothing(204, "You have not reacted with this emoji")
            .refuses(&[MESSAGE_UNKNOWN]),
        post("/api/messages/{message_id}/read", handlers::read_message)
            .says("Mark everything up to a message as read")
            .called("markMessageRead")
            .notes("The same as `POST /api/chats/{chat_id}/read` with the `seq` of the message.")
            .scope(MESSAGES_WRITE)
            .gives::<Read>(200, "Where the mark is now")
            .refuses(&[MESSAGE_UNKNOWN]),
    ]
}
