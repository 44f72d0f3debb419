//! The routes of groups.

use clowder_core::idempotency;
use clowder_social::groups::{
    Deletion, Group, GroupPatch, Invite, Invited, Member, Mine, NewGroup, NewGroupBan, NewGroupInvite, NewOwner,
    OwnInvitation, Preview, Role, RolePatch, Standing, Verdict,
    refusals::*,
    scopes::{GROUPS_READ, GROUPS_WRITE},
};

use super::handlers;
use crate::routes::{Endpoint, delete, get, patch, post, put};

pub fn all() -> Vec<Endpoint> {
    let mut all = groups();
    all.extend(members());
    all.extend(admission());
    all
}

fn groups() -> Vec<Endpoint> {
    vec![
        get("/api/groups", handlers::groups)
            .says("List groups, the newest first")
            .called("listGroups")
            .notes("Public and closed groups, and the secret ones that you are in or invited to. A search finds groups whose name has words that begin with all words of the search, without case and accents, and lists them in the order of the words found.")
            .scope(GROUPS_READ)
            .asks::<String>("search", "Beginnings of words of the name")
            .asks::<bool>("mine", "Only groups that you are in")
            .asks::<Mine>("my_role", "Only groups in which you have this role, to which you are invited, or which you have asked to join")
            .lists::<Group>(),
        post("/api/groups", handlers::create)
            .says("Create a group")
            .called("createGroup")
            .notes("You are its owner. It has a chat of its own, `chat_id`, in which all members are, and nobody else. A repeated call is 404 if the group has been deleted since.")
            .scope(GROUPS_WRITE)
            .reaches_others()
            .creates()
            .takes::<NewGroup>()
            .gives::<Group>(201, "A new group")
            .refuses(&[GROUP_UNKNOWN, GROUP_LIMIT, GROUP_MEMBERSHIPS, GROUP_FILTERED, idempotency::MISMATCH, idempotency::RUNNING]),
        get("/api/groups/invitations", handlers::invitations)
            .says("List the groups to which you are invited, and by whom, the newest group first")
            .called("listOwnGroupInvitations")
            .notes("Open invitations. `POST /api/groups/{group_id}/join` accepts one, `leave` declines it.")
            .scope(GROUPS_READ)
            .lists::<OwnInvitation>(),
        get("/api/groups/{group_id}", handlers::group)
            .says("Read a group")
            .called("getGroup")
            .notes("Secret groups are 404 unless you are in them or invited.")
            .scope(GROUPS_READ)
            .tagged()
            .gives::<Group>(200, "The group as you see it")
            .refuses(&[GROUP_UNKNOWN]),
        patch("/api/groups/{group_id}", handlers::edit)
            .or_put()
            .says("Edit a group")
            .called("editGroup")
            .notes("For admins and the owner. All members receive `group.updated`; the chat takes over the name.")
            .scope(GROUPS_WRITE)
            .reaches_others()
            .edits()
            .takes::<GroupPatch>()
            .gives::<Group>(200, "As it is now")
            .refuses(&[GROUP_UNKNOWN, GROUP_FORBIDDEN, GROUP_FILTERED, GROUP_MUTED, GROUP_STALE]),
        delete("/api/groups/{group_id}", handlers::delete)
            .says("Delete a group")
            .called("deleteGroup")
            .notes("For the owner. The group is gone for everybody at once. Each member receives `group.deleted` and `chat.deleted`, and the chat goes with its messages. A small group is gone with the response (204). Of a larger one a job takes the members out, a few at a time (202); `Location` is where to read how far it has come.")
            .scope(GROUPS_WRITE)
            .edits()
            .gives_nothing(204, "Nothing is left of it")
            .starts::<Deletion>("It is gone for everybody, and a job takes it apart")
            .refuses(&[GROUP_UNKNOWN, GROUP_FORBIDDEN, GROUP_STALE]),
        get("/api/group-deletions/{group_deletion_id}", handlers::deletion)
            .says("Read the progress of deleting a group")
            .called("getGroupDeletion")
            .notes("For whoever deleted it. The id is that of the group. It is known for a week after the end.")
            .scope(GROUPS_READ)
            .gives::<Deletion>(200, "How far it has come")
            .refuses(&[DELETION_UNKNOWN]),
        put("/api/groups/{group_id}/owner", handlers::transfer)
            .says("Transfer a group")
            .called("transferGroup")
            .notes("For the owner, who becomes an admin. The new owner must be a member.")
            .scope(GROUPS_WRITE)
            .takes::<NewOwner>()
            .gives::<Group>(200, "As it is now")
            .refuses(&[GROUP_UNKNOWN, GROUP_FORBIDDEN, MEMBER_UNKNOWN, GROUP_LIMIT]),
    ]
}

