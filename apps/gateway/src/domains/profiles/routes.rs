//! The routes of profiles and of search.

use clowder_accounts::{
    permissions::EDIT_USERS,
    profiles::{
        SeenAs, Sort, User, UserPatch,
        ranking::{Found, Suggestion},
    },
    refusals::{OUTRANKED, USER_STALE, USER_UNKNOWN, USERNAME_RESERVED, USERNAME_TAKEN, USERNAME_TOO_SOON},
    scopes::{PROFILE_WRITE, USERS_READ},
};

use super::{
    handlers::{self, LONGEST_SOUGHT},
    search::{self, FoundPerson},
};
use crate::routes::{Endpoint, get, patch};

const SOUGHT: &str = "A part of a name, of 1 to 100 characters, in any script; accents and case don't count. If absent, the newest people";

const SOUGHT_ONLY: &str = "A part of a name, of 1 to 100 characters, in any script; accents and case don't count";

const TYPED: &str = "A part of a name or title, of 1 to 100 characters, in any script; accents and case don't count. If absent, the newest people";

pub fn all() -> Vec<Endpoint> {
    vec![
        get("/api/users", handlers::users)
            .says("List the people whom you may see, the newest first")
            .called("listPeople")
            .notes("A page looks at 2,000 people at most. If most of them don't fit, it may have few items or none, although `next_cursor` leads to more.")
            .scope(USERS_READ)
            .asks::<String>("search", "Only people with all of these words, or parts of them, in their username or display name")
            .asks::<Sort>("sort", "`new` (the newest first) when absent, or `name` (by display name)")
            .lists::<User>(),
        get("/api/users/search", handlers::search_users)
            .says("Search for people by name, those who fit best first")
            .called("searchPeople")
            .notes("Finds whole names, beginnings, parts and names with one typo, in this order; of people with a part in their name, those with friends in common come first. At most 200 people.")
            .scope(USERS_READ)
            .asks_long("q", LONGEST_SOUGHT, SOUGHT)
            .lists::<Found>(),
        get("/api/search/users", search::people)
            .says("Search for people, as among other things that a search finds")
            .called("searchUsers")
            .notes("The same people in the same order as `GET /api/users/search`, each with what of the name fits.")
            .scope(USERS_READ)
            .asks_long("q", LONGEST_SOUGHT, SOUGHT_ONLY)
            .needed()
            .lists::<FoundPerson>(),
        get("/api/search/suggestions", handlers::suggestions)
            .says("Suggest how to complete what somebody types")
            .called("suggest")
            .notes("At most 20 people, ranked as in `GET /api/users/search`, then at most 10 groups that you may see, and at most 10 of your chats, whose name or title has words that begin with all words of `q`. If `q` begins with `#`, at most 10 hashtags follow (their `id` is null) that begin like it, of the newest messages that you see. An API key gets groups only with the scope `groups:read`, chats only with `chats:read`, and hashtags only with `messages:read`. Without `q`, there are only people.")
            .scope(USERS_READ)
            .asks_long("q", LONGEST_SOUGHT, TYPED)
            .lists::<Suggestion>(),
        get("/api/users/{user_id}", handlers::user)
            .says("Read a person's profile")
            .called("getPerson")
            .notes("Members that you may not see are `null`. A private profile is 404, like an id that nobody has.")
            .scope(USERS_READ)
            .asks::<SeenAs>("as", "With your own id: your profile as somebody else sees it. Ignored with other ids")
            .tagged()
            .gives::<User>(200, "The profile as you may see it")
            .refuses(&[USER_UNKNOWN]),
        get("/api/usernames/{username}", handlers::user_named)
            .says("Read the profile of somebody by their username")
            .called("getPersonByUsername")
            .notes("Also finds people by the username that they had until at most 30 days ago; `username` is the present one. A private profile is 404, like a name that nobody has.")
            .scope(USERS_READ)
            .tagged()
            .gives::<User>(200, "The profile as you may see it")
            .refuses(&[USER_UNKNOWN]),
        patch("/api/users/{user_id}", handlers::edit_user)
            .or_put()
            .says("Edit a profile")
            .called("editPerson")
            .notes("With your own id, changes the same as `PATCH /api/users/me`, but returns the profile as `GET /api/users/{user_id}` does, with its `ETag`. `If-Match` takes the `ETag` of either call. After 412 `user.stale`, read `GET /api/users/{user_id}` again. Administrators edit profiles of people with a lower role, in person; it is in the audit log, with the `reason` if there is one.")
            .others_need(EDIT_USERS)
            .scope(PROFILE_WRITE)
            .edits()
            .takes::<UserPatch>()
            .gives::<User>(200, "As it is now")
            .refuses(&[USER_UNKNOWN, OUTRANKED, USER_STALE, USERNAME_TAKEN, USERNAME_RESERVED, USERNAME_TOO_SOON]),
    ]
}
