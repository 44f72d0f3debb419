//! What an implementation of mail of notifications must guarantee.

use async_trait::async_trait;
use clowder_core::{Ctx, Mail, Result, Timestamp};
use serde::Serialize;

use crate::mail::{NoticeMailId, Unsubscribed};

/// Whether emails reach somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct MailStatus {
    /// Whether the address is confirmed; nothing is told by mail before.
    pub confirmed: bool,
    /// Since when emails to this address come back, so that none are sent to it; `null` if they don't.
    pub undeliverable_since: Option<Timestamp>,
}

/// Emails are made by the worker of their job: it reads one, sends it, and notes what became of it. Each of these may happen
/// twice if a worker dies in between, and changes nothing the second time.
#[async_trait]
pub trait Notices: Send + Sync {
    /// What the email says now: nothing that has been read meanwhile, or that the person may not see any more. None, and then
    /// it never says anything again, if nothing is left of it, if it was sent, or if the address is not confirmed or dead.
    async fn compose(&self, ctx: &Ctx, mail: NoticeMailId) -> Result<Option<Mail>>;

    /// The mail server has accepted it: emails to this address arrive.
    async fn sent(&self, ctx: &Ctx, mail: NoticeMailId) -> Result<()>;

    /// The mail server refuses it for good. If that is about the recipient, the address is dead after
    /// [`crate::mail::bounces::MOST`] such emails in a row, and its owner is told. Another address begins anew.
    async fn bounced(&self, ctx: &Ctx, mail: NoticeMailId, address: String, is_about_recipient: bool) -> Result<()>;

    /// What a link in an email ends, without ending it; `unsubscribe.unknown` for what no email contains.
    async fn link(&self, ctx: &Ctx, token: &str) -> Result<Unsubscribed>;

    /// Ends it, for whoever has the link. The answer is the same however often it is called, and whether or not there is such
    /// an account any more.
    async fn unsubscribe(&self, ctx: &Ctx, token: &str) -> Result<Unsubscribed>;

    /// Whether emails reach the caller.
    async fn mail_status(&self, ctx: &Ctx) -> Result<MailStatus>;
}
