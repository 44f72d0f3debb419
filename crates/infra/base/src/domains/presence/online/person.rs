//! What is kept of one person with sockets on this node: whether they are there, what their friends were told, and when to
//! look at them next.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    mem,
    time::Duration,
};

use clowder_accounts::presence::{LINGER, PresenceNews, TELL_EVERY, news};
use clowder_core::{Presence, Timestamp, UserId};

use super::{LOOK_EVERY, MOST};

/// What friends were told of somebody, as little as it takes to notice a difference.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// `None` if the person seems not to be there.
    pub there: Option<Presence>,
    /// A fingerprint of text and end.
    words: u64,
}

impl Known {
    pub fn of(news: &PresenceNews) -> Self {
        let mut hasher = DefaultHasher::new();
        (&news.text, news.until).hash(&mut hasher);
        let there = news.there();
        Self { there, words: there.map_or(0, |_| hasher.finish()) }
    }

    pub const fn other_text(&self, than: &Self) -> bool {
        self.words != than.words
    }
}

/// When somebody is looked at next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    Now,
    At(Timestamp),
    /// When something changes.
    Idle,
    /// Never: nothing has to be kept.
    Forget,
}

#[derive(Debug)]
pub struct Person {
    /// How many are open here.
    pub sockets: usize,
    /// How many other nodes say that they have sockets there, and at how many of them they are not idle.
    pub elsewhere: usize,
    pub active_elsewhere: usize,
    /// They have done nothing for long, in all, and here.
    pub idle: bool,
    pub idle_here: bool,
    /// When they are idle here, if they do nothing until then.
    pub idle_at: Option<Timestamp>,
    /// When their last socket here closed.
    pub closed_at: Option<Timestamp>,
    /// When they were last heard to have left this node or another.
    pub parted_at: Option<Timestamp>,
    /// This node notes when they were seen: here they were connected last.
    pub notes: bool,
    /// When they came.
    pub since: Timestamp,
    /// When the last socket closed.
    pub left_at: Option<Timestamp>,
    /// They have been away for long enough that they are not here.
    pub gone: bool,
    /// When they went, until they are back.
    pub went_at: Option<Timestamp>,
    /// When they were seen, if that is not noted yet.
    pub to_note: Option<Timestamp>,
    pub known: Known,
    /// The same of those who watch them.
    pub known_by_all: Known,
    told_at: Option<Timestamp>,
    looked_at: Option<Timestamp>,
    /// What failed is not tried again before this.
    retry_at: Option<Timestamp>,
    /// When friends see something else by itself.
    pub ends_at: Option<Timestamp>,
    /// Until when friends see what they saw before the person became invisible.
    pub fades_at: Option<Timestamp>,
    /// That is over, and friends have not been told yet.
    pub faded: bool,
    /// Friends may see something else than they were told.
    pub dirty: bool,
    /// They wait to be looked at.
    pub queued: bool,
    /// They are being looked at.
    pub looking: bool,
    /// Friends who have been told nothing yet.
    pub newcomers: Vec<UserId>,
    /// Who is no friend any more, since the look began.
    pub parted: Vec<UserId>,
    /// The place in the order of those who wait for a time.
    pub wakes_at: Option<Timestamp>,
}

impl Person {
    pub fn comes(now: Timestamp) -> Self {
        Self {
            sockets: 0,
            elsewhere: 0,
            active_elsewhere: 0,
            idle: false,
            idle_here: false,
            idle_at: None,
            closed_at: None,
            parted_at: None,
            notes: false,
            since: now,
            left_at: None,
            gone: false,
            went_at: None,
            to_note: None,
            known: Known::default(),
            known_by_all: Known::default(),
            told_at: None,
            looked_at: None,
            retry_at: None,
            ends_at: None,
            fades_at: None,
            faded: false,
            dirty: true,
            queued: false,
            looking: false,
            newcomers: Vec::new(),
            parted: Vec::new(),
            wakes_at: None,
        }
    }

    pub const fn is_connected(&self) -> bool {
        self.sockets > 0 || self.elsewhere > 0
    }

    /// Whoever is not here any more is here again, as somebody who has done something.
    pub fn is_back(&mut self, since: Timestamp) {
        if self.gone {
            (self.gone, self.since, self.dirty) = (false, since, true);
            self.went_at = None;
            (self.idle, self.idle_here, self.idle_at) = (false, false, None);
        }
    }

    /// Whether they are idle everywhere. Who is connected nowhere remains as they were.
    pub fn sum_up(&mut self) {
        let idle = self.active_elsewhere == 0 && (self.sockets == 0 || self.idle_here);
        if self.is_connected() && self.idle != idle {
            (self.idle, self.dirty) = (idle, true);
        }
    }

