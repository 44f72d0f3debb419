//! What a person did, in a log for themselves: which changes make an item, whose it is, and what it is about. It shows
//! no texts. What somebody does to one thing on one day is one item, so the log grows by days and things, and not by
//! messages.

use std::{collections::BTreeMap, time::Duration};

use clowder_core::{Id, Recorded, Timestamp, UserId, follow::Step};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

pub type ActivityId = Id<Activity>;

/// How long items are kept.
pub const KEPT_FOR: Duration = Duration::from_secs(180 * 24 * 3600);

/// The actions of the audit log that become items, if somebody did them to their own account: they are not in the journal,
/// or it does not tell them apart.
pub const ACTIONS: &[&str] = &[
    "email.verified",
    "erasure.requested",
    "erasure.undone",
    "export.requested",
    "password.changed",
    "password.reset",
    "presence.changed",
    "profile.changed",
    "session.opened",
    "statement.appealed",
    "two_factor.disabled",
    "two_factor.enabled",
    "username.changed",
];
/// Of these, nobody else can be the cause, whoever the log names: a link proves who somebody is.
const ALWAYS_OWN: &[&str] = &["email.verified", "password.reset", "session.opened"];

/// The item that an entry of the audit log makes, if it is about what the owner of the account did.
pub fn of_entry(action: &str, actor: Option<UserId>, subject: UserId) -> Option<&'static str> {
    let kind = ACTIONS.iter().find(|known| **known == action)?;
    (ALWAYS_OWN.contains(kind) || actor == Some(subject)).then_some(*kind)
}

const MICROS_A_DAY: i64 = 24 * 3600 * 1_000_000;

/// Something that you did, on one day (UTC) and to one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Activity {
    pub id: ActivityId,
    #[serde(rename = "type")]
    #[schema(rename = "type", example = "message.sent")]
    pub kind: String,
    pub target: ActivityTarget,
    /// When you did it for the first time that day.
    pub at: Timestamp,
    pub data: ActivityData,
}

/// What it was done to. It may be gone, or hidden from you, by now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ActivityTarget {
    #[serde(rename = "type")]
    #[schema(rename = "type", example = "chat")]
    pub kind: String,
    pub id: Uuid,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ActivityData {
    /// How often you did it that day.
    #[schema(minimum = 1)]
    pub count: i64,
    pub last_at: Timestamp,
    /// Of a session that is open: the device, as in the list of sessions; otherwise `null`.
    pub device: Option<ActivityDevice>,
}

/// The device of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ActivityDevice {
    /// What you call it.
    #[schema(example = "kitchen tablet")]
    pub name: Option<String>,
    /// The `User-Agent` at sign-in.
    pub agent: Option<String>,
    /// The most recent address.
    #[schema(example = "192.0.2.7")]
    pub address: Option<String>,
}

/// A type of items, as in a filter: two words of small letters, joined by a dot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityType(String);

