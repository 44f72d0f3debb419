//! What happens on the whole server, for endpoints of those whose role allows it. Such an event says who and what, and
//! nothing that people wrote.

use clowder_core::{Recorded, Topic, UserId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How the types of all of them begin.
pub const PREFIX: &str = "server.";

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct ServerEvent {
    pub name: &'static str,
    /// What it reports, in a few words.
    pub about: &'static str,
    /// The change that it is made of.
    of: &'static str,
    /// Whether the change is told to one person alone, so that it is there once.
    personal: bool,
}

/// All of them.
pub const ALL: &[ServerEvent] = &[
    ServerEvent {
        name: "server.user.registered",
        about: "An account was created",
        of: "user.registered",
        personal: true,
    },
    ServerEvent {
        name: "server.user.suspended",
        about: "An account was suspended",
        of: "user.suspended",
        personal: true,
    },
    ServerEvent { name: "server.report.made", about: "Somebody made a report", of: "report.made", personal: true },
    ServerEvent { name: "server.report.decided", about: "A report was decided", of: "report.decided", personal: true },
];

/// The `data` of such an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ServerEventTold {
    /// The account that it concerns; of a report, of whoever made it.
    pub user_id: Option<UserId>,
    /// Who did it; `null` if that was the server.
    pub actor_id: Option<UserId>,
    /// The thing that it is about, such as the report.
    pub target_id: Option<Uuid>,
}

pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|event| event.name)
}

/// The names of the changes of which they are made.
pub fn sources() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|event| event.of)
}

/// What the whole server hears of a change.
pub fn of(change: &Recorded) -> Option<&'static ServerEvent> {
    let is_personal = change.topic.as_user().is_some();
    ALL.iter().find(|event| *event.of == *change.name && event.personal == is_personal)
}

/// What it says.
pub fn told(change: &Recorded) -> ServerEventTold {
    ServerEventTold { user_id: person(change.topic), actor_id: change.actor, target_id: change.subject }
}

fn person(topic: Topic) -> Option<UserId> {
    topic.as_user()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clowder_core::{Id, Timestamp, TopicKind};
    use serde_json::value::to_raw_value;

    use super::*;

    #[test]
    fn they_say_who_and_what_alone() {
        let now = Timestamp::from_micros(5);
        let [ada, admin]: [UserId; 2] = [Id::new(now), Id::new(now)];
        let report = Uuid::from_u128(7);
        let change = |name: &str, topic| Recorded {
            stream: 0,
            position: 1,
            topic,
            name: name.into(),
            actor: Some(admin),
            subject: Some(report),
            follow: None,
            seq: None,
            at: now,
            data: to_raw_value(&serde_json::json!({"comment": "a secret"})).unwrap().into(),
        };
        let made = change("report.made", Topic::user(ada));
        assert_eq!(of(&made).map(|event| event.name), Some("server.report.made"));
        assert_eq!(told(&made), ServerEventTold { user_id: Some(ada), actor_id: Some(admin), target_id: Some(report) });
        assert!(of(&change("message.sent", Topic::user(ada))).is_none());
        let chat = Topic::new(TopicKind::new("chat"), ada);
        assert!(of(&change("report.made", chat)).is_none(), "told to more than one");
    }

    #[test]
    fn names_are_unique_and_apart() {
        assert_eq!(names().collect::<BTreeSet<_>>().len(), ALL.len());
        assert!(ALL.iter().all(|event| event.name.starts_with(PREFIX) && !event.of.starts_with(PREFIX)));
    }
}
