//! Groups over the database: each method is one transaction, and whoever enters or leaves a group enters or leaves its
//! chat in the same one.

mod attempts;
mod clearing;
mod invitations;
mod invites;
mod people;
mod pictures;
mod privacy;
pub mod read;
mod severing;
mod told;
mod words;
mod writes;

pub use attempts::met_by;
pub use severing::sever;

use std::sync::Arc;

use async_trait::async_trait;
use clowder_accounts::activity::{Rule, Target, Whose};
use clowder_core::{Ctx, Page, PageRequest, Result, UserId, Versions, follow::Step};
use clowder_social::{
    Groups,
    groups::{
        Deletion, Gone, Group, GroupFilter, GroupId, GroupPatch, Invite, InviteId, Invited, Joined, Member,
        MemberFilter, NewGroup, NewGroupBan, NewGroupInvite, NewOwner, OwnInvitation, Preview, RolePatch, Verdict,
        model::Code,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::instrument;

pub use writes::blank_by_decision;

use super::{
    Repo,
    attempts::{is_decided, is_declined, is_withdrawn},
    clock::{SHOWN, never},
    db::Tx,
    domains::{Domain, Sweep},
    idempotency::Stub,
    people::Viewer,
};

pub const DOMAIN: Domain = Domain {
    parts: privacy::PARTS,
    activity: &[
        Rule::new("group.created", "group.created", Whose::Actor, Target::Subject("group")),
        Rule::new("group.decided", "group.decided", Whose::OnAnother("/user_id"), Target::Subject("group"))
            .only(is_decided),
        Rule::new("group.deleted", "group.deleted", Whose::Actor, Target::Subject("group")),
        Rule::new("group.invited", "group.invited", Whose::OnAnother("/user_id"), Target::Subject("group")),
        Rule::new("group.member_added", "group.joined", Whose::Follower(Step::Enter), Target::Subject("group")),
        Rule::new("group.member_removed", "group.left", Whose::Follower(Step::Leave), Target::Subject("group")),
        Rule::new(
            "group.member_removed",
            "group.member_removed",
            Whose::OnAnother("/user_id"),
            Target::Subject("group"),
        ),
        Rule::new("group.member_updated", "group.role_changed", Whose::OnAnother("/user/id"), Target::Subject("group"))
            .only(is_no_owner),
        Rule::new("group.member_updated", "group.transferred", Whose::OnAnother("/user/id"), Target::Subject("group"))
            .only(is_owner),
        Rule::new("group.uninvited", "group.declined", Whose::OnOneself("/user_id"), Target::Subject("group"))
            .only(is_declined),
        Rule::new("group.uninvited", "group.uninvited", Whose::OnAnother("/user_id"), Target::Subject("group"))
            .only(is_withdrawn),
        Rule::new("group.updated", "group.changed", Whose::Actor, Target::Subject("group")),
    ],
    followed: &[read::FOLLOWED],
    files: &[pictures::HOLDER],
    words: &["group_attempts.kind", "group_people.role", "group_people.status", "groups.visibility"],
    told: &[
        ("group_words.word", "one word of a name, which may be part of any text"),
        ("groups.name", "`chat.created` of its chat showed it to each member; it is not a text about a person"),
    ],
    times: &[
        never("group_attempts.made_at", "what lies after now counts as within the last day until it does"),
        never("group_attempts.refused_at", "what lies after now counts as now"),
        never("group_deletions.finished_at", "only whether there is one matters, and when it is forgotten"),
        never("group_links.created_at", SHOWN),
        never("group_links.expires_at", "chosen by a person"),
        never("group_links.revoked_at", "only whether there is one matters, and when it is forgotten"),
        never("group_people.role_since", "compared with when reports were made, and with nothing else"),
        never("group_people.since", SHOWN),
        never("groups.created_at", SHOWN),
        never("groups.deleted_at", "only whether there is one matters"),
    ],
    sweeps: &[
        Sweep::Rows(invites::sweep),
        Sweep::Steps(attempts::expire),
        Sweep::Rows(attempts::sweep),
        Sweep::Rows(clearing::sweep),
    ],
    workers: |repo| vec![Arc::new(clearing::Clearer(Arc::clone(repo)))],
    ..Domain::NONE
};

/// Whether a member owns the group from now on: there is no other way to become the owner.
fn is_owner(member: &Value) -> bool {
    member["role"] == "owner"
}

fn is_no_owner(member: &Value) -> bool {
    !is_owner(member)
}

/// What is stored of a new group: its id.
#[derive(Serialize, Deserialize)]
struct Stored(GroupId);

impl Stub for Stored {}

#[async_trait]
impl Groups for Repo {
    #[instrument(level = "debug", skip_all)]
    async fn create(&self, ctx: &Ctx, new: NewGroup) -> Result<Group> {
        let (caller, viewer) = (ctx.clone(), Viewer::of(ctx)?);
        let first = move |tx: &mut Tx<'_>| {
            let group = writes::create(tx, &caller, new.clone())?;
            let stub = Stored(group.id);
            Ok((group, stub))
        };
        self.db.create(ctx, first, move |tx, Stored(id)| read::one(tx.conn, viewer, id)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn groups(&self, ctx: &Ctx, filter: GroupFilter, page: PageRequest) -> Result<Page<Group>> {
        let viewer = Viewer::of(ctx)?;
        self.db.read(move |conn| read::list(conn, viewer, &filter, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn group(&self, ctx: &Ctx, group: GroupId) -> Result<Group> {
        let viewer = Viewer::of(ctx)?;
        self.db.read(move |conn| read::one(conn, viewer, group)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn edit(&self, ctx: &Ctx, group: GroupId, tags: Option<Versions>, patch: GroupPatch) -> Result<Group> {
        let ctx = ctx.clone();
        self.db.write(move |tx| writes::edit(tx, &ctx, group, tags.as_ref(), patch.clone())).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn delete(&self, ctx: &Ctx, group: GroupId, tags: Option<Versions>) -> Result<Gone> {
        let ctx = ctx.clone();
        self.db.write(move |tx| writes::delete(tx, &ctx, group, tags.as_ref())).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn deletion(&self, ctx: &Ctx, group: GroupId) -> Result<Deletion> {
        let viewer = ctx.user()?;
        self.db.read(move |conn| clearing::deletion(conn, viewer, group)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn invitations(&self, ctx: &Ctx, page: PageRequest) -> Result<Page<OwnInvitation>> {
        let viewer = Viewer::of(ctx)?;
        self.db.read(move |conn| invitations::list(conn, viewer, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn join(&self, ctx: &Ctx, group: GroupId) -> Result<Joined> {
        let (caller, again) = (ctx.clone(), ctx.clone());
        let first = move |tx: &mut Tx<'_>| {
            let joined = people::join(tx, &caller, group)?;
            let stub = people::Stored::of(&joined);
            Ok((joined, stub))
        };
        self.db.create(ctx, first, move |tx, stub: people::Stored| stub.again(tx, &again)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn preview(&self, ctx: &Ctx, code: Code) -> Result<Preview> {
        let (viewer, now) = (ctx.user()?, ctx.now);
        self.db.read(move |conn| invites::preview(conn, now, viewer, &code)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn join_by_code(&self, ctx: &Ctx, code: Code) -> Result<Joined> {
        let (caller, again) = (ctx.clone(), ctx.clone());
        let first = move |tx: &mut Tx<'_>| {
            let joined = invites::join(tx, &caller, &code)?;
            let stub = people::Stored::of(&joined);
            Ok((joined, stub))
        };
        self.db.create(ctx, first, move |tx, stub: people::Stored| stub.again(tx, &again)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn leave(&self, ctx: &Ctx, group: GroupId) -> Result<()> {
        let ctx = ctx.clone();
        self.db.write(move |tx| people::leave(tx, &ctx, group)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn members(
        &self,
        ctx: &Ctx,
        group: GroupId,
        filter: MemberFilter,
        page: PageRequest,
    ) -> Result<Page<Member>> {
        let viewer = Viewer::of(ctx)?;
        self.db.read(move |conn| read::members(conn, viewer, group, filter, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn member(&self, ctx: &Ctx, group: GroupId, user: UserId) -> Result<Member> {
        let viewer = Viewer::of(ctx)?;
        self.db.read(move |conn| read::one_member(conn, viewer, group, user)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn set_role(&self, ctx: &Ctx, group: GroupId, user: UserId, patch: RolePatch) -> Result<Member> {
        let ctx = ctx.clone();
        self.db.write(move |tx| people::set_role(tx, &ctx, group, user, patch.role)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn remove(&self, ctx: &Ctx, group: GroupId, user: UserId) -> Result<()> {
        let ctx = ctx.clone();
        self.db.write(move |tx| people::remove(tx, &ctx, group, user)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn decide(&self, ctx: &Ctx, group: GroupId, user: UserId, verdict: Verdict) -> Result<()> {
        let ctx = ctx.clone();
        self.db.write(move |tx| people::decide(tx, &ctx, group, user, verdict.action)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn ban(&self, ctx: &Ctx, group: GroupId, user: UserId, new: NewGroupBan) -> Result<()> {
        let ctx = ctx.clone();
        self.db.write(move |tx| people::ban(tx, &ctx, group, user, new.clone())).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn unban(&self, ctx: &Ctx, group: GroupId, user: UserId) -> Result<()> {
        let ctx = ctx.clone();
        self.db.write(move |tx| people::unban(tx, &ctx, group, user)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn invite(&self, ctx: &Ctx, group: GroupId, new: NewGroupInvite) -> Result<Invited> {
        let (caller, again, asked) = (ctx.clone(), ctx.clone(), new.clone());
        let first = move |tx: &mut Tx<'_>| {
            let invited = invites::invite(tx, &caller, group, &new)?;
            let stub = invites::Stored::of(&invited);
            Ok((invited, stub))
        };
        self.db.create(ctx, first, move |tx, stub: invites::Stored| stub.again(tx, &again, group, &asked)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn invites(&self, ctx: &Ctx, group: GroupId, page: PageRequest) -> Result<Page<Invite>> {
        let (viewer, now) = (ctx.user()?, ctx.now);
        self.db.read(move |conn| invites::list(conn, now, viewer, group, &page)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn revoke(&self, ctx: &Ctx, group: GroupId, invite: InviteId) -> Result<()> {
        let ctx = ctx.clone();
        self.db.write(move |tx| invites::revoke(tx, &ctx, group, invite)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn transfer(&self, ctx: &Ctx, group: GroupId, owner: NewOwner) -> Result<Group> {
        let ctx = ctx.clone();
        self.db.write(move |tx| writes::transfer(tx, &ctx, group, owner.user_id)).await
    }
}