fn members() -> Vec<Endpoint> {
    vec![
        post("/api/groups/{group_id}/join", handlers::join)
            .says("Join a group")
            .called("joinGroup")
            .notes("Public groups, and those to which you are invited, you join at once. In a closed group the staff decides: you receive `group.decided`. After a rejection you can ask again 7 days later. A request expires after 30 days.")
            .scope(GROUPS_WRITE)
            .reaches_others()
            .creates()
            .gives::<Group>(201, "You are in it now")
            .gives::<Group>(200, "You were in it")
            .gives::<Group>(202, "You have asked to join")
            .refuses(&[GROUP_UNKNOWN, GROUP_BANNED, GROUP_FULL, GROUP_MEMBERSHIPS, GROUP_REQUESTS, GROUP_REQUESTS_OPEN, GROUP_REQUESTS_TODAY, GROUP_TOO_SOON, idempotency::MISMATCH, idempotency::RUNNING]),
        post("/api/groups/{group_id}/leave", handlers::leave)
            .says("Leave a group")
            .called("leaveGroup")
            .notes("Also takes back your request and declines an invitation. The owner has to transfer the group first.")
            .scope(GROUPS_WRITE)
            .gives_nothing(204, "You are not in it")
            .refuses(&[GROUP_UNKNOWN, GROUP_OWNER]),
        get("/api/groups/{group_id}/members", handlers::members)
            .says("List the members of a group, the longest-serving first")
            .called("listGroupMembers")
            .notes("Everybody can see the members of a public group; only members can see those of other groups. Only the staff (moderators, admins and the owner) sees who is pending, invited or banned. In public groups, strangers do not find members whom they may not see; `member_count` of the group counts all of them.")
            .scope(GROUPS_READ)
            .asks::<Role>("role", "Only members with this role")
            .asks::<Standing>("status", "Those who stand to the group like this; `member` if absent")
            .lists::<Member>()
            .refuses(&[GROUP_UNKNOWN, GROUP_FORBIDDEN]),
        get("/api/groups/{group_id}/members/{member_id}", handlers::member)
            .says("Read how one person stands to a group")
            .called("getGroupMember")
            .notes("Whoever finds the person in the list of members. The staff also reads about people who are pending, invited or banned. Anybody else is 404.")
            .scope(GROUPS_READ)
            .gives::<Member>(200, "The person")
            .refuses(&[GROUP_UNKNOWN, GROUP_FORBIDDEN, MEMBER_UNKNOWN]),
        put("/api/groups/{group_id}/members/{member_id}", handlers::set_role)
            .says("Change the role of a member")
            .called("setGroupRole")
            .notes("Admins make moderators of members and the reverse; only the owner makes and unmakes admins.")
            .scope(GROUPS_WRITE)
            .takes::<RolePatch>()
            .gives::<Member>(200, "The member as they are now")
            .refuses(&[GROUP_UNKNOWN, GROUP_FORBIDDEN, MEMBER_UNKNOWN, GROUP_OWNER, GROUP_TRANSFER]),
        delete("/api/groups/{group_id}/members/{member_id}", handlers::remove)
            .says("Remove a member")
            .called("removeGroupMember")
            .notes("The staff removes members with a lower role, and withdraws invitations. Removing yourself is leaving.")
            .scope(GROUPS_WRITE)
            .gives_nothing(204, "They are not in it")
            .refuses(&[GROUP_UNKNOWN, GROUP_FORBIDDEN, MEMBER_UNKNOWN, GROUP_OWNER]),
    ]
}

