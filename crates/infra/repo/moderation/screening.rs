//! Looks for the words of filters in what somebody writes. That is done before anything is locked, with the versions of
//! filters that are expected; under the locks, only what was found with the versions of then counts. If that is not known,
//! nothing is written, and the caller looks again with those versions.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use clowder_core::{ChatId, Ctx, Error, Id, Result};
use clowder_messaging::{
    ChatRole,
    edit::may_say,
    moderation::{
        Filter, FilterAction,
        filter::{Folded, Screen},
        rules::{self, Caught},
    },
};
use diesel::prelude::*;

use super::super::{
    db::{Db, Tx},
    dialect::Conn,
};
use crate::domains::messaging::{OF_SERVER, Screens, UNSET, chats, filter_of, word_filters as table};

/// How often a text is looked at again because a filter has changed meanwhile.
pub const ATTEMPTS: usize = 8;
/// A text of so many octets is looked at where it arrives; a longer one on the workers, which are fair to all callers.
const SHORT: usize = 1_024;

/// A version of a filter.
type Version = (Id<()>, i64);

/// The versions of two filters, 0 for none.
#[derive(Debug, Clone, Copy)]
pub struct Versions {
    pub chat: i64,
    pub server: i64,
}

/// What is known about a text under the locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    Found(Option<Caught>),
    /// Nobody has looked with a filter as it is now.
    Unread,
}

/// What somebody writes, and what filters find in it.
pub struct Reading {
    content: String,
    folded: OnceLock<Folded>,
    found: Mutex<Vec<(Version, Option<FilterAction>)>>,
    /// With which filters it has to be looked at before it is tried again.
    wanted: Mutex<Vec<Version>>,
}

impl Reading {
    pub fn new(content: &str) -> Self {
        let (found, wanted) = (Mutex::default(), Mutex::default());
        Self { content: content.to_owned(), folded: OnceLock::new(), found, wanted }
    }

    fn all_found(&self) -> MutexGuard<'_, Vec<(Version, Option<FilterAction>)>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn all_wanted(&self) -> MutexGuard<'_, Vec<Version>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this is the text.
    pub fn is_of(&self, content: Option<&str>) -> bool {
        content == Some(&*self.content)
    }

    /// Whether it was not decided about because somebody has to look at it first.
    pub fn is_unread(&self) -> bool {
        !self.all_wanted().is_empty()
    }

    fn look(&self, version: Version, screen: Option<&Screen>) {
        if self.all_found().iter().any(|(of, _)| *of == version) {
            return;
        }
        let catches = |screen: &&Screen| screen.catches(self.folded.get_or_init(|| Folded::of(&self.content)));
        let action = screen.filter(catches).map(|screen| screen.action);
        let mut found = self.all_found();
        found.retain(|((id, _), _)| *id != version.0);
        found.push((version, action));
    }

    /// What this version of a filter does about it, if anything; the outer option is `None` if that is not known yet.
    fn of(&self, id: Id<()>, version: i64) -> Option<Option<FilterAction>> {
        if version == 0 || (id, version) == (OF_SERVER, UNSET) {
            return Some(None);
        }
        let found = self.all_found().iter().find(|(of, _)| *of == (id, version)).map(|(_, action)| *action);
        if found.is_none() {
            self.all_wanted().push((id, version));
        }
        found
    }

    /// Looks with filters that are ready, where the text is in a transaction already.
    pub fn look_here(&self, screens: &Screens, chat: ChatId) {
        for (version, screen) in screens.ready(chat) {
            self.look(version, screen.as_deref());
        }
    }

    /// Looks with the filters that were missing, in a transaction that cannot be left for it.
    pub fn catch_up_here(&self, tx: &mut Tx<'_>) -> Result<()> {
        let wanted = std::mem::take(&mut *self.all_wanted());
        wanted.into_iter().try_for_each(|wanted| self.catch_up_with(tx.conn, &tx.services.screens, wanted))
    }

    fn catch_up_with(&self, conn: &mut Conn, screens: &Screens, (id, version): Version) -> Result<()> {
        let (version, screen) = match screens.get(id, version) {
            Some(screen) => (version, screen),
            // One that is gone catches nothing.
            None => load(conn, screens, id)?.unwrap_or((version, None)),
        };
        self.look((id, version), screen.as_deref());
        Ok(())
    }
}

/// Looks at a text with those filters that are ready and that will probably count.
pub async fn look(db: &Db, chat: ChatId, reading: &Arc<Reading>) -> Result<()> {
    let ready = db.services().screens.ready(chat);
    if reading.content.len() <= SHORT || ready.iter().all(|(_, screen)| screen.is_none()) {
        ready.into_iter().for_each(|(version, screen)| reading.look(version, screen.as_deref()));
        return Ok(());
    }
    let reading = Arc::clone(reading);
    let all = move |_: &mut Conn| {
        ready.iter().for_each(|(version, screen)| reading.look(*version, screen.as_deref()));
        Ok(())
    };
    db.read(all).await
}

