//! What an email says, made when it is sent: from what its recipient has not read and may see then.

use std::collections::BTreeSet;

use clowder_core::{Ctx, Mail, Result, TimeZone, Word};
use clowder_notifications::{
    Notification, TargetType,
    mail::{NoticeMailId, Unsubscribe, digest, policy, unsubscribe::Link},
    wording::Language,
};
use data_encoding::HEXLOWER;
use diesel::prelude::*;

use super::{
    super::{dialect::Conn, people::Viewer, preferences::settings},
    addresses, inbox,
};
use crate::{
    domains::notices::{Item, Letter, Links, NoticeMailRow, NoticeRow, What, notice_mails as mails, notices as table},
    emails::{EmailTemplates, Recipient},
    keys::Keys,
};

/// What is needed to write an email beside the database.
pub struct Desk<'d> {
    pub keys: &'d Keys,
    pub templates: &'d EmailTemplates,
    /// The page that shows things.
    pub open_url: &'d str,
}

/// What becomes of an email.
pub enum Composed {
    Ready(Box<Mail>),
    /// There is nothing to say, or nobody to say it to.
    Nothing,
    /// It was sent, or is none.
    Settled,
}

pub fn compose(conn: &mut Conn, ctx: &Ctx, desk: &Desk<'_>, id: NoticeMailId) -> Result<Composed> {
    let row = mails::table.find(id).filter(mails::settled_at.is_null()).select(NoticeMailRow::as_select());
    let row: Option<NoticeMailRow> = row.first(conn).optional()?;
    let Some(row) = row else { return Ok(Composed::Settled) };
    // The address is the one that they have now.
    let Some((name, address)) = addresses::of(conn, desk.keys, ctx.now, row.user_id)? else {
        return Ok(Composed::Nothing);
    };
    let settings = settings(conn, row.user_id)?;
    let (language, zone) = (Language::of(&settings.language), TimeZone::stored(&settings.time_zone));
    let Content { shown, more, what } = content(conn, ctx, &row, language)?;
    if shown.is_empty() {
        return Ok(Composed::Nothing);
    }
    let ends = match what {
        What::Digest(_) => Some(Unsubscribe::Digest),
        What::Notices => Unsubscribe::of(shown.iter().map(|shown| shown.kind)),
    };
    let link = |ends: Unsubscribe| {
        let token = Links::new(desk.keys).token(&Link { user: row.user_id, what: ends.clone(), language });
        (ends, format!("{}/api/notices/unsubscribe/{token}", desk.templates.server_url))
    };
    let (list, thread) = (list(what, &shown), thread(desk, &row, what, &shown));
    let (items, hidden) = items(shown, lines(what), desk.open_url);
    let letter = Letter { language, zone, what, items, more: more + hidden, ends: ends.map(link), list, thread };
    Ok(Composed::Ready(Box::new(desk.templates.notice(&Recipient { name, address }, &letter)?)))
}

/// What an email is about.
struct Content {
    /// The newest first.
    shown: Vec<Notification>,
    /// How much more there is.
    more: u64,
    what: What,
}

fn content(conn: &mut Conn, ctx: &Ctx, row: &NoticeMailRow, language: Language) -> Result<Content> {
    let told = table::table.filter(table::mail_id.eq(row.id)).order((table::at.desc(), table::id.desc()));
    let told: Vec<NoticeRow> = told.limit(2 * policy::MOST_WAITING).select(NoticeRow::as_select()).load(conn)?;
    let mut rows = inbox::unread_of(conn, row.user_id, &told)?;
    let mut more = u64::try_from(row.more).unwrap_or_default();
    let what = match (row.rhythm()?, row.since) {
        (Some(rhythm), Some(since)) => {
            let (unread, count) = inbox::unread_between(conn, row.user_id, (since, row.created_at))?;
            // What there was no room for is in the inbox, and counted there.
            more = count.saturating_sub(unread.len() as u64);
            let known: BTreeSet<_> = unread.iter().map(|row| row.id).collect();
            rows.retain(|row| !known.contains(&row.id));
            rows.extend(unread);
            What::Digest(rhythm)
        }
        _ => What::Notices,
    };
    let viewer = Viewer { id: row.user_id, staff: false, now: ctx.now };
    Ok(Content { shown: inbox::show(conn, viewer, rows, language)?, more, what })
}

const fn lines(what: What) -> usize {
    match what {
        What::Notices => policy::LINES,
        What::Digest(_) => digest::LINES,
    }
}

/// A line for each, at most so many; and how many things have no line.
fn items(shown: Vec<Notification>, most: usize, open_url: &str) -> (Vec<Item>, u64) {
    let count = |notification: &Notification| u64::try_from(notification.count).unwrap_or(1);
    let hidden = shown.iter().skip(most).map(count).sum();
    let item = |notification: Notification| {
        let (link, count) = (link(&notification, open_url), count(&notification));
        let Notification { title, body, created_at: at, .. } = notification;
        Item { title, body, link, at, count }
    };
    (shown.into_iter().take(most).map(item).collect(), hidden)
}

/// Where the thing is shown. Behind `#`, so that it is in no log on the way.
fn link(notification: &Notification, open_url: &str) -> String {
    let (target, data) = (notification.target, &notification.data);
    let chat = data.chat_id.filter(|_| target.kind != TargetType::Chat);
    let chat = chat.map(|chat| format!("&chat={chat}")).unwrap_or_default();
    format!("{open_url}#{}={}{chat}", target.kind.as_str(), target.id)
}

/// The label of the list: of a type, or of all.
fn list(what: What, shown: &[Notification]) -> String {
    let kinds: BTreeSet<_> = shown.iter().map(|shown| shown.kind.as_str()).collect();
    match (what, kinds.first()) {
        (What::Digest(_), _) => "digest".to_owned(),
        (What::Notices, Some(kind)) if kinds.len() == 1 => kind.replace(['.', '_'], "-"),
        (What::Notices, _) => "notifications".to_owned(),
    }
}

/// What all of it is about, without saying what that is.
fn thread(desk: &Desk<'_>, row: &NoticeMailRow, what: What, shown: &[Notification]) -> Option<String> {
    let groups: BTreeSet<_> = shown.iter().map(|shown| shown.group_key.as_str()).collect();
    let group = groups.first().filter(|_| groups.len() == 1 && what == What::Notices)?;
    let hash = desk.keys.fingerprint(&[b"mail thread", row.user_id.uuid().as_bytes(), group.as_bytes()]);
    Some(format!("thread-{}", HEXLOWER.encode(hash.get(..16)?)))
}
