//! The routes of friends.

use clowder_accounts::refusals::USER_UNKNOWN;
use clowder_core::{Presence, SeenAs, idempotency};
use clowder_social::{
    Decision, Friend, FriendRequest, FriendSuggestion, NewFriendRequest, Relationship, RequestDirection,
    friends::{
        Order,
        refusals::*,
        scopes::{FRIENDS_READ, FRIENDS_WRITE},
    },
};

use super::handlers;
use crate::{
    domains::messaging::CHAT_NOT_WANTED,
    routes::{Endpoint, delete, get, post, put},
};

pub fn all() -> Vec<Endpoint> {
    vec![
        post("/api/friends/request", handlers::request)
            .says("Ask somebody to be friends")
            .called("requestFriendship")
            .notes("If that person has asked you, you become friends at once, and the response is 200 with their request, accepted. A request expires after 30 days. After a rejection you can ask again 7 days later. You can have 50 open requests and send 100 a day; both people can have 5,000 friends. With a `message`, the request is refused (403 `chat.not_wanted`) if you could not start a chat with that person; without, it is sent.")
            .scope(FRIENDS_WRITE)
            .reaches_others()
            .creates()
            .takes::<NewFriendRequest>()
            .gives::<FriendRequest>(201, "The request")
            .gives::<FriendRequest>(200, "The other person had asked, too: you are friends now")
            .refuses(&[
                USER_UNKNOWN,
                CHAT_NOT_WANTED,
                FRIEND_ALREADY,
                FRIEND_PENDING,
                FRIEND_TOO_SOON,
                FRIEND_LIMIT,
                FRIEND_REQUESTS,
                FRIEND_REQUESTS_TODAY,
                idempotency::MISMATCH,
                idempotency::RUNNING,
            ])
            .refuses_again(&[FRIEND_REQUEST_UNKNOWN]),
        get("/api/friends/requests", handlers::requests)
            .says("List open friend requests, the newest first")
            .called("listFriendRequests")
            .scope(FRIENDS_READ)
            .asks::<RequestDirection>("direction", "Those that you received (`in`) or sent (`out`); `in` when absent")
            .lists::<FriendRequest>(),
        put("/api/friends/request/{friend_request_id}", handlers::decide)
            .says("Accept, reject or cancel a friend request")
            .called("decideFriendRequest")
            .notes("The person who was asked accepts or rejects; the person who asked cancels. Both receive `friend_request` with the new status and, if it was accepted, `friend.added`.")
            .scope(FRIENDS_WRITE)
            .reaches_others()
            .takes::<Decision>()
            .gives::<FriendRequest>(200, "The request with its new status")
            .refuses(&[FRIEND_REQUEST_UNKNOWN, FRIEND_REQUEST_FORBIDDEN, FRIEND_REQUEST_DECIDED, FRIEND_LIMIT]),
        get("/api/friends", handlers::list)
            .says("List your friends")
            .called("listFriends")
            .notes("With `search`, only friends with all of these words, or parts of them, in their username or display name, in any order, whatever their case and accents.")
            .scope(FRIENDS_READ)
            .asks::<String>("search", "Only friends with these words in their names")
            .asks::<Presence>("presence", "Only friends whom you see like this")
            .asks::<Order>("sort", "The latest first (`since`), by display name (`name`), or those who are online and then those who were last (`active`); `since` when absent")
            .lists::<Friend>(),
        get("/api/friends/suggestions", handlers::suggestions)
            .says("List people whom you may know")
            .called("listFriendSuggestions")
            .notes("Friends of friends, those with most friends in common first. The lists of your latest 100 friends are looked at, the shortest first, up to 20,000 people altogether. People whom you have dismissed, whom you may not see, or with whom a request is open are left out.")
            .scope(FRIENDS_READ)
            .lists::<FriendSuggestion>(),
        delete("/api/friends/suggestions/{user_id}", handlers::dismiss)
            .says("Never suggest somebody again")
            .called("dismissFriendSuggestion")
            .notes("You can dismiss 1,000 people. Dismissing somebody again changes nothing.")
            .scope(FRIENDS_WRITE)
            .gives_nothing(204, "They are no longer suggested")
            .refuses(&[USER_UNKNOWN, DISMISSED_LIMIT]),
        delete("/api/friends/{user_id}", handlers::remove)
            .says("End a friendship")
            .called("removeFriend")
            .notes("Both receive `friend.removed`.")
            .scope(FRIENDS_WRITE)
            .gives_nothing(204, "You are no longer friends")
            .refuses(&[FRIEND_UNKNOWN]),
        get("/api/users/{user_id}/friends", handlers::of)
            .says("List somebody's friends")
            .called("listFriendsOfUser")
            .notes("As far as you may see them. With your own id: all your friends, as in `GET /api/friends`.")
            .scope(FRIENDS_READ)
            .asks::<bool>("mutual", "Only those who are your friends, too")
            .asks::<SeenAs>("as", "With your own id: your friends as somebody else sees them. Ignored with other ids")
            .lists::<Friend>()
            .refuses(&[USER_UNKNOWN, FRIENDS_HIDDEN]),
        get("/api/relationships", handlers::relationships)
            .says("Read what connects you with people")
            .called("listRelationships")
            .notes("For up to 100 people at once, in the order of `ids`. People whom you may not see are shown as strangers. With many more ids, the URL is too long: 414 `uri.too_long`.")
            .scope(FRIENDS_READ)
            .asks_ids("ids", handlers::MOST_IDS, "The people, 1 to 100, separated by commas")
            .gives_page::<Relationship>(),
    ]
}
