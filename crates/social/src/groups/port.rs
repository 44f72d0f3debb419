//! What an implementation of groups must guarantee.

use async_trait::async_trait;
use clowder_core::{Ctx, Page, PageRequest, Result, UserId, Versions};

use super::{
    Deletion, Gone, Group, GroupFilter, GroupId, GroupPatch, Invite, InviteId, Invited, Joined, Member, MemberFilter,
    NewGroup, NewGroupBan, NewGroupInvite, NewOwner, OwnInvitation, Preview, RolePatch, Verdict, model::Code,
};

/// Each method is one use case and one transaction; its change is committed with it, and so is what it means for the chat
/// of the group. Groups that the caller may not see are `group.unknown`.
#[async_trait]
pub trait Groups: Send + Sync {
    /// Creates a group and its chat. Honours `ctx.idempotency_key`.
    async fn create(&self, ctx: &Ctx, new: NewGroup) -> Result<Group>;

    /// Groups that the caller may see, the newest first; in a search by the words of their names.
    async fn groups(&self, ctx: &Ctx, filter: GroupFilter, page: PageRequest) -> Result<Page<Group>>;

    async fn group(&self, ctx: &Ctx, group: GroupId) -> Result<Group>;

    /// Edits a group; `group.stale` unless `tags` are absent or contain one of the current version. Replaced texts
    /// disappear from the journal.
    async fn edit(&self, ctx: &Ctx, group: GroupId, tags: Option<Versions>, patch: GroupPatch) -> Result<Group>;

    /// Deletes a group. From now on it is unknown to everybody. Nothing is left of a small one; otherwise a job takes its
    /// members out of it and of its chat, and deletes both, in pieces whose size does not depend on the group's.
    async fn delete(&self, ctx: &Ctx, group: GroupId, tags: Option<Versions>) -> Result<Gone>;

    /// How far the job has come, for whoever deleted the group; it is known for a week after its end.
    async fn deletion(&self, ctx: &Ctx, group: GroupId) -> Result<Deletion>;

    /// The open invitations of the caller, those to the newest groups first.
    async fn invitations(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<OwnInvitation>>;

    /// Joins a public group or one to which the caller is invited; asks to join a closed one.
    /// Honours `ctx.idempotency_key`.
    async fn join(&self, ctx: &Ctx, group: GroupId) -> Result<Joined>;

    /// What a link leads to, as long as the caller can join by it, or is a member.
    async fn preview(&self, ctx: &Ctx, code: Code) -> Result<Preview>;

    /// Joins by a link. However many do so at once, no more than its `max_uses` get in. Honours
    /// `ctx.idempotency_key`.
    async fn join_by_code(&self, ctx: &Ctx, code: Code) -> Result<Joined>;

    /// Leaves, takes back a request, or declines an invitation; nothing happens if there is none of them. The owner cannot
    /// leave, whatever happens at the same time: a group always has exactly one owner.
    async fn leave(&self, ctx: &Ctx, group: GroupId) -> Result<()>;

    /// The members, or those who stand otherwise to the group, in the order in which they came.
    async fn members(&self, ctx: &Ctx, group: GroupId, filter: MemberFilter, page: PageRequest)
    -> Result<Page<Member>>;

    /// One person of a group: `group.member_unknown` unless the list of those who stand to it like them shows them.
    async fn member(&self, ctx: &Ctx, group: GroupId, user: UserId) -> Result<Member>;

    async fn set_role(&self, ctx: &Ctx, group: GroupId, user: UserId, patch: RolePatch) -> Result<Member>;

    /// Removes a member, or withdraws an invitation.
    async fn remove(&self, ctx: &Ctx, group: GroupId, user: UserId) -> Result<()>;

    /// Decides on a request to join.
    async fn decide(&self, ctx: &Ctx, group: GroupId, user: UserId, verdict: Verdict) -> Result<()>;

    /// Removes somebody, if they are in the group, and keeps them out. Banning twice is fine.
    async fn ban(&self, ctx: &Ctx, group: GroupId, user: UserId, new: NewGroupBan) -> Result<()>;

    /// Lets somebody in again; nothing happens if they are not banned.
    async fn unban(&self, ctx: &Ctx, group: GroupId, user: UserId) -> Result<()>;

    /// Invites people whom the caller may see and who have not declined of late, or makes a link. Honours `ctx.idempotency_key`.
    async fn invite(&self, ctx: &Ctx, group: GroupId, new: NewGroupInvite) -> Result<Invited>;

    /// The links of a group, the newest first, without their codes.
    async fn invites(&self, ctx: &Ctx, group: GroupId, page: PageRequest) -> Result<Page<Invite>>;

    /// Ends a link; ending it twice is fine.
    async fn revoke(&self, ctx: &Ctx, group: GroupId, invite: InviteId) -> Result<()>;

    /// Makes another member the owner, and the owner an admin.
    async fn transfer(&self, ctx: &Ctx, group: GroupId, owner: NewOwner) -> Result<Group>;
}
