//! Signals between the nodes: each passes on what it sends to its own sockets, at the same limited rate.

use std::sync::Arc;

use clowder_core::{Topic, UserId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Hub, Signal, signals::Telling};
use crate::{clock, domains::DOMAINS};

/// The subject of these messages on the bus.
const SIGNAL: &str = "signal";

#[derive(Debug, Serialize, Deserialize)]
struct Message {
    kind: String,
    id: Uuid,
    /// The event: the start or the stop of a signal.
    name: String,
    /// Which signal it is, of those with this event. A node of an earlier version does not say it.
    #[serde(default)]
    signal: String,
    /// Who is not notified; whoever gives the signal is the first of them.
    but: Vec<UserId>,
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
            if let (Some(hub), Ok(message)) = (hub.upgrade(), serde_json::from_str(body)) {
                hub.hear_signal(message);
            }
        };
        self.exchange.subscribe(SIGNAL, Box::new(hear));
    }

    fn hear_signal(&self, message: Message) {
        let Message { kind, id, name, signal, but } = message;
        let (Ok(kind), Some((signal, starts)), Some(user)) = (kind.parse(), signal_of(&name, &signal), but.first())
        else {
            return;
        };
        let (user, topic) = (*user, Topic { kind, id });
        // Nothing is kept of what nobody here follows.
        if !self.shards.all().any(|shard| shard.following(topic) > 0) {
            return;
        }
        let to_all_but = starts.then(|| but.into_iter().skip(1).collect());
        let mut given = self.lock_signals();
        if let Some(telling) = given.signals.hear((user, topic), signal, to_all_but, clock::now()) {
            given.to_tell.push(telling);
            self.given.notify_one();
        }
    }

    /// Tells the other nodes what was given here.
    pub(super) fn pass_on(&self, telling: &Telling) {
        if !telling.is_ours {
            return;
        }
        let Topic { kind, id } = telling.passing.topic;
        let (kind, name) = (kind.as_str().to_owned(), telling.passing.name.to_owned());
        let message = Message { kind, id, name, signal: telling.kind.to_owned(), but: telling.but.to_vec() };
        if let Ok(body) = serde_json::to_string(&message) {
            self.exchange.publish(SIGNAL, &body);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