/// Looks with the filters that were missing under the locks, and makes them ready for others.
pub async fn catch_up(db: &Db, reading: &Arc<Reading>) -> Result<()> {
    let wanted = std::mem::take(&mut *reading.all_wanted());
    let (reading, screens) = (Arc::clone(reading), Arc::clone(&db.services().screens));
    db.read(move |conn| wanted.iter().try_for_each(|wanted| reading.catch_up_with(conn, &screens, *wanted))).await
}

/// The answer after too many attempts.
pub fn changes_all_the_time() -> Error {
    Error::unavailable("a word filter changes all the time")
}

/// Makes a version of a filter ready that has just been stored. What fails here is done when somebody writes.
pub async fn keep(db: &Db, id: Id<()>, version: i64, filter: Filter) {
    let screens = Arc::clone(&db.services().screens);
    let keep = move |_: &mut Conn| {
        let screen = if filter.words.is_empty() { None } else { Some(Arc::new(Screen::new(&filter)?)) };
        screens.keep(id, version, screen);
        Ok(())
    };
    if let Err(error) = db.read(keep).await {
        tracing::debug!(%error, "a word filter is made ready later");
    }
}

/// Which filter catches what somebody writes in a locked chat. Owners and admins are exempt from that of the chat.
pub fn caught(chat: ChatId, versions: Versions, role: ChatRole, reading: &Reading) -> Look {
    let of_chat = if role > ChatRole::Admin { versions.chat } else { 0 };
    let server = reading.of(OF_SERVER, versions.server);
    let chat = reading.of(Id::from_uuid(chat.uuid()), of_chat);
    match (server, chat) {
        (Some(server), Some(chat)) => Look::Found(rules::caught(role, server, chat)),
        _ => Look::Unread,
    }
}

/// The same where the versions are not known yet.
pub fn caught_in_edit(tx: &mut Tx<'_>, chat: ChatId, role: ChatRole, reading: &Reading) -> Result<Look> {
    let of_chat = chats::table.find(chat).select(chats::filter_version).first(tx.conn)?;
    Ok(caught(chat, Versions { chat: of_chat, server: of_server(tx)? }, role, reading))
}

/// Refuses what a new message could not say, or not before somebody has looked at it, where everybody reads it at once: in
/// the title and the description of a chat.
pub fn allow(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, role: ChatRole, texts: [&Option<String>; 2]) -> Result<()> {
    for text in texts.into_iter().flatten() {
        may_say(None, caught_now(tx, chat, role, &Reading::new(text))?, ctx.now)?;
    }
    Ok(())
}

/// Whether the filter of the server lets texts through that the owner or the admins of something give it; of a chat that is
/// not locked, or has just been created.
pub fn lets_through(tx: &mut Tx<'_>, ctx: &Ctx, chat: ChatId, texts: [&str; 2]) -> Result<bool> {
    for text in texts {
        let caught = caught_now(tx, chat, ChatRole::Owner, &Reading::new(text))?;
        if may_say(None, caught, ctx.now).is_err() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn caught_now(tx: &mut Tx<'_>, chat: ChatId, role: ChatRole, reading: &Reading) -> Result<Option<Caught>> {
    reading.look_here(&tx.services.screens, chat);
    for _ in 0..ATTEMPTS {
        match caught_in_edit(tx, chat, role, reading)? {
            Look::Found(caught) => return Ok(caught),
            Look::Unread => reading.catch_up_here(tx)?,
        }
    }
    Err(changes_all_the_time())
}

/// The same for what a chat has held and approves: whether the filter of the server lets it through.
pub fn caught_by_server(tx: &mut Tx<'_>, chat: ChatId, reading: &Reading) -> Result<Look> {
    Ok(caught(chat, Versions { chat: 0, server: of_server(tx)? }, ChatRole::Member, reading))
}

fn of_server(tx: &mut Tx<'_>) -> Result<i64> {
    Ok(table::table.find(OF_SERVER).select(table::version).first(tx.conn)?)
}

/// A filter as it is now, and its version; nothing if it has no words. No version ever gets other words.
fn load(conn: &mut Conn, screens: &Screens, id: Id<()>) -> Result<Option<(i64, Option<Arc<Screen>>)>> {
    let row: Option<(i64, String, String)> =
        table::table.find(id).select((table::version, table::action, table::words)).first(conn).optional()?;
    let Some((version, action, words)) = row else { return Ok(None) };
    let screen = if words.is_empty() { None } else { Some(Arc::new(Screen::new(&filter_of(&action, &words)?)?)) };
    screens.keep(id, version, screen.clone());
    Ok(Some((version, screen)))
}