    /// The last socket has closed, and they may be back at once.
    pub const fn is_away(&self) -> bool {
        !self.gone && self.left_at.is_some()
    }

    pub fn goes(&mut self, now: Timestamp) {
        (self.gone, self.dirty, self.ends_at) = (true, true, None);
        self.went_at = Some(self.left_at.map_or(now, |at| at.min(now)));
        if self.notes {
            self.to_note = self.to_note.max(self.went_at);
        }
    }

    /// When they are idle here, if they are not yet.
    fn idles_at(&self) -> Option<Timestamp> {
        self.idle_at.filter(|_| self.sockets > 0 && !self.idle_here)
    }

    /// What happens by itself until now.
    pub fn wake(&mut self, now: Timestamp) {
        if self.idles_at().is_some_and(|at| at <= now) {
            self.idle_here = true;
            self.sum_up();
        }
        if self.is_away() && self.left_at.is_some_and(|at| at.plus(LINGER) <= now) {
            self.goes(now);
        }
        if self.ends_at.is_some_and(|at| at <= now) {
            (self.ends_at, self.dirty) = (None, true);
        }
        if self.fades_at.is_some_and(|at| at <= now) {
            (self.fades_at, self.faded, self.dirty) = (None, true, true);
        }
    }

    pub fn next(&self, now: Timestamp, ending: bool) -> Next {
        if self.looking {
            return Next::Idle;
        }
        let away = self.left_at.filter(|_| self.is_away()).map(|at| at.plus(LINGER));
        // Until it is known whether somebody who seems to go is back, friends hear nothing; so nobody can tell who has
        // disconnected from who has become invisible.
        let going = self.fades_at.into_iter().chain(away).min().filter(|_| !self.faded && !ending);
        if let Some(at) = going {
            return Next::At(at);
        }
        let told = self.told_at.map(|at| at.plus(TELL_EVERY)).filter(|at| *at > now && !ending);
        if self.dirty {
            let looked = self.looked_at.map(|at| at.plus(LOOK_EVERY)).max(self.retry_at);
            let rest = told.max(looked.filter(|at| *at > now && !ending));
            return rest.map_or(Next::Now, Next::At);
        }
        match (self.gone, told) {
            (true, None) => Next::Forget,
            // If they come back, friends do not hear of it at once.
            (true, Some(at)) => Next::At(at),
            (false, _) => self.ends_at.into_iter().chain(self.idles_at()).min().map_or(Next::Idle, Next::At),
        }
    }

    pub fn looked(&mut self, now: Timestamp) {
        (self.looking, self.looked_at, self.retry_at) = (false, Some(now), None);
    }

    pub fn told(&mut self, known: Known, now: Timestamp) {
        (self.known, self.told_at) = (known, Some(now));
    }

    /// What everybody sees is this. Returns what those hear who watch them, if there are any.
    pub fn told_all(&mut self, known: Known, watched: bool, now: Timestamp) -> Option<&'static str> {
        let before = mem::replace(&mut self.known_by_all, known);
        let event = news(before.there, known.there, known.other_text(&before)).filter(|_| watched);
        if event.is_some() {
            self.told_at = Some(now);
        }
        event
    }

    /// The look failed, and comes again.
    pub fn fails(&mut self, now: Timestamp) {
        (self.looking, self.dirty, self.retry_at) = (false, true, Some(now.plus(LOOK_EVERY)));
        self.parted.clear();
    }

    pub fn befriends(&mut self, friend: UserId) {
        if self.newcomers.len() >= MOST {
            // Then everybody is told again.
            self.newcomers.clear();
            self.known = Known::default();
        } else if !self.newcomers.contains(&friend) {
            self.newcomers.push(friend);
        }
    }

    /// The clock was ahead: what lies after now counts as now.
    pub fn put_right(&mut self, now: Timestamp, away_after: Duration) {
        let times = [&mut self.left_at, &mut self.parted_at, &mut self.went_at, &mut self.to_note];
        let told = [&mut self.told_at, &mut self.looked_at, &mut self.retry_at];
        for time in times.into_iter().chain(told) {
            *time = time.map(|at| at.min(now));
        }
        self.fades_at = self.fades_at.map(|at| at.min(now.plus(LINGER)));
        self.since = self.since.min(now);
        if self.idle_at.is_some() {
            self.idle_at = Some(now.plus(away_after));
        }
        // When something ends that was chosen, nobody knows any more without a look.
        self.dirty |= self.ends_at.is_some();
    }
}
