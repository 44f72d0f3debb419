//! The routes of invitations to chats.

use clowder_core::idempotency;
use clowder_messaging::{
    Chat,
    invitations::{Guest, Invitation, Invites, Link, NewAnswer, NewInvite, Preview, Standing, Verdict},
    refusals::*,
    scopes::{CHATS_READ, CHATS_WRITE},
};

use super::super::invitations::{self, Asked};
use crate::routes::{Endpoint, delete, get, post, put};

pub fn all() -> Vec<Endpoint> {
    let mut all = of_chats();
    all.extend(vec![
        get("/api/chat-invitations", invitations::own)
            .says("List your invitations to chats, and your requests to join")
            .called("listChatInvitations")
            .notes("Those that are open. Of a chat that you asked to join, you learn title and people when you are let in.")
            .scope(CHATS_READ)
            .asks::<Standing>("status", "Only invitations, or only requests")
            .lists::<Invitation>(),
        put("/api/chat-invitations/{invited_chat_id}", invitations::answer)
            .says("Accept or decline an invitation to a chat")
            .called("answerChatInvitation")
            .notes("For 7 days after you have declined, nobody of the chat can invite you again. `decline` also takes back a request to join.")
            .scope(CHATS_WRITE)
            .reaches_others()
            .takes::<NewAnswer>()
            .gives::<Chat>(200, "Accepted: the chat, which you are in now")
            .gives_nothing(204, "Declined, or taken back")
            .refuses(&[INVITATION_UNKNOWN, CHAT_BANNED, CHAT_FULL, CHAT_MEMBERSHIPS]),
        get("/api/chats/join/{chat_code}", invitations::preview)
            .says("Read what a link leads to")
            .called("getChatByCode")
            .notes("For whoever could join by it. A link that is used up, revoked or expired is 410, except for participants.")
            .scope(CHATS_READ)
            .gives::<Preview>(200, "The chat, as far as it is shown before joining")
            .refuses(&[LINK_UNKNOWN, LINK_GONE, CHAT_BANNED]),
        post("/api/chats/join/{chat_code}", invitations::come)
            .says("Join a chat by a link")
            .called("joinChatByCode")
            .notes("A link that is used up, revoked or expired is 410. If it demands approval, owners and admins decide: you receive `chat.decided`. After a rejection you can ask again 7 days later. A request expires after 30 days. A repeated call is 404 `chat.unknown` if you came into the chat and are not in it any more.")
            .scope(CHATS_WRITE)
            .reaches_others()
            .creates()
            .gives::<Chat>(201, "You are in it now")
            .gives::<Chat>(200, "You were in it")
            .gives::<Asked>(202, "You have asked to join")
            .refuses(&[LINK_UNKNOWN, LINK_GONE, CHAT_UNKNOWN, CHAT_BANNED, CHAT_FULL, CHAT_MEMBERSHIPS, CHAT_REQUESTS, CHAT_REQUESTS_OPEN, CHAT_REQUESTS_TODAY, CHAT_TOO_SOON, idempotency::MISMATCH, idempotency::RUNNING]),
    ]);
    all
}

fn of_chats() -> Vec<Endpoint> {
    vec![
        post("/api/chats/{chat_id}/invites", invitations::invite)
            .says("Invite people, or create a link")
            .called("createChatInvite")
            .notes("For owners and admins, and for members if the chat gives them the right `invite`. With `user_ids`, these people receive `chat.invited` and can accept for 30 days; whoever has declined is left alone for 7 days. Without `user_ids`, and also without any body, there is a link with a code.")
            .scope(CHATS_WRITE)
            .reaches_others()
            .creates()
            .takes_if_any::<NewInvite>()
            .gives::<Invites>(201, "Who is invited, or the link with its code, which is shown only here")
            .refuses(&[CHAT_UNKNOWN, CHAT_FORBIDDEN, CHAT_PRIVATE, CHAT_OF_GROUP, CHAT_NOT_WANTED, CHAT_INVITES, CHAT_INVITES_TODAY, idempotency::MISMATCH, idempotency::RUNNING])
            .refuses_again(&[LINK_UNKNOWN]),
        get("/api/chats/{chat_id}/invites", invitations::links)
            .says("List the links of a chat, the newest first")
            .called("listChatLinks")
            .notes("For owners and admins. Codes are not shown again.")
            .scope(CHATS_READ)
            .lists::<Link>()
            .refuses(&[CHAT_UNKNOWN, CHAT_FORBIDDEN, CHAT_PRIVATE, CHAT_OF_GROUP]),
        delete("/api/chats/{chat_id}/invites/{chat_link_id}", invitations::revoke)
            .says("Revoke a link")
            .called("revokeChatLink")
            .notes("For owners and admins. Whoever came by it stays.")
            .scope(CHATS_WRITE)
            .gives_nothing(204, "It is revoked")
            .refuses(&[CHAT_UNKNOWN, CHAT_FORBIDDEN, CHAT_PRIVATE, CHAT_OF_GROUP, LINK_UNKNOWN]),
        get("/api/chats/{chat_id}/invitations", invitations::invited)
            .says("List who is invited to a chat, the longest waiting first")
            .called("listChatGuests")
            .notes("For owners and admins.")
            .scope(CHATS_READ)
            .lists::<Guest>()
            .refuses(&[CHAT_UNKNOWN, CHAT_FORBIDDEN, CHAT_PRIVATE, CHAT_OF_GROUP]),
        delete("/api/chats/{chat_id}/invitations/{participant_id}", invitations::withdraw)
            .says("Withdraw an invitation")
            .called("withdrawChatInvitation")
            .notes("For owners and admins. Whoever was invited receives `chat.uninvited`.")
            .scope(CHATS_WRITE)
            .gives_nothing(204, "They are not invited")
            .refuses(&[CHAT_UNKNOWN, CHAT_FORBIDDEN, CHAT_PRIVATE, CHAT_OF_GROUP]),
        get("/api/chats/{chat_id}/requests", invitations::requests)
            .says("List who asks to join a chat, the longest waiting first")
            .called("listChatRequests")
            .notes("For owners and admins.")
            .scope(CHATS_READ)
            .lists::<Guest>()
            .refuses(&[CHAT_UNKNOWN, CHAT_FORBIDDEN, CHAT_PRIVATE, CHAT_OF_GROUP]),
        put("/api/chats/{chat_id}/requests/{chat_requester_id}", invitations::decide)
            .says("Decide on a request to join a chat")
            .called("decideChatRequest")
            .notes("For owners and admins. Whoever asked receives `chat.decided`, as do owners and admins, and can ask again 7 days after a rejection.")
            .scope(CHATS_WRITE)
            .takes::<Verdict>()
            .gives_nothing(204, "It is decided")
            .refuses(&[CHAT_UNKNOWN, CHAT_FORBIDDEN, CHAT_PRIVATE, CHAT_OF_GROUP, REQUEST_UNKNOWN, CHAT_BANNED, CHAT_FULL, CHAT_MEMBERSHIPS]),
    ]
}
