//! Mail of notifications over the database. What is to be told waits without texts; a job gathers what is due into emails,
//! and another sends each, whose content is made then.

mod addresses;
mod composing;
mod digests;
mod gathering;
mod inbox;
mod privacy;
mod telling;

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use clowder_core::{
    Ctx, JobId, Mail, Result, UserId,
    job::{Cron, DEAD_EMAILS_FOR, Work},
};
use clowder_notifications::{
    mail::{NoticeId, NoticeMailId, Unsubscribed, policy, refusals::UNSUBSCRIBE_UNKNOWN, unsubscribe::Link},
    notices::{MailStatus, Notices},
};
use diesel::prelude::*;
use tracing::instrument;

use super::{
    Repo,
    clock::{PRESENCE, SHOWN, never},
    db::Tx,
    domains::{Domain, Sweep},
    upkeep::forget,
};
use crate::domains::{
    jobs::jobs,
    notices::{Links, NoticeMailRow, NoticeQueueRow, Post, notice_mails, notices},
};

pub use addresses::{dead_since, proved};
pub use digests::{move_to, plan};
pub use telling::tell;

use composing::{Composed, Desk};
use gathering::{Gather, Gatherer};

pub const DOMAIN: Domain = Domain {
    parts: privacy::PARTS,
    words: &[
        "notice_digests.rhythm",
        "notice_mails.outcome",
        "notice_mails.period",
        "notice_mails.rhythm",
        "notices.group_key",
        "notices.kind",
        "notices.reason",
        "notices.target_type",
    ],
    times: &[
        never("notice_addresses.dead_at", PRESENCE),
        never("notice_digests.next_at", "the job that makes digests computes one anew that is too far away"),
        never("notice_digests.since", "the same"),
        never("notice_mails.created_at", "what lies after now counts as now; it is forgotten later"),
        never("notice_mails.settled_at", PRESENCE),
        never("notice_mails.since", "a digest shows what came in a time that is over"),
        never("notice_queues.next_at", "the job that gathers what is due finds what is too far away"),
        never("notices.at", SHOWN),
        never("notices.due_at", "the same job puts it right"),
    ],
    sweeps: &[Sweep::Rows(sweep_told), Sweep::Rows(sweep_emails), Sweep::Rows(sweep_dead)],
    // Whatever the jobs that are enqueued with what is told have missed, and digests.
    crons: &[Cron { name: Gather::KIND, schedule: "* * * * * UTC", kind: Gather::KIND }],
    workers: |repo| vec![Arc::new(Gatherer(Arc::clone(repo)))],
    ..Domain::NONE
};

