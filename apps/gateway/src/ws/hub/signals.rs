//! What people do for a moment and others see, such as typing in a chat. It ends by itself unless it is renewed, and
//! however often somebody renews it, the others are notified at a limited rate: one frame per person and topic in two
//! seconds, starts and stops together.

use std::{collections::HashMap, iter, sync::Arc, time::Duration};

use clowder_core::{Passing, Timestamp, Topic, UserId};
use serde_json::value::RawValue;

/// How long a signal lasts without being renewed.
pub const LASTS_FOR: Duration = Duration::from_secs(6);

/// The others are notified at most this often about one signal of one person in one topic.
const TELL_EVERY: Duration = Duration::from_secs(2);

/// A kind of signal, which a domain describes. Kinds with the same events take each other's place: somebody who records
/// a voice message does not type.
pub struct Signal {
    /// The events that say that it has started and stopped.
    pub start: &'static str,
    pub stop: &'static str,
    /// Which of those with the same events it is.
    pub kind: &'static str,
    /// The payload of both: whose signal it is, and in which topic.
    pub data: fn(Topic, UserId) -> serde_json::Result<Box<RawValue>>,
}

/// An entry lasts until the signal has ended, the others know, and they may be notified again: 8 seconds after it was
/// last given.
#[derive(Default)]
pub struct Signals(HashMap<(Topic, UserId, &'static str), Given>);

/// Who is told of a signal, of those who follow its topic.
#[derive(Debug, Clone, Default)]
pub struct Hearers {
    /// Not these.
    pub but: Vec<UserId>,
    /// Only sockets that watch the topic: there are too many others.
    pub only_watching: bool,
}

/// What is sent to the followers of its topic, except to these; whoever gives the signal is the first of them.
pub struct Telling {
    pub passing: Passing,
    pub kind: &'static str,
    pub but: Arc<[UserId]>,
    pub only_watching: bool,
    /// Given at this node, so that the others have to be told.
    pub is_ours: bool,
}

/// A signal that somebody has given.
struct Given {
    /// The one that was last given.
    signal: &'static Signal,
    /// Who is not notified, and whether only those are who watch.
    but: Arc<[UserId]>,
    only_watching: bool,
    /// Whether it was last given at this node.
    is_ours: bool,
    /// Until when it lasts; `None` after it has stopped.
    until: Option<Timestamp>,
    /// Which one lasts as the others believe, if any, and since when.
    told: Option<(Option<&'static Signal>, Timestamp)>,
    /// The state has changed, and the others have not been notified yet.
    held_back: bool,
}

impl Given {
    fn new(signal: &'static Signal) -> Self {
        let but = Arc::default();
        Self { signal, but, only_watching: false, is_ours: true, until: None, told: None, held_back: false }
    }

    /// What to send to the others now, if anything and if it is time to.
    fn tell(&mut self, now: Timestamp) -> Option<(&'static str, &'static Signal)> {
        if !self.may_tell(now) {
            self.held_back = true;
            return None;
        }
        self.held_back = false;
        let (lasts, believed) = (self.until.map(|_| self.signal), self.believed());
        let started = lasts.map(|signal| (signal.start, signal));
        let told = started.or_else(|| believed.map(|signal| (signal.stop, signal)))?;
        self.told = Some((lasts, now));
        Some(told)
    }

    fn believed(&self) -> Option<&'static Signal> {
        self.told.and_then(|(signal, _)| signal)
    }

    /// A time in the future was written by a clock that was ahead.
    fn may_tell(&self, now: Timestamp) -> bool {
        self.told.is_none_or(|(_, at)| at > now || at.plus(TELL_EVERY) <= now)
    }

    fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_none() && self.believed().is_none() && self.may_tell(now)
    }

    /// What to send to the others now as one event, if anything.
    fn event(&mut self, topic: Topic, user: UserId, now: Timestamp) -> Option<Telling> {
        let (name, signal) = self.tell(now)?;
        let data = (signal.data)(topic, user).ok()?;
        let passing = Passing { topic, name, at: now, data: Arc::from(data) };
        let (kind, but, only_watching) = (signal.kind, Arc::clone(&self.but), self.only_watching);
        Some(Telling { passing, kind, but, only_watching, is_ours: self.is_ours })
    }
}

impl Signals {
    /// Records that somebody gives a signal to these, or has stopped; returns what to send at once. What has to wait is
    /// returned by [`Signals::due`].
    pub fn set(
        &mut self,
        user: UserId,
        topic: Topic,
        signal: &'static Signal,
        hearers: Option<Hearers>,
        now: Timestamp,
    ) -> Option<Telling> {
        self.give((user, topic), signal, hearers, true, now)
    }

    /// The same for what was given at another node, which tells only what is to be sent. It ends by this node's own
    /// clock, whatever becomes of the other.
    pub fn hear(
        &mut self,
        of: (UserId, Topic),
        signal: &'static Signal,
        hearers: Option<Hearers>,
        now: Timestamp,
    ) -> Option<Telling> {
        self.give(of, signal, hearers, false, now)
    }

    fn give(
        &mut self,
        (user, topic): (UserId, Topic),
        signal: &'static Signal,
        hearers: Option<Hearers>,
        is_ours: bool,
        now: Timestamp,
    ) -> Option<Telling> {
        let key = (topic, user, signal.start);
        let given = match &hearers {
            Some(_) => self.0.entry(key).or_insert_with(|| Given::new(signal)),
            None => self.0.get_mut(&key)?,
        };
        given.is_ours = is_ours;
        given.until = hearers.is_some().then(|| now.plus(LASTS_FOR));
        // Whoever stops does not say with what; and who has heard that it started hears that it stopped.
        if let Some(Hearers { but, only_watching }) = hearers {
            given.signal = signal;
            given.but = iter::once(user).chain(but).collect();
            given.only_watching = only_watching;
        }
        given.event(topic, user, now)
    }

    /// What to send by now: postponed notifications, and stops of those who have not renewed their signals.
    pub fn due(&mut self, now: Timestamp) -> Vec<Telling> {
        let mut due = Vec::new();
        self.0.retain(|(topic, user, _), given| {
            let lasts = |until: &Timestamp| *until > now && *until <= now.plus(LASTS_FOR);
            let ended = given.until.take_if(|until| !lasts(until)).is_some();
            if ended || given.held_back {
                due.extend(given.event(*topic, *user, now));
            }
            !given.is_over(now)
        });
        due
    }
}

#[cfg(test)]
mod tests {
    use clowder_core::{Id, TopicKind};
    use serde_json::value::to_raw_value;

    use super::*;

    const START: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

    const fn signal(start: &'static str, stop: &'static str, kind: &'static str) -> Signal {
        Signal { start, stop, kind, data: |topic, user| to_raw_value(&(topic.id, user)) }
    }

    static TYPING: Signal = signal("typing.start", "typing.stop", "typing");
    static RECORDING: Signal = signal("typing.start", "typing.stop", "recording");
    static DRAWING: Signal = signal("drawing.start", "drawing.stop", "drawing");

    /// One person in one topic, at milliseconds after the start.
    struct Watched {
        list: Signals,
        user: UserId,
        topic: Topic,
    }

    impl Watched {
        fn new() -> Self {
            let topic = Topic::new(TopicKind::new("a_kind"), UserId::new(START));
            Self { list: Signals::default(), user: Id::new(START), topic }
        }

        fn at(ms: u64) -> Timestamp {
            START.plus(Duration::from_millis(ms))
        }

        fn set(&mut self, on: bool, ms: u64) -> Option<&'static str> {
            self.list
                .set(self.user, self.topic, &TYPING, on.then(Hearers::default), Self::at(ms))
                .map(|telling| telling.passing.name)
        }

        fn due(&mut self, ms: u64) -> Vec<&'static str> {
            self.list.due(Self::at(ms)).into_iter().map(|telling| telling.passing.name).collect()
        }
    }

    #[test]
    fn typing_ends_when_said_or_by_itself() {
        let mut ada = Watched::new();
        assert_eq!(ada.set(false, 0), None, "who did not type cannot stop");
        assert_eq!(ada.set(true, 0), Some("typing.start"));
        assert_eq!(ada.set(false, 2_000), Some("typing.stop"));
        assert_eq!(ada.set(true, 4_000), Some("typing.start"));
        assert!(ada.due(9_000).is_empty());
        assert_eq!(ada.set(true, 9_500), Some("typing.start"), "renewed");
        assert!(ada.due(10_500).is_empty());
        assert_eq!(ada.due(15_500), ["typing.stop"]);
        assert!(ada.due(16_000).is_empty() && !ada.list.0.is_empty());
        assert!(ada.due(17_500).is_empty() && ada.list.0.is_empty(), "nothing is kept of who has long stopped");
    }

    #[test]
    fn what_has_to_wait_is_told_in_the_end() {
        let mut ada = Watched::new();
        assert_eq!(ada.set(true, 0), Some("typing.start"));
        assert_eq!(ada.set(false, 500), None, "held back");
        assert!(ada.due(1_999).is_empty());
        assert_eq!(ada.due(2_000), ["typing.stop"]);
        // After a stop that was taken back, only the continued typing is sent.
        assert_eq!((ada.set(true, 3_000), ada.set(false, 3_100), ada.set(true, 3_200)), (None, None, None));
        assert_eq!(ada.due(4_000), ["typing.start"]);
        assert!(ada.due(8_000).is_empty());
        assert_eq!(ada.due(9_200), ["typing.stop"]);
        // A start and a stop within the wait cancel each other out.
        assert_eq!((ada.set(true, 9_300), ada.set(false, 9_400)), (None, None));
        assert!(ada.due(20_000).is_empty() && ada.list.0.is_empty());
    }

    #[test]
    fn however_often_it_changes_there_is_one_frame_in_two_seconds() {
        let mut ada = Watched::new();
        let mut told = Vec::new();
        for ms in (0..60_000).step_by(100) {
            told.extend(ada.set(ms % 200 == 0, ms).map(|name| (ms, name)));
            told.extend(ada.due(ms + 50).into_iter().map(|name| (ms + 50, name)));
        }
        assert!(told.windows(2).all(|two| two[1].0 - two[0].0 >= 2_000), "{told:?}");
        assert!(told.len() >= 28, "and no fewer: {told:?}");
        told.extend(ada.set(false, 60_000).map(|name| (60_000, name)));
        told.extend(ada.due(62_050).into_iter().map(|name| (62_050, name)));
        assert_eq!(told.last().unwrap().1, "typing.stop", "the last word becomes true");
    }

    #[test]
    fn a_clock_that_was_ahead_holds_nothing_up() {
        let mut ada = Watched::new();
        assert_eq!(ada.set(true, 86_400_000), Some("typing.start"));
        assert_eq!(ada.due(0), ["typing.stop"]);
        assert_eq!(ada.set(true, 2_000), Some("typing.start"));
    }

    #[test]
    fn signals_of_one_person_do_not_mix() {
        let mut ada = Watched::new();
        assert_eq!(ada.set(true, 0), Some("typing.start"));
        let drawing = ada.list.set(ada.user, ada.topic, &DRAWING, Some(Hearers::default()), Watched::at(100));
        assert_eq!(
            drawing.map(|telling| telling.passing.name),
            Some("drawing.start"),
            "the other does not hold it back"
        );
        assert_eq!(ada.set(false, 2_000), Some("typing.stop"));
        assert_eq!(ada.due(6_200), ["drawing.stop"]);
    }

    #[test]
    fn another_kind_takes_the_place_of_the_one_before_at_the_same_rate() {
        let mut ada = Watched::new();
        let told = |telling: &Telling| (telling.passing.name, telling.kind);
        let set = |ada: &mut Watched, signal, on: bool, ms| {
            let told_now = ada.list.set(ada.user, ada.topic, signal, on.then(Hearers::default), Watched::at(ms));
            told_now.as_ref().map(told)
        };
        let due = |ada: &mut Watched, ms| ada.list.due(Watched::at(ms)).iter().map(told).collect::<Vec<_>>();
        assert_eq!(set(&mut ada, &TYPING, true, 0), Some(("typing.start", "typing")));
        assert_eq!(set(&mut ada, &RECORDING, true, 500), None, "held back");
        assert_eq!(due(&mut ada, 2_000), [("typing.start", "recording")], "and nothing has stopped in between");
        // Whoever stops does not say with what.
        assert_eq!(set(&mut ada, &TYPING, false, 4_000), Some(("typing.stop", "recording")));
        // A stop is about what the others have heard of.
        assert_eq!(set(&mut ada, &TYPING, true, 6_000), Some(("typing.start", "typing")));
        assert_eq!(set(&mut ada, &RECORDING, true, 6_100), None);
        assert_eq!(set(&mut ada, &RECORDING, false, 6_200), None);
        assert_eq!(due(&mut ada, 8_000), [("typing.stop", "typing")]);
        // Each lasts for six seconds.
        assert_eq!(set(&mut ada, &RECORDING, true, 10_000), Some(("typing.start", "recording")));
        assert!(due(&mut ada, 15_900).is_empty());
        assert_eq!(due(&mut ada, 16_000), [("typing.stop", "recording")]);
        assert!(due(&mut ada, 18_000).is_empty() && ada.list.0.is_empty());
    }

    #[test]
    fn who_is_not_told_that_it_started_is_not_told_that_it_stopped() {
        let mut ada = Watched::new();
        let bob = UserId::new(START);
        let hearers = Hearers { but: vec![bob], only_watching: true };
        let started = ada.list.set(ada.user, ada.topic, &TYPING, Some(hearers), Watched::at(0)).unwrap();
        let stopped = ada.list.due(Watched::at(6_000)).remove(0);
        assert!(started.only_watching && stopped.only_watching);
        assert_eq!((&*started.but, &*stopped.but), (&[ada.user, bob][..], &[ada.user, bob][..]));
    }

    #[test]
    fn what_was_given_elsewhere_ends_here_and_is_not_passed_on() {
        let mut ada = Watched::new();
        let hear = |ada: &mut Watched, on: bool, ms| {
            let told = ada.list.hear((ada.user, ada.topic), &TYPING, on.then(Hearers::default), Watched::at(ms));
            told.map(|telling| (telling.passing.name, telling.is_ours))
        };
        assert_eq!(hear(&mut ada, false, 0), None, "nobody knows that it started");
        assert_eq!(hear(&mut ada, true, 0), Some(("typing.start", false)));
        assert_eq!(ada.set(true, 1_000), None, "of both together one frame in two seconds");
        let due: Vec<_> = ada.list.due(Watched::at(2_000)).iter().map(|t| (t.passing.name, t.is_ours)).collect();
        assert_eq!(due, [("typing.start", true)]);
        assert_eq!(hear(&mut ada, true, 4_000), Some(("typing.start", false)));
        let due: Vec<_> = ada.list.due(Watched::at(10_000)).iter().map(|t| (t.passing.name, t.is_ours)).collect();
        assert_eq!(due, [("typing.stop", false)], "the stop was lost, or the other node has died");
        assert!(ada.due(12_000).is_empty() && ada.list.0.is_empty());
    }
}
