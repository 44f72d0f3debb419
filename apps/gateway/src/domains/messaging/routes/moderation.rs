//! The routes of moderation.

use clowder_accounts::scopes::{ADMIN_READ, ADMIN_WRITE};
use clowder_core::idempotency;
use clowder_messaging::{
    moderation::{
        Filter, NewBrake, NewFilter, NewLifting, NewPurge, NewReviewVerdict, NewSanction, NewSlowMode, Purge, Review,
        Rules, Sanction, log::LogEntry,
    },
    permissions::{FILTER_MESSAGES, REVIEW_MESSAGES},
    refusals::*,
    scopes::{CHATS_READ, CHATS_WRITE, MESSAGES_READ, MESSAGES_WRITE},
};

use super::super::moderation;
use crate::routes::{Endpoint, delete, get, post, put};

pub fn all() -> Vec<Endpoint> {
    let mut all = of_people();
    all.extend(of_chats());
    all.extend(of_server());
    all
}

fn of_people() -> Vec<Endpoint> {
    vec![
        get("/api/chat-sanctions", moderation::own)
            .says("List what moderators of chats did to you, the last first")
            .called("listOwnChatSanctions")
            .notes("Each with its reason, but not with who did it. What is over is listed for half a year.")
            .scope(CHATS_READ)
            .lists::<Sanction>(),
        get("/api/held-messages", moderation::held)
            .says("List your messages that wait until somebody approves them, the oldest first")
            .called("listHeldMessages")
            .notes("A word filter caught them (`message.held`). What nobody has decided about for 30 days is thrown away.")
            .scope(MESSAGES_READ)
            .lists::<Review>(),
        delete("/api/held-messages/{held_message_id}", moderation::withdraw)
            .says("Take back a message that waits until somebody approves it")
            .called("withdrawHeldMessage")
            .notes("Nobody is told. It is `message.review_unknown` if somebody has decided about it meanwhile.")
            .scope(MESSAGES_WRITE)
            .gives_nothing(204, "It is thrown away")
            .refuses(&[REVIEW_UNKNOWN]),
        post("/api/chats/{chat_id}/moderation/mute", moderation::mute)
            .says("Mute a participant")
            .called("muteParticipant")
            .notes("For owners and admins, of people with a lower role. A muted person can read, but not send or edit messages, nor show that they are typing (`chat.muted`). They receive `chat.sanctioned`, at most five times a day, and stay muted if they leave and come back. Muting again replaces the reason and the end.")
            .scope(CHATS_WRITE)
            .takes::<NewSanction>()
            .creates()
            .gives::<Sanction>(200, "The mute")
            .refuses(&[CHAT_UNKNOWN, CHAT_FORBIDDEN, CHAT_PRIVATE, PARTICIPANT_UNKNOWN, CHAT_SANCTIONS, idempotency::MISMATCH, idempotency::RUNNING]),
        post("/api/chats/{chat_id}/moderation/unmute", moderation::unmute)
            .says("Let a muted participant write again")
            .called("unmuteParticipant")
            .notes("For owners and admins; only owners lift what concerns themselves. The person receives `chat.sanctioned` with `lifted: true`.")
            .scope(CHATS_WRITE)
            .takes::<NewLifting>()
            .gives_nothing(204, "They are not muted")
            .refuses(&[CHAT_UNKNOWN, CHAT_FORBIDDEN, CHAT_PRIVATE]),
        get("/api/chats/{chat_id}/moderation/mutes", moderation::muted)
            .says("List who is muted, the last first")
            .called("listChatMutes")
            .notes("For owners and admins.")
            .scope(CHATS_READ)
            .lists::<Sanction>()
            .refuses(&[CHAT_UNKNOWN, CHAT_FORBIDDEN, CHAT_PRIVATE]),
        post("/api/chats/{chat_id}/moderation/ban", moderation::ban)
            .says("Ban a person from a chat")
            .called("banFromChat")
            .notes("For owners and admins, of people with a lower role and of people who are not in it. They are out at once, and neither join nor come by a link, nor can anybody add or invite them, until the ban is over or lifted. They receive `chat.sanctioned`. The chat of a group follows the group: ban them from the group.")
            .scope(CHATS_WRITE)
            .takes::<NewSanction>()
            .creates()
            .gives::<Sanction>(200, "The ban")
            .refuses(&[CHAT_UNKNOWN, CHAT_FORBIDDEN, CHAT_PRIVATE, CHAT_OF_GROUP, PARTICIPANT_UNKNOWN, CHAT_SANCTIONS, idempotency::MISMATCH, idempotency::RUNNING]),
        post("/api/chats/{chat_id}/moderation/unban", moderation::unban)
            .says("Lift a ban")
            .called("unbanFromChat")
            .notes("For owners and admins. The person receives `chat.sanctioned` with `lifted: true`, and is not in the chat before they come by themselves.")
            .scope(CHATS_WRITE)
            .takes::<NewLifting>()
            .gives_nothing(204, "They are not banned")
            .refuses(&[CHAT_UNKNOWN, CHAT_FORBIDDEN, CHAT_PRIVATE, CHAT_OF_GROUP]),
        get("/api/chats/{chat_id}/moderation/bans", moderation::banned)
            .says("List who is banned, the last first")
            .called("listChatBans")
            .notes("For owners and admins.")
            .scope(CHATS_READ)
            .lists::<Sanction>()
            .refuses(&[CHAT_UNKNOWN, CHAT_FORBIDDEN, CHAT_PRIVATE, CHAT_OF_GROUP]),
    ]
}