impl ActivityType {
    pub fn parse(text: &str) -> Option<Self> {
        let is_word = |word: &str| {
            (1..=24).contains(&word.len()) && word.bytes().all(|octet| octet.is_ascii_lowercase() || octet == b'_')
        };
        let (noun, verb) = text.split_once('.')?;
        (is_word(noun) && is_word(verb)).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Which changes of a domain make an item.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// The name of the change.
    pub change: &'static str,
    /// The type of the item.
    pub kind: &'static str,
    pub whose: Whose,
    pub target: Target,
    /// If not all of these changes count: those whose payload meets this.
    pub only: Option<fn(&Value) -> bool>,
    /// If only those changes count that happened at the time that is there in the payload, as a JSON pointer.
    pub at: Option<&'static str>,
}

/// In whose log an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Of who did it. Copies on the personal topics of others do not count.
    Actor,
    /// Of who is told on their personal topic, whoever did it.
    Told,
    /// Of who begins to follow a topic, or stops.
    Follower(Step),
    /// Of who did it, if it concerns themselves. Where in the payload the person is whom it concerns, as a JSON pointer.
    OnOneself(&'static str),
    /// Of who did it, if it concerns somebody else, who is there in the payload. Of copies on personal topics, the one of
    /// whom it concerns counts, because whoever did it may have none.
    OnAnother(&'static str),
    /// The same, if it is told to all who follow a topic, and to nobody on their personal topic.
    OnAnotherOpenly(&'static str),
}

/// What an item is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The topic of the change.
    Topic,
    /// The subject of the change, which is one of these.
    Subject(&'static str),
}

impl Rule {
    pub const fn new(change: &'static str, kind: &'static str, whose: Whose, target: Target) -> Self {
        Self { change, kind, whose, target, only: None, at: None }
    }

    pub const fn only(self, only: fn(&Value) -> bool) -> Self {
        Self { only: Some(only), ..self }
    }

    pub const fn at(self, place: &'static str) -> Self {
        Self { at: Some(place), ..self }
    }
}

/// What somebody did, before it is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    pub user: UserId,
    pub kind: &'static str,
    pub target_kind: String,
    pub target: Uuid,
    pub at: Timestamp,
}

/// The items that a change makes, one for each of these rules that is about it.
pub fn decide<'r>(rules: impl IntoIterator<Item = &'r Rule>, change: &Recorded) -> impl Iterator<Item = Act> {
    rules.into_iter().filter(|rule| rule.change == &*change.name).filter_map(|rule| act(rule, change))
}

fn act(rule: &Rule, change: &Recorded) -> Option<Act> {
    let told = change.topic.as_user();
    let concerned = |place: &str| {
        let data: Value = serde_json::from_str(change.data.get()).ok()?;
        let person: UserId = data.pointer(place)?.as_str()?.parse().ok()?;
        Some(person).filter(|person| told.is_none_or(|told| told == *person))
    };
    let user = match rule.whose {
        Whose::Actor => change.actor.filter(|actor| told.is_none_or(|told| told == *actor)),
        Whose::Told => told,
        Whose::Follower(step) => change.follow.filter(|follow| follow.step == step).map(|follow| follow.user),
        Whose::OnOneself(place) => concerned(place).filter(|person| change.actor == Some(*person)),
        Whose::OnAnotherOpenly(_) if told.is_some() => None,
        Whose::OnAnother(place) | Whose::OnAnotherOpenly(place) => {
            concerned(place).and_then(|person| change.actor.filter(|actor| *actor != person))
        }
    }?;
    let (target_kind, target) = match rule.target {
        Target::Topic => (change.topic.kind.to_string(), change.topic.id),
        Target::Subject(kind) => (kind.to_owned(), change.subject?),
    };
    if let Some(only) = rule.only
        && !serde_json::from_str(change.data.get()).is_ok_and(|data| only(&data))
    {
        return None;
    }
    if let Some(place) = rule.at {
        let data: Value = serde_json::from_str(change.data.get()).ok()?;
        // As the payload has it, in whole milliseconds.
        let at = serde_json::to_value(change.at).ok()?;
        data.pointer(place).filter(|there| **there == at)?;
    }
    Some(Act { user, kind: rule.kind, target_kind, target, at: change.at })
}

/// What somebody did to one thing on one day, as far as it has been counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    pub user: UserId,
    /// Days since 1970, in UTC.
    pub day: i32,
    pub kind: &'static str,
    pub target_kind: String,
    pub target: Uuid,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
    pub count: i64,
}

