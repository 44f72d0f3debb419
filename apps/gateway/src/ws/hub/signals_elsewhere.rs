//! Signals between the nodes: each passes on what it sends to its own sockets, at the same limited rate.

use std::sync::Arc;

use clowder_core::{Topic, UserId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Hub, Signal,
    signals::{Hearers, Telling},
};
use crate::{clock, domains::DOMAINS};

/// The subject of these messages on the bus.
const SIGNAL: &str = "signal";

/// What a node says of a signal: `chat:<id> {…}`. The topic comes first, so that what nobody here follows costs nothing
/// but that.
#[derive(Debug, Serialize, Deserialize)]
pub struct Passed {
    /// The event: the start or the stop of a signal.
    name: String,
    /// Which signal it is, of those with this event.
    signal: String,
    /// Who is not notified; whoever gives the signal is the first of them.
    but: Vec<UserId>,
    /// Only those are who watch the topic.
    only_watching: bool,
}

impl Passed {
    fn write(&self, topic: Topic) -> Option<String> {
        Some(format!("{topic} {}", serde_json::to_string(self).ok()?))
    }

    /// The topic, and what is said, which is read only if somebody follows it. Whatever cannot be read is ignored.
    pub fn read(body: &str, is_followed: impl FnOnce(Topic) -> bool) -> Option<(Topic, Self)> {
        let (topic, said) = body.split_once(' ')?;
        let (kind, id) = topic.split_once(':')?;
        let topic = Topic { kind: kind.parse().ok()?, id: Uuid::try_parse(id).ok()? };
        if !is_followed(topic) {
            return None;
        }
        Some((topic, serde_json::from_str(said).ok()?))
    }
}

/// The signal with this event, and whether the event is its start. A newer node may know more: of the kinds that are
/// not known here, only the event is.
fn signal_of(name: &str, kind: &str) -> Option<(&'static Signal, bool)> {
    let signals = || DOMAINS.iter().flat_map(|domain| domain.signals);
    let mut with_event = signals().filter(|signal| signal.start == name || signal.stop == name);
    let first = *with_event.clone().next()?;
    let signal = *with_event.find(|signal| signal.kind == kind).unwrap_or(&first);
    Some((signal, signal.start == name))
}

impl Hub {
    /// Hears the signals that are given at other nodes, from now on.
    pub fn hear_others(self: &Arc<Self>) {
        let hub = Arc::downgrade(self);
        let hear = move |body: &str| {
            if let Some(hub) = hub.upgrade() {
                hub.hear_signal(body);
            }
        };
        self.exchange.subscribe(SIGNAL, Box::new(hear));
    }

    fn hear_signal(&self, body: &str) {
        let is_followed = |topic| self.shards.all().any(|shard| shard.is_followed(topic));
        let Some((topic, Passed { name, signal, but, only_watching })) = Passed::read(body, is_followed) else {
            return;
        };
        let (Some((signal, starts)), Some(user)) = (signal_of(&name, &signal), but.first().copied()) else { return };
        let hearers = starts.then(|| Hearers { but: but.into_iter().skip(1).collect(), only_watching });
        let mut given = self.lock_signals();
        if let Some(telling) = given.signals.hear((user, topic), signal, hearers, clock::now()) {
            given.to_tell.push(telling);
            self.given.notify_one();
        }
    }

    /// Tells the other nodes what was given here.
    pub(super) fn pass_on(&self, telling: &Telling) {
        if !telling.is_ours {
            return;
        }
        let (name, signal) = (telling.passing.name.to_owned(), telling.kind.to_owned());
        let passed = Passed { name, signal, but: telling.but.to_vec(), only_watching: telling.only_watching };
        if let Some(body) = passed.write(telling.passing.topic) {
            self.exchange.publish(SIGNAL, &body);
        }
    }
}

#[cfg(test)]
mod tests {
    use clowder_core::{Timestamp, TopicKind};

    use super::*;

    #[test]
    fn what_nobody_follows_is_not_even_read() {
        let user = UserId::new(Timestamp::from_micros(1));
        let topic = Topic::new(TopicKind::new("a_kind"), user);
        let (name, signal) = ("typing.start".to_owned(), "recording".to_owned());
        let passed = Passed { name, signal, but: vec![user], only_watching: true };
        let body = passed.write(topic).unwrap();
        let (of, read) = Passed::read(&body, |asked| asked == topic).unwrap();
        assert_eq!((of, read.but, read.only_watching), (topic, vec![user], true));
        assert!(Passed::read(&body, |_| false).is_none());
        let earlier =
            serde_json::json!({"kind": "a_kind", "id": user, "name": "typing.start", "but": [user]}).to_string();
        let cut = body.split_once('{').unwrap().0;
        for wrong in ["", " ", ":", "a_kind:x {}", "{} {}", &earlier, cut, &format!("{cut}null"), &format!("{cut}{{}}")]
        {
            assert!(Passed::read(wrong, |_| true).is_none(), "{wrong}");
        }
    }

    #[test]
    fn events_are_found_by_their_names() {
        let found = |name, kind| signal_of(name, kind).map(|(signal, starts)| (signal.kind, starts));
        assert_eq!(found("typing.start", "typing"), Some(("typing", true)));
        assert_eq!(found("typing.start", "recording"), Some(("recording", true)));
        assert_eq!(found("typing.stop", "uploading"), Some(("uploading", false)));
        for other in ["", "of a newer node"] {
            assert_eq!(found("typing.start", other), Some(("typing", true)), "of another version: {other}");
        }
        assert!(signal_of("of.a.newer.node", "typing").is_none());
    }
}
