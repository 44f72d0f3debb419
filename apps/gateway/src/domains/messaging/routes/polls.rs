//! The routes of polls. They are sent as messages.

use clowder_messaging::{
    polls::{Closed, NewVote, Voted, Voter},
    refusals::*,
    scopes::{MESSAGES_READ, MESSAGES_WRITE},
};

use super::super::polls;
use crate::routes::{Endpoint, delete, get, post, put};

pub fn all() -> Vec<Endpoint> {
    vec![
        put("/api/messages/{poll_id}/poll/votes", polls::vote)
            .says("Vote in a poll")
            .called("voteInPoll")
            .notes("Replaces your earlier vote; no options take it back. The same vote again changes nothing. Options are named by their place, from 0. All participants receive `poll.voted`; in anonymous polls it does not say who voted.")
            .scope(MESSAGES_WRITE)
            .reaches_others()
            .takes::<NewVote>()
            .gives::<Voted>(200, "Your vote, and how many people have chosen each option now")
            .refuses(&[MESSAGE_UNKNOWN, POLL_UNKNOWN, MESSAGE_GONE, POLL_CHOICES, POLL_CLOSED, CHAT_CLOSED]),
        delete("/api/messages/{poll_id}/poll/votes", polls::take_back)
            .says("Take your vote back")
            .called("takeVoteBack")
            .notes("Without a vote, nothing changes. The result of a closed poll stays as it is.")
            .scope(MESSAGES_WRITE)
            .gives_nothing(204, "You have no vote in it")
            .refuses(&[MESSAGE_UNKNOWN, POLL_UNKNOWN, MESSAGE_GONE, POLL_CLOSED]),
        get("/api/messages/{poll_id}/poll/votes", polls::voters)
            .says("List who has voted in a poll")
            .called("listPollVoters")
            .notes("In the order of the ids of the people. Messages show how many people have chosen which option. Nobody sees who has voted in an anonymous poll; in channels, only owners and admins see it.")
            .scope(MESSAGES_READ)
            .asks_number("option", 0, 11, "Only people who have chosen the option at this place")
            .lists::<Voter>()
            .refuses(&[MESSAGE_UNKNOWN, POLL_UNKNOWN, POLL_ANONYMOUS, CHAT_FORBIDDEN]),
        post("/api/messages/{poll_id}/poll/close", polls::close)
            .says("Close a poll")
            .called("closePoll")
            .notes("Its author can close a poll, and so can the owners and admins of the chat. From then on nobody votes any more, and it cannot be opened again. Closing it again changes nothing. In a private chat that a block has closed, nobody can. All participants receive `poll.closed`.")
            .scope(MESSAGES_WRITE)
            .gives::<Closed>(200, "Since when it is closed")
            .refuses(&[MESSAGE_UNKNOWN, POLL_UNKNOWN, POLL_FORBIDDEN, MESSAGE_GONE, CHAT_CLOSED]),
    ]
}