/// Counts what was done, in the order of people and days.
pub fn tally(acts: impl IntoIterator<Item = Act>) -> Vec<Tally> {
    let mut tallies = BTreeMap::<_, Tally>::new();
    for Act { user, kind, target_kind, target, at } in acts {
        let day = i32::try_from(at.as_micros().div_euclid(MICROS_A_DAY)).unwrap_or(i32::MAX);
        tallies
            .entry((user, day, kind, target))
            .and_modify(|tally| {
                tally.first_at = tally.first_at.min(at);
                tally.last_at = tally.last_at.max(at);
                tally.count += 1;
            })
            .or_insert(Tally { user, day, kind, target_kind, target, first_at: at, last_at: at, count: 1 });
    }
    tallies.into_values().collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use clowder_core::{Follow, Topic, TopicKind};
    use serde_json::value::RawValue;

    use super::*;

    use Target::{Subject, Topic as OfTopic};

    const CHAT: TopicKind = TopicKind::new("chat");

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn change(name: &str, topic: Topic, actor: Option<UserId>) -> Recorded {
        Recorded {
            stream: 0,
            position: 1,
            topic,
            name: Arc::from(name),
            actor,
            subject: None,
            follow: None,
            seq: None,
            at: at(5),
            data: payload(r#"{"my_role":"member"}"#),
        }
    }

    fn payload(text: &str) -> Arc<RawValue> {
        Arc::from(RawValue::from_string(text.to_owned()).unwrap())
    }

    #[test]
    fn some_changes_count_only_at_the_time_that_they_tell() {
        let ada = UserId::new(at(1));
        let rule = [Rule::new("x.done", "x.edited", Whose::Actor, OfTopic).at("/edited_at")];
        for (edited_at, counted) in [(serde_json::json!(at(5)), 1), (serde_json::json!(at(4)), 0), (Value::Null, 0)] {
            let data = payload(&serde_json::json!({"edited_at": edited_at}).to_string());
            let change = Recorded { data, ..change("x.done", Topic::new(CHAT, Id::<()>::new(at(1))), Some(ada)) };
            assert_eq!(decide(&rule, &change).count(), counted, "{edited_at}");
        }
    }

    #[test]
    fn whoever_does_something_to_somebody_finds_it_once() {
        let [ada, bob, eve] = [1, 2, 3].map(|second| UserId::new(at(second)));
        let chat = Topic::new(CHAT, Id::<()>::new(at(1)));
        let by_ada = |topic, person: UserId| Recorded {
            data: payload(&format!(r#"{{"user":{{"id":"{person}"}}}}"#)),
            ..change("x.done", topic, Some(ada))
        };
        let (oneself, another) = (Whose::OnOneself("/user/id"), Whose::OnAnother("/user/id"));
        let openly = Whose::OnAnotherOpenly("/user/id");
        let table = [
            (oneself, by_ada(chat, ada), true),
            (oneself, by_ada(Topic::user(ada), ada), true),
            (oneself, by_ada(Topic::user(eve), ada), false),
            (oneself, by_ada(chat, bob), false),
            (another, by_ada(chat, bob), true),
            (another, by_ada(Topic::user(bob), bob), true),
            (openly, by_ada(chat, bob), true),
            (openly, by_ada(chat, ada), false),
            (openly, by_ada(Topic::user(bob), bob), false),
            // A copy for others, be it that of who did it.
            (another, by_ada(Topic::user(ada), bob), false),
            (another, by_ada(Topic::user(eve), bob), false),
            (another, by_ada(chat, ada), false),
            (another, Recorded { actor: None, ..by_ada(chat, bob) }, false),
            (another, change("x.done", chat, Some(ada)), false),
        ];
        for (number, (whose, change, expected)) in table.into_iter().enumerate() {
            let rule = Rule::new("x.done", "x.did", whose, OfTopic);
            let users: Vec<_> = decide([&rule], &change).map(|act| act.user).collect();
            assert_eq!(users, if expected { vec![ada] } else { Vec::new() }, "row {number}");
        }
        let rules = [
            Rule::new("x.done", "x.did", another, OfTopic),
            Rule::new("x.done", "x.left", Whose::Follower(Step::Leave), OfTopic),
        ];
        let follow = Some(Follow { user: bob, topic: chat, step: Step::Leave });
        let removed = Recorded { follow, ..by_ada(chat, bob) };
        assert_eq!(
            decide(&rules, &removed).map(|act| (act.user, act.kind)).collect::<Vec<_>>(),
            [(ada, "x.did"), (bob, "x.left")]
        );
    }

    #[test]
    fn decide_table() {
        let [ada, bob] = [UserId::new(at(1)), UserId::new(at(1))];
        let chat = Topic::new(CHAT, Id::<()>::new(at(1)));
        let thing = Id::<()>::new(at(1)).uuid();
        let rule = |whose, target| Rule::new("x.done", "x.did", whose, target);
        let about = |change: Recorded| Recorded { subject: Some(thing), ..change };
        let follow =
            |step| move |change: Recorded| Recorded { follow: Some(Follow { user: bob, topic: chat, step }), ..change };
        let (on_chat, to_ada, to_bob) = (
            change("x.done", chat, Some(ada)),
            change("x.done", Topic::user(ada), Some(ada)),
            change("x.done", Topic::user(bob), Some(ada)),
        );
        let by_nobody = change("x.done", Topic::user(ada), None);
        let table = [
            (rule(Whose::Actor, OfTopic), on_chat.clone(), Some((ada, "chat", chat.id))),
            (rule(Whose::Actor, OfTopic), to_ada.clone(), Some((ada, "user", ada.uuid()))),
            (rule(Whose::Actor, OfTopic), to_bob.clone(), None),
            (rule(Whose::Actor, OfTopic), by_nobody.clone(), None),
            (rule(Whose::Actor, OfTopic), change("x.undone", chat, Some(ada)), None),
            (rule(Whose::Actor, Subject("thing")), about(to_ada.clone()), Some((ada, "thing", thing))),
            (rule(Whose::Actor, Subject("thing")), to_ada.clone(), None),
            (rule(Whose::Told, OfTopic), to_bob.clone(), Some((bob, "user", bob.uuid()))),
            (rule(Whose::Told, OfTopic), by_nobody, Some((ada, "user", ada.uuid()))),
            (rule(Whose::Told, OfTopic), on_chat.clone(), None),
            (
                rule(Whose::Follower(Step::Enter), OfTopic),
                follow(Step::Enter)(on_chat.clone()),
                Some((bob, "chat", chat.id)),
            ),
            (rule(Whose::Follower(Step::Enter), OfTopic), follow(Step::Leave)(on_chat.clone()), None),
            (rule(Whose::Follower(Step::Enter), OfTopic), on_chat.clone(), None),
            (rule(Whose::Actor, OfTopic).only(|data| data["my_role"] == "owner"), on_chat.clone(), None),
            (
                rule(Whose::Actor, OfTopic).only(|data| data["my_role"] == "member"),
                on_chat,
                Some((ada, "chat", chat.id)),
            ),
        ];
        for (number, (rule, change, expected)) in table.into_iter().enumerate() {
            let act = decide([&rule], &change).next();
            let found = act.as_ref().map(|act| (act.user, act.target_kind.as_str(), act.target));
            assert_eq!(found, expected, "row {number}");
            assert!(act.is_none_or(|act| act.kind == "x.did" && act.at == at(5)));
        }
    }

    #[test]
    fn what_others_do_to_an_account_is_not_in_its_log() {
        let [ada, root] = [UserId::new(at(1)), UserId::new(at(2))];
        for (action, actor, expected) in [
            ("username.changed", Some(ada), true),
            ("username.changed", Some(root), false),
            ("profile.changed", Some(ada), true),
            ("profile.edited", Some(ada), false),
            ("password.changed", None, false),
            ("statement.appealed", Some(ada), true),
            ("export.requested", Some(ada), true),
            // An operator erases them.
            ("erasure.requested", Some(root), false),
            // With a link, nobody is signed in.
            ("password.reset", None, true),
            ("session.opened", None, true),
            ("session.refused", None, false),
        ] {
            assert_eq!(of_entry(action, actor, ada), expected.then_some(action), "{action} {actor:?}");
        }
        assert!(ALWAYS_OWN.iter().all(|action| ACTIONS.contains(action)));
    }

    #[test]
    fn one_thing_on_one_day_is_one_item() {
        let [ada, bob] = [UserId::new(at(1)), UserId::new(at(2))];
        let [one, other] = [Id::<()>::new(at(1)).uuid(), Id::<()>::new(at(1)).uuid()];
        let act = |user, target, seconds| Act {
            user,
            kind: "message.sent",
            target_kind: "chat".into(),
            target,
            at: at(seconds),
        };
        let acts = [
            act(ada, one, 7),
            act(ada, one, 5),
            act(ada, one, 6),
            act(ada, other, 5),
            act(bob, one, 5),
            act(ada, one, 24 * 3600),
        ];
        let tallies = tally(acts);
        let mut counted: Vec<_> =
            tallies.iter().map(|tally| (tally.user == ada, tally.target == one, tally.day, tally.count)).collect();
        counted.sort_unstable();
        assert_eq!(counted, [(false, true, 0, 1), (true, false, 0, 1), (true, true, 0, 3), (true, true, 1, 1)]);
        let three = tallies.iter().find(|tally| tally.count == 3).unwrap();
        assert_eq!((three.first_at, three.last_at), (at(5), at(7)));
        assert!(tally([]).is_empty());
    }

    #[test]
    fn types_are_read_or_refused() {
        for (text, good) in [
            ("message.sent", true),
            ("api_key.created", true),
            ("message", false),
            ("message.", false),
            (".sent", false),
            ("a.b.c", false),
            ("Message.sent", false),
            ("message.*", false),
            ("", false),
            ("aaaaaaaaaaaaaaaaaaaaaaaaa.b", false),
        ] {
            assert_eq!(ActivityType::parse(text).is_some(), good, "{text}");
        }
    }
}
