//! The routes of the people in chats.

use clowder_core::idempotency;
use clowder_messaging::{
    Chat, ChatRole, Participant,
    moderation::NewNotice,
    participants::{NewParticipants, RolePatch},
    refusals::*,
    scopes::{CHATS_READ, CHATS_WRITE},
};

use super::super::{invitations::Asked, participants};
use crate::routes::{Endpoint, delete, get, post, put};

pub fn all() -> Vec<Endpoint> {
    vec![
        get("/api/chats/{chat_id}/participants", participants::list)
            .says("List the people in a chat, by role and then by name")
            .called("listParticipants")
            .notes("In a channel, only owners and admins see who is in it. A search finds people whose username or display name has words that begin with all words of the search; in chats of more than 2,000 people, among members and subscribers, those whose display name begins with it. Pages may be shorter than `limit`, or empty, while `next_cursor` says that there are more.")
            .scope(CHATS_READ)
            .asks::<ChatRole>("role", "Only people with this role")
            .asks::<String>("q", "Beginnings of words of their names")
            .lists::<Participant>()
            .refuses(&[CHAT_UNKNOWN, CHAT_FORBIDDEN]),
        post("/api/chats/{chat_id}/participants", participants::add)
            .says("Add people to a chat")
            .called("addParticipants")
            .notes("All of them or none, at most 200 at once; who is in the chat already stays as they are. For owners and admins, and for members if the chat gives them the right `add`. Each new participant receives `chat.created`; in chats of at most 256 people, everybody receives `participant.added`; in larger ones and in channels, the owners and admins do. Whoever has declined an invitation to the chat cannot be added for 7 days (422 `too_soon`).")
            .scope(CHATS_WRITE)
            .reaches_others()
            .takes::<NewParticipants>()
            .gives_page::<Participant>()
            .refuses(&[CHAT_UNKNOWN, CHAT_FORBIDDEN, CHAT_PRIVATE, CHAT_OF_GROUP, CHAT_NOT_WANTED, CHAT_FULL, CHAT_MEMBERSHIPS, CHAT_STRANGERS_TODAY]),
        put("/api/chats/{chat_id}/participants/{participant_id}", participants::set_role)
            .says("Change the role of a participant")
            .called("setParticipantRole")
            .notes("Owners give any role; admins make admins, members and subscribers of people with a lower role than theirs. Everybody may take a lower role themselves, except the last owner.")
            .scope(CHATS_WRITE)
            .takes::<RolePatch>()
            .gives::<Participant>(200, "The participant as they are now")
            .refuses(&[CHAT_UNKNOWN, CHAT_FORBIDDEN, CHAT_PRIVATE, CHAT_OF_GROUP, CHAT_OWNER, CHAT_FULL, PARTICIPANT_UNKNOWN]),
        delete("/api/chats/{chat_id}/participants/{participant_id}", participants::remove)
            .says("Remove a participant, or leave")
            .called("removeParticipant")
            .notes("Owners and admins remove people with a lower role; owners remove each other. Removing yourself is leaving. Removing somebody else is in the audit log; with a reason, the person receives `chat.sanctioned` and finds it in `GET /api/chat-sanctions`.")
            .scope(CHATS_WRITE)
            .takes_if_any::<NewNotice>()
            .gives_nothing(204, "They are not in it any more")
            .refuses(&[CHAT_UNKNOWN, CHAT_FORBIDDEN, CHAT_PRIVATE, CHAT_OF_GROUP, CHAT_OWNER, PARTICIPANT_UNKNOWN]),
        post("/api/chats/{chat_id}/join", participants::join)
            .says("Join a public chat")
            .called("joinChat")
            .notes("You become a member, in a channel a subscriber. While too many come at once, the brake of the chat makes whoever comes wait: you have asked to join then, and its owners and admins decide. A repeated call is 404 if you are not in it any more.")
            .scope(CHATS_WRITE)
            .reaches_others()
            .creates()
            .gives::<Chat>(201, "You are in it now")
            .gives::<Chat>(200, "You were in it")
            .gives::<Asked>(202, "You have asked to join")
            .refuses(&[
                CHAT_UNKNOWN,
                CHAT_BANNED,
                CHAT_FULL,
                CHAT_MEMBERSHIPS,
                CHAT_REQUESTS,
                CHAT_REQUESTS_OPEN,
                CHAT_REQUESTS_TODAY,
                CHAT_TOO_SOON,
                idempotency::MISMATCH,
                idempotency::RUNNING,
            ]),
    ]
}