fn of_chats() -> Vec<Endpoint> {
    vec![
        get("/api/chats/{chat_id}/moderation", moderation::rules)
            .says("Read how a chat is moderated")
            .called("getChatModeration")
            .notes("For owners and admins.")
            .scope(CHATS_READ)
            .gives::<Rules>(200, "As it is now")
            .refuses(&[CHAT_UNKNOWN, CHAT_FORBIDDEN, CHAT_PRIVATE]),
        get("/api/chats/{chat_id}/moderation/log", moderation::log)
            .says("List what was done to moderate a chat, the last first")
            .called("listChatModerationLog")
            .notes("For owners and admins: who muted, banned, removed whom, deleted messages of others, decided about what the filter caught, or changed slow mode, the filter or the brake, and why. It comes from the audit log of the server, and goes back as far as that does (400 days, unless the operator keeps it longer or shorter). What moderators of the server decide is not in it.")
            .scope(CHATS_READ)
            .lists::<LogEntry>()
            .refuses(&[CHAT_UNKNOWN, CHAT_FORBIDDEN, CHAT_PRIVATE]),
        post("/api/chats/{chat_id}/moderation/slow-mode", moderation::slow_down)
            .says("Make members wait between two messages")
            .called("setChatSlowMode")
            .notes("For owners and admins, who never wait themselves. A message that comes too early is `message.slow`, which says when it is possible. All participants receive `chat.updated`.")
            .scope(CHATS_WRITE)
            .takes::<NewSlowMode>()
            .gives::<Rules>(200, "As it is now")
            .refuses(&[CHAT_UNKNOWN, CHAT_FORBIDDEN, CHAT_PRIVATE]),
        put("/api/chats/{chat_id}/moderation/filter", moderation::set_filter)
            .says("Set the words that a chat catches")
            .called("setChatFilter")
            .notes("For owners and admins, whose own messages it does not catch. `block` refuses a message (`message.filtered`), `hold` keeps it until somebody approves it (`message.held`), `flag` sends it and lists it. An edit is refused if a new message would be refused or held.")
            .scope(CHATS_WRITE)
            .takes::<NewFilter>()
            .gives::<Rules>(200, "As it is now")
            .refuses(&[CHAT_UNKNOWN, CHAT_FORBIDDEN, CHAT_PRIVATE]),
        put("/api/chats/{chat_id}/moderation/brake", moderation::set_brake)
            .says("Set the brake on joins")
            .called("setChatBrake")
            .notes("For owners and admins. When more people than `joins` come by themselves within `seconds`, whoever comes in the following `hold_seconds` waits as if they had asked to join: see the requests of the chat. Owners and admins receive `chat.braked`. Setting it again releases it. The chat of a group follows the group.")
            .scope(CHATS_WRITE)
            .takes::<NewBrake>()
            .gives::<Rules>(200, "As it is now")
            .refuses(&[CHAT_UNKNOWN, CHAT_FORBIDDEN, CHAT_PRIVATE, CHAT_OF_GROUP]),
        get("/api/chats/{chat_id}/moderation/reviews", moderation::reviews)
            .says("List the messages that the word filter of a chat caught, the oldest first")
            .called("listChatReviews")
            .notes("For owners and admins, of the messages that they may see, who receive `chat.review` for each new one. A message that is gone is not listed. What nobody has decided about for 30 days is not listed any more either: one that was held is thrown away, and nobody is told.")
            .scope(CHATS_READ)
            .lists::<Review>()
            .refuses(&[CHAT_UNKNOWN, CHAT_FORBIDDEN, CHAT_PRIVATE]),
        put("/api/chats/{chat_id}/moderation/reviews/{message_review_id}", moderation::decide)
            .says("Decide about a message that the word filter of a chat caught")
            .called("decideChatReview")
            .notes("For owners and admins. An approved message that was held gets its place in the chat now, and everybody receives `message.sent`; a flagged one stays. A rejected one is thrown away or deleted, and its sender receives `chat.sanctioned`. If the sender of a held message cannot write in the chat now, because they are muted, have not the right to any more, or the chat is closed, it cannot be approved (`message.unsendable`): it still waits, and can be rejected. With its `version` in `If-Match`, nothing is decided about what has been edited since you read it (`message.stale`).")
            .scope(CHATS_WRITE)
            .edits()
            .takes::<NewReviewVerdict>()
            .gives_nothing(204, "It is decided")
            .refuses(&[
                CHAT_UNKNOWN,
                CHAT_FORBIDDEN,
                CHAT_PRIVATE,
                REVIEW_UNKNOWN,
                MESSAGE_STALE,
                PARTICIPANT_UNKNOWN,
                MESSAGE_UNSENDABLE,
            ]),
        post("/api/chats/{chat_id}/moderation/purge", moderation::purge)
            .says("Delete what somebody wrote")
            .called("purgeChat")
            .notes("For owners and admins: all messages of a person with a lower role, of one who has left, or of your own, or those of some time, as they are when it begins. A job deletes them, a few at a time, and everybody receives `message.deleted` for each; `Location` is where to read how far it has come. The person receives `chat.sanctioned`.")
            .scope(CHATS_WRITE)
            .takes::<NewPurge>()
            .creates()
            .starts::<Purge>("A job deletes them")
            .refuses(&[CHAT_UNKNOWN, CHAT_FORBIDDEN, CHAT_PRIVATE, PARTICIPANT_UNKNOWN, CHAT_PURGES, idempotency::MISMATCH, idempotency::RUNNING])
            .refuses_again(&[PURGE_UNKNOWN]),
        get("/api/chats/{chat_id}/moderation/purges/{chat_purge_id}", moderation::purge_progress)
            .says("Read the progress of a purge")
            .called("getChatPurge")
            .notes("For owners and admins. It is known for a week after the end.")
            .scope(CHATS_READ)
            .gives::<Purge>(200, "How far it has come")
            .refuses(&[CHAT_UNKNOWN, CHAT_FORBIDDEN, CHAT_PRIVATE, PURGE_UNKNOWN]),
    ]
}