fn admission() -> Vec<Endpoint> {
    vec![
        get("/api/groups/{group_id}/requests", handlers::requests)
            .says("List who asked to join, the longest waiting first")
            .called("listGroupRequests")
            .notes("For the staff.")
            .scope(GROUPS_READ)
            .lists::<Member>()
            .refuses(&[GROUP_UNKNOWN, GROUP_FORBIDDEN]),
        put("/api/groups/{group_id}/requests/{requester_id}", handlers::decide)
            .says("Decide on a request to join")
            .called("decideGroupRequest")
            .notes("For the staff. Whoever asked receives `group.decided`.")
            .scope(GROUPS_WRITE)
            .takes::<Verdict>()
            .gives_nothing(204, "It is decided")
            .refuses(&[GROUP_UNKNOWN, GROUP_FORBIDDEN, REQUEST_UNKNOWN, GROUP_FULL, GROUP_MEMBERSHIPS]),
        get("/api/groups/{group_id}/bans", handlers::bans)
            .says("List who is banned, the longest banned first")
            .called("listGroupBans")
            .notes("For the staff.")
            .scope(GROUPS_READ)
            .lists::<Member>()
            .refuses(&[GROUP_UNKNOWN, GROUP_FORBIDDEN]),
        put("/api/groups/{group_id}/bans/{member_id}", handlers::ban)
            .says("Ban somebody from a group")
            .called("banFromGroup")
            .notes("The staff bans whoever has a lower role, and people who are not in the group. It removes them, their request and their invitation. The staff reads the reason in the list of bans.")
            .scope(GROUPS_WRITE)
            .takes_if_any::<NewGroupBan>()
            .gives_nothing(204, "They are out, and cannot come back")
            .refuses(&[GROUP_UNKNOWN, GROUP_FORBIDDEN, MEMBER_UNKNOWN, GROUP_OWNER, GROUP_BANS]),
        delete("/api/groups/{group_id}/bans/{member_id}", handlers::unban)
            .says("Lift a ban")
            .called("liftGroupBan")
            .notes("For the staff.")
            .scope(GROUPS_WRITE)
            .gives_nothing(204, "They are not banned")
            .refuses(&[GROUP_UNKNOWN, GROUP_FORBIDDEN]),
        get("/api/groups/{group_id}/invites", handlers::invites)
            .says("List the links of a group, the newest first")
            .called("listGroupInvites")
            .notes("For the staff. Codes are not shown again. Who is invited in person is in the list of members with `status=invited`.")
            .scope(GROUPS_READ)
            .lists::<Invite>()
            .refuses(&[GROUP_UNKNOWN, GROUP_FORBIDDEN]),
        post("/api/groups/{group_id}/invites", handlers::invite)
            .says("Invite people, or create a link")
            .called("createGroupInvite")
            .notes("For the staff. With `user_ids`, these people receive `group.invited` and can join, within 30 days; without, there is a link with a code. Whoever has declined is not invited again for 7 days.")
            .scope(GROUPS_WRITE)
            .reaches_others()
            .creates()
            .takes_if_any::<NewGroupInvite>()
            .gives::<Invited>(201, "Who is invited, or the link with its code, which is shown only here")
            .refuses(&[GROUP_UNKNOWN, GROUP_FORBIDDEN, GROUP_INVITES, GROUP_INVITES_TODAY, idempotency::MISMATCH, idempotency::RUNNING])
            .refuses_again(&[INVITE_UNKNOWN]),
        delete("/api/groups/{group_id}/invites/{group_invite_id}", handlers::revoke)
            .says("Revoke a link")
            .called("revokeGroupInvite")
            .notes("For the staff. Members who joined by it stay.")
            .scope(GROUPS_WRITE)
            .gives_nothing(204, "It is revoked")
            .refuses(&[GROUP_UNKNOWN, GROUP_FORBIDDEN, INVITE_UNKNOWN]),
        get("/api/group-invites/{group_code}", handlers::preview)
            .says("Read what a link leads to")
            .called("getGroupByCode")
            .notes("For whoever could join by it. A link that is used up, revoked or expired is 410, except for members.")
            .scope(GROUPS_READ)
            .gives::<Preview>(200, "The group, as far as it is shown before joining")
            .refuses(&[INVITE_UNKNOWN, INVITE_GONE, GROUP_BANNED]),
        post("/api/group-invites/{group_code}/join", handlers::join_by_code)
            .says("Join a group by a link")
            .called("joinGroupByCode")
            .notes("Nobody has to decide. A link that is used up, revoked or expired is 410. A repeated call is 404 `group.unknown` if you do not see the group any more.")
            .scope(GROUPS_WRITE)
            .reaches_others()
            .creates()
            .gives::<Group>(201, "You are in it now")
            .gives::<Group>(200, "You were in it")
            .refuses(&[INVITE_UNKNOWN, INVITE_GONE, GROUP_UNKNOWN, GROUP_BANNED, GROUP_FULL, GROUP_MEMBERSHIPS, GROUP_REQUESTS_TODAY, idempotency::MISMATCH, idempotency::RUNNING]),
    ]
}
