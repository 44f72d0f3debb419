//! What each channel does with something that somebody may be told, and when: pure, from facts.

use std::time::Duration;

use clowder_core::{Timestamp, Word};
use serde::{Deserialize, Serialize};

use crate::{Channels, NotificationType, QuietHours};

/// Of what in a chat somebody wants to be told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    #[default]
    All,
    Mentions,
    None,
}

impl Word for Level {
    const WHAT: &'static str = "level of notifications";
    const WORDS: &'static [(&'static str, Self)] =
        &[("all", Self::All), ("mentions", Self::Mentions), ("none", Self::None)];
}

/// What is known of the chat in which something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChatFacts {
    /// Whether the person is in it, and sees the message: it was not sent before their time, cleared or removed by them.
    pub is_seen: bool,
    pub level: Level,
    pub muted_until: Option<Timestamp>,
    /// Whether their read mark has reached the message.
    pub is_read: bool,
}

/// How long push and mail wait, so that nobody is told what they have read meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delays {
    pub push: Duration,
    pub mail: Duration,
}

/// Everything that decides about one thing and one person.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    pub kind: NotificationType,
    /// They did it themselves.
    pub is_own: bool,
    /// Their account is there, and not suspended.
    pub is_active: bool,
    /// One of the two has blocked the other.
    pub is_blocked: bool,
    /// The person has muted who did it.
    pub is_muted: bool,
    /// The thing is gone or decided: the message deleted, the request withdrawn.
    pub is_gone: bool,
    /// None: it happened in no chat.
    pub chat: Option<ChatFacts>,
    pub channels: Channels,
    pub quiet_hours: Option<&'a QuietHours>,
    pub at: Timestamp,
    pub now: Timestamp,
    pub delays: Delays,
}

/// What happens then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    pub inbox: bool,
    /// It is in the inbox as read: the person has seen the message before this was made.
    pub is_read: bool,
    /// None: no push. Otherwise not before this.
    pub push_from: Option<Timestamp>,
    pub mail_from: Option<Timestamp>,
}

impl Verdict {
    pub const NOTHING: Self = Self { inbox: false, is_read: false, push_from: None, mail_from: None };
}

/// What is older than this when it is made is not pushed or mailed any more: the reader was behind, or was set back.
pub const STALE: Duration = Duration::from_secs(24 * 3600);

/// Nothing at all of what they did, may not see, or do not want to hear of in this chat or of this person.
pub fn decide(facts: Facts<'_>) -> Verdict {
    if facts.is_own || !facts.is_active || facts.is_blocked || facts.is_muted || facts.is_gone {
        return Verdict::NOTHING;
    }
    let is_read = match facts.chat {
        Some(chat) if !chat.is_seen => return Verdict::NOTHING,
        Some(chat) if !is_wanted(facts.kind, chat, facts.now) => return Verdict::NOTHING,
        Some(chat) => chat.is_read,
        None => false,
    };
    let Channels { inbox, push, mail } = facts.channels;
    let disturbs = !is_read && facts.now.since(facts.at) < STALE;
    let from = |delay: Duration| {
        let from = facts.now.plus(delay);
        let quiet = facts.quiet_hours.filter(|_| !facts.kind.is_urgent());
        quiet.and_then(|hours| hours.end(from)).unwrap_or(from)
    };
    Verdict {
        inbox,
        is_read: inbox && is_read,
        push_from: (push && disturbs).then(|| from(facts.delays.push)),
        mail_from: (mail && disturbs).then(|| from(facts.delays.mail)),
    }
}

/// By the level of the chat; nothing while it is muted. Requests to come in are the work of who looks after it, whatever
/// they hear of its messages.
fn is_wanted(kind: NotificationType, chat: ChatFacts, now: Timestamp) -> bool {
    if kind == NotificationType::ChatRequest {
        return true;
    }
    let is_muted = chat.muted_until.is_some_and(|until| until > now);
    match chat.level {
        Level::None => false,
        Level::Mentions => kind.is_personal() && !is_muted,
        Level::All => !is_muted,
    }
}

#[cfg(test)]
mod tests {
    use clowder_core::Word;

    use super::*;
    use crate::{Channel, TimeOfDay};

    const NOW: Timestamp = Timestamp::from_micros(1_796_126_400_000_000); // 2026-12-01T12:00:00Z
    const DELAYS: Delays = Delays { push: Duration::from_secs(3), mail: Duration::from_secs(300) };
    const HOUR: Duration = Duration::from_secs(3600);