fn of_server() -> Vec<Endpoint> {
    vec![
        get("/api/admin/word-filter", moderation::server_filter)
            .says("Read the words that the server catches in all chats")
            .called("getServerFilter")
            .notes("Nobody is exempt from it.")
            .needs(FILTER_MESSAGES)
            .scope(ADMIN_READ)
            .gives::<Filter>(200, "As it is now"),
        put("/api/admin/word-filter", moderation::set_server_filter)
            .says("Set the words that the server catches in all chats")
            .called("setServerFilter")
            .notes("It works as the filter of a chat, beside it; where both catch a message, the stricter one counts. What it holds or flags is decided by moderators of the server, and not by the chat.")
            .needs(FILTER_MESSAGES)
            .scope(ADMIN_WRITE)
            .takes::<NewFilter>()
            .gives::<Filter>(200, "As it is now"),
        get("/api/admin/message-reviews", moderation::server_reviews)
            .says("List the messages that the word filter of the server caught, the oldest first")
            .called("listServerReviews")
            .notes("Without their texts.")
            .needs(REVIEW_MESSAGES)
            .scope(ADMIN_READ)
            .lists::<Review>(),
        get("/api/admin/message-reviews/{server_review_id}", moderation::examine)
            .says("Read a message that the word filter of the server caught")
            .called("examineServerReview")
            .notes("It may be private, so each call is in the audit log (`message_review.read`).")
            .needs(REVIEW_MESSAGES)
            .gives::<Review>(200, "The message")
            .refuses(&[REVIEW_UNKNOWN]),
        put("/api/admin/message-reviews/{server_review_id}", moderation::decide_for_server)
            .says("Decide about a message that the word filter of the server caught")
            .called("decideServerReview")
            .notes("As for a chat, which does not learn who decided: a message that is rejected is deleted as if its sender had deleted it.")
            .needs(REVIEW_MESSAGES)
            .edits()
            .takes::<NewReviewVerdict>()
            .gives_nothing(204, "It is decided")
            .refuses(&[REVIEW_UNKNOWN, MESSAGE_STALE, CHAT_UNKNOWN, PARTICIPANT_UNKNOWN, MESSAGE_UNSENDABLE]),
    ]
}
