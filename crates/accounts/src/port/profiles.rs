//! What an implementation of profiles must guarantee.

use async_trait::async_trait;
use clowder_core::{Ctx, Page, PageRequest, Result, UserId, Versions};

use crate::{
    Username,
    profiles::{
        SeenAs, Shown, User, UserFilter, UserPatch,
        ranking::{Found, Sought, Suggestion},
    },
};

/// People as others see them, and finding them. Each method follows [`crate::policy::sight::sight`]: whom the caller may
/// not see is in no list, and `user.unknown` by id, after the same queries as an id that nobody has.
#[async_trait]
pub trait Profiles: Send + Sync {
    /// The people whom the caller may see, in the order of the filter. The work for a page is bounded; where few of many
    /// people fit, a page may have fewer items than its limit, or none, although there is another page.
    async fn users(&self, ctx: &Ctx, filter: UserFilter, page: PageRequest) -> Result<Page<User>>;

    /// A profile as the caller sees it; their own also as somebody else sees it.
    async fn user(&self, ctx: &Ctx, user: UserId, seen_as: Option<SeenAs>) -> Result<Shown>;

    /// The profile of whoever has this name, or had it before and still keeps it. A name that nobody has is
    /// `user.unknown`, after the same queries as that of somebody whom the caller may not see.
    async fn user_named(&self, ctx: &Ctx, name: &Username) -> Result<Shown>;

    /// Edits a profile, as in [`crate::profiles::may_edit`]; `user.stale` unless `tags` is absent or contains a tag of the
    /// current version. An administrator who edits somebody else's must rank above them; the audit log says so, with their
    /// reason if they give one. A new name is one as in [`crate::usernames`]; of several who want it at once, one gets it.
    async fn edit_user(&self, ctx: &Ctx, user: UserId, tags: Option<Versions>, patch: UserPatch) -> Result<Shown>;

    /// The people whose names fit, as in [`crate::profiles::ranking`], the best first, at most 200. Without a text, the
    /// newest people.
    async fn search_users(&self, ctx: &Ctx, sought: Option<String>, page: PageRequest) -> Result<Page<Found>>;

    /// For somebody who is still typing: the best of these people, then groups and the caller's own chats whose name or
    /// title has words that begin with all words of the text, a few of each. Groups that the caller may not see are not
    /// among them, as in the list of groups.
    async fn suggestions(&self, ctx: &Ctx, sought: Sought, page: PageRequest) -> Result<Page<Suggestion>>;
}
