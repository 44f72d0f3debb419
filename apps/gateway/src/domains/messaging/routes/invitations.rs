//! The routes of invitations to chats.

use clowder_core::idempotency;
use clowder_messaging::{
    Chat,
    invitations::{Guest, Invitation, Invites, Link, NewAnswer, NewInvite, Verdict},
    refusals::*,
    scopes::{CHATS_READ, CHATS_WRITE},
};

use super::super::invitations::{self, Asked};
use crate::routes::{Endpoint, delete, get, post, put};

pub fn all() -> Vec<Endpoint> {
    let mut all = of_chats();
    all.extend(vec![
        get("/api/chat-invitations", invitations::own)
            .says("List your invitations to chats")
            .called("listChatInvitations")
            .scope(CHATS_READ)
            .lists::<Invitation>(),
        put("/api/chat-invitations/{invited_chat_id}", invitations::answer)
            .says("Accept or decline an invitation to a chat")
            .called("answerChatInvitation")
            .notes("For 7 days after you have declined, nobody of the chat can invite you again.")
            .scope(CHATS_WRITE)
            .reaches_others()
            .takes::<NewAnswer>()
            .gives::<Chat>(200, "Accepted: the chat, which you are in now")
            .gives_nothing(204, "Declined")
            .refuses(&[INVITATION_UNKNOWN, CHAT_FULL, CHAT_MEMBERSHIPS]),
        post("/api/chats/join/{chat_code}", invitations::come)
            .says("Join a chat by a link")
            .called("joinChatByCode")
            .notes("A link that is used up, revoked or expired is 410. If it demands approval, owners and admins decide: you receive `chat.decided`.")
            .scope(CHATS_WRITE)
            .reaches_others()
            .gives::<Chat>(201, "You are in it now")
            .gives::<Chat>(200, "You were in it")
            .gives::<Asked>(202, "You have asked to join")
            .refuses(&[LINK_UNKNOWN, LINK_GONE, CHAT_FULL, CHAT_MEMBERSHIPS, CHAT_REQUESTS]),
    ]);
    all
}

fn of_chats() -> Vec<Endpoint> {
    vec![
        post("/api/chats/{chat_id}/invites", invitations::invite)
            .says("Invite people, or create a link")
            .called("createChatInvite")
            .notes("For owners and admins, and for members if the chat gives them the right `invite`. With `user_ids`, these people receive `chat.invited` and can accept for 30 days; without, there is a link with a code.")
            .scope(CHATS_WRITE)
            .reaches_others()
            .creates()
            .takes::<NewInvite>()
            .gives::<Invites>(201, "Who is invited, or the link with its code, which is shown only here")
            // The unknown link is the answer to a repeated call, if the link has been forgotten since.
            .refuses(&[CHAT_UNKNOWN, CHAT_FORBIDDEN, CHAT_PRIVATE, CHAT_OF_GROUP, CHAT_INVITES, LINK_UNKNOWN, idempotency::MISMATCH, idempotency::RUNNING]),
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
            .notes("For owners and admins.")
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
            .notes("For owners and admins. Whoever asked receives `chat.decided`.")
            .scope(CHATS_WRITE)
            .takes::<Verdict>()
            .gives_nothing(204, "It is decided")
            .refuses(&[CHAT_UNKNOWN, CHAT_FORBIDDEN, CHAT_PRIVATE, CHAT_OF_GROUP, REQUEST_UNKNOWN, CHAT_FULL, CHAT_MEMBERSHIPS]),
    ]
}