    fn facts(kind: NotificationType, channels: Channels) -> Facts<'static> {
        let chat = ChatFacts { is_seen: true, level: Level::All, muted_until: None, is_read: false };
        Facts {
            kind,
            is_own: false,
            is_active: true,
            is_blocked: false,
            is_muted: false,
            is_gone: false,
            chat: kind.is_in_chat().then_some(chat),
            channels,
            quiet_hours: None,
            at: NOW,
            now: NOW,
            delays: DELAYS,
        }
    }

    fn chat(facts: Facts<'static>, change: impl FnOnce(&mut ChatFacts)) -> Facts<'static> {
        let mut chat = facts.chat;
        if let Some(chat) = &mut chat {
            change(chat);
        }
        Facts { chat, ..facts }
    }

    /// What is done with a type when all facts allow it but one.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Done {
        All,
        Nothing,
        /// Only in the inbox.
        Quietly,
        /// As `All`, but push and mail only after an hour.
        Later,
    }

    #[test]
    fn decide_table() {
        use Done::*;
        use NotificationType as T;
        type Fact = (&'static str, fn(Facts<'static>) -> Facts<'static>, fn(T) -> Done);
        let quiet: &'static QuietHours = Box::leak(Box::new(QuietHours {
            from: TimeOfDay::parse("11:00").unwrap(),
            to: TimeOfDay::parse("13:00").unwrap(),
            time_zone: "UTC".to_owned(),
        }));
        // Of those in chats that are not requests to come in.
        const fn by_level(kind: T) -> bool {
            kind.is_in_chat() && !matches!(kind, T::ChatRequest)
        }
        let table: &[Fact] = &[
            ("nothing special", |facts| facts, |_| All),
            ("an own act", |facts| Facts { is_own: true, ..facts }, |_| Nothing),
            ("a suspended person", |facts| Facts { is_active: false, ..facts }, |_| Nothing),
            ("blocked", |facts| Facts { is_blocked: true, ..facts }, |_| Nothing),
            ("the actor is muted", |facts| Facts { is_muted: true, ..facts }, |_| Nothing),
            ("deleted or withdrawn", |facts| Facts { is_gone: true, ..facts }, |_| Nothing),
            ("a day late", |facts| Facts { at: NOW.minus(STALE), ..facts }, |_| Quietly),
            (
                "left, or before their time",
                |facts| chat(facts, |chat| chat.is_seen = false),
                |kind| {
                    if kind.is_in_chat() { Nothing } else { All }
                },
            ),
            (
                "read",
                |facts| chat(facts, |chat| chat.is_read = true),
                |kind| {
                    if kind.is_in_chat() { Quietly } else { All }
                },
            ),
            (
                "level none",
                |facts| chat(facts, |chat| chat.level = Level::None),
                |kind| {
                    if by_level(kind) { Nothing } else { All }
                },
            ),
            (
                "level mentions",
                |facts| chat(facts, |chat| chat.level = Level::Mentions),
                |kind| {
                    let is_named = matches!(kind, T::MessageMention | T::MessageReply);
                    if by_level(kind) && !is_named { Nothing } else { All }
                },
            ),
            (
                "muted for now",
                |facts| chat(facts, |chat| chat.muted_until = Some(NOW.plus(HOUR))),
                |kind| {
                    if by_level(kind) { Nothing } else { All }
                },
            ),
            ("muted until now", |facts| chat(facts, |chat| chat.muted_until = Some(NOW)), |_| All),
        ];
        let later = ("quiet hours", |kind: T| if kind == T::AccountSecurity { All } else { Later });
        for kind in T::all() {
            for wanted in Channel::ALL {
                let is = |channel: Channel| channel == wanted;
                let channels = Channels { inbox: is(Channel::Inbox), push: is(Channel::Push), mail: is(Channel::Mail) };
                let check = |name: &str, facts: Facts<'_>, done: Done| {
                    let verdict = decide(facts);
                    let when = |delay| if done == Later { NOW.plus(HOUR) } else { NOW.plus(delay) };
                    let disturbs = matches!(done, All | Later);
                    let label = format!("{} by {wanted:?}: {name}", kind.as_str());
                    assert_eq!(verdict.inbox, is(Channel::Inbox) && done != Nothing, "{label}");
                    let push = (is(Channel::Push) && disturbs).then(|| when(DELAYS.push));
                    assert_eq!(verdict.push_from, push, "{label}");
                    let mail = (is(Channel::Mail) && disturbs).then(|| when(DELAYS.mail));
                    assert_eq!(verdict.mail_from, mail, "{label}");
                };
                for (name, change, done) in table {
                    check(name, change(facts(kind, channels)), done(kind));
                }
                check(later.0, Facts { quiet_hours: Some(quiet), ..facts(kind, channels) }, later.1(kind));
            }
            let off = Channels { inbox: false, push: false, mail: false };
            assert_eq!(decide(facts(kind, off)), Verdict::NOTHING, "{kind:?} by no channel");
        }
    }

    #[test]
    fn what_was_read_before_it_was_made_is_in_the_inbox_as_read() {
        let all = Channels { inbox: true, push: true, mail: true };
        let verdict = decide(chat(facts(NotificationType::MessageMention, all), |chat| chat.is_read = true));
        assert_eq!(verdict, Verdict { inbox: true, is_read: true, push_from: None, mail_from: None });
    }

    #[test]
    fn quiet_hours_are_asked_for_the_end_of_the_delay() {
        let hours = QuietHours {
            from: TimeOfDay::parse("12:04").unwrap(),
            to: TimeOfDay::parse("13:00").unwrap(),
            time_zone: "UTC".to_owned(),
        };
        let all = Channels { inbox: true, push: true, mail: true };
        let verdict = decide(Facts { quiet_hours: Some(&hours), ..facts(NotificationType::FriendRequest, all) });
        assert_eq!(verdict.push_from, Some(NOW.plus(DELAYS.push)), "it is not quiet yet");
        assert_eq!(verdict.mail_from, Some(NOW.plus(HOUR)));
    }
}