/// What was told so long ago that no reader of the journal comes across it again.
fn sweep_told(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<usize> {
    let known_for = tx.services.options.journal.kept_for + policy::KNOWN_FOR;
    let past = notices::mail_id.is_not_null().and(notices::at.le(ctx.now.minus(known_for)));
    Ok(forget!(tx, notices by id: NoticeId, past))
}

/// Old emails, with whatever they were about.
fn sweep_emails(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<usize> {
    let past = notice_mails::created_at.le(ctx.now.minus(policy::EMAILS_KEPT_FOR));
    Ok(forget!(tx, notice_mails by id: NoticeMailId, past))
}

/// Jobs of emails that could not be sent, like those of other emails.
fn sweep_dead(tx: &mut Tx<'_>, ctx: &Ctx) -> Result<usize> {
    let past = jobs::kind.eq(Post::KIND).and(jobs::dead_at.le(ctx.now.minus(DEAD_EMAILS_FOR)));
    Ok(forget!(tx, jobs by id: JobId, past))
}

#[async_trait]
impl Notices for Repo {
    #[instrument(level = "debug", skip_all)]
    async fn compose(&self, ctx: &Ctx, mail: NoticeMailId) -> Result<Option<Mail>> {
        let (caller, keys, options) = (ctx.clone(), Arc::clone(&self.deps.keys), Arc::clone(&self.deps.options));
        let composed = self.db.read(move |conn| {
            let (templates, open_url) = (&options.email_templates, options.notices.open_url.as_str());
            composing::compose(conn, &caller, &Desk { keys: &keys, templates, open_url }, mail)
        });
        match composed.await? {
            Composed::Ready(mail) => Ok(Some(*mail)),
            Composed::Settled => Ok(None),
            Composed::Nothing => {
                let ctx = ctx.clone();
                self.db.write(move |tx| settle(tx, &ctx, mail, "dropped")).await?;
                Ok(None)
            }
        }
    }

    #[instrument(level = "debug", skip_all)]
    async fn sent(&self, ctx: &Ctx, mail: NoticeMailId) -> Result<()> {
        let ctx = ctx.clone();
        self.db.write(move |tx| addresses::arrived(tx, &ctx, mail)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn bounced(&self, ctx: &Ctx, mail: NoticeMailId, address: String, is_about_recipient: bool) -> Result<()> {
        let ctx = ctx.clone();
        self.db.write(move |tx| addresses::bounced(tx, &ctx, mail, &address, is_about_recipient)).await
    }

    #[instrument(level = "debug", skip_all)]
    async fn link(&self, _: &Ctx, token: &str) -> Result<Unsubscribed> {
        let Link { what, language, .. } = self.read_link(token)?;
        Ok(Unsubscribed { what, language })
    }

    #[instrument(level = "debug", skip_all)]
    async fn unsubscribe(&self, ctx: &Ctx, token: &str) -> Result<Unsubscribed> {
        let Link { user, what, language } = self.read_link(token)?;
        let (ctx, ends) = (ctx.clone(), what.clone());
        self.db.write(move |tx| inbox::switch_off(tx, &ctx, user, &ends)).await?;
        Ok(Unsubscribed { what, language })
    }

    #[instrument(level = "debug", skip_all)]
    async fn mail_status(&self, ctx: &Ctx) -> Result<MailStatus> {
        let (user, keys) = (ctx.user()?, Arc::clone(&self.deps.keys));
        self.db.read(move |conn| addresses::status(conn, &keys, user)).await
    }
}

impl Repo {
    fn read_link(&self, token: &str) -> Result<Link> {
        Ok(Links::new(&self.deps.keys).read(token).ok_or(UNSUBSCRIBE_UNKNOWN)?)
    }
}

/// Notes what became of an email, once; answers with it if nobody has done so before.
fn settle(tx: &mut Tx<'_>, ctx: &Ctx, mail: NoticeMailId, outcome: &'static str) -> Result<Option<NoticeMailRow>> {
    let open = notice_mails::table.find(mail).filter(notice_mails::settled_at.is_null());
    let settled = (notice_mails::settled_at.eq(ctx.now), notice_mails::outcome.eq(outcome));
    let settled = diesel::update(open).set(settled).returning(NoticeMailRow::as_returning());
    Ok(settled.get_result(tx.conn).optional()?)
}

/// What waits for somebody of these types is not told any more.
fn forget_kinds(tx: &mut Tx<'_>, ctx: &Ctx, user: UserId, kinds: &[&str]) -> Result<()> {
    let Some(row) = telling::held(tx, &BTreeSet::from([user]))?.remove(&user) else { return Ok(()) };
    let theirs = notices::table.filter(notices::user_id.eq(user).and(notices::mail_id.is_null()));
    let gone = diesel::delete(theirs.filter(notices::kind.eq_any(kinds))).execute(tx.conn)?;
    // What there was no room for may be of any type.
    let waiting = (row.waiting - gone as i64).max(0);
    let more = if waiting == 0 { 0 } else { row.more };
    telling::change(tx, &[NoticeQueueRow { waiting, more, next_at: row.next_at.or(Some(ctx.now)), ..row }])
}
