//! What emails about notifications say around the notifications, in each language. The type has all of it, so no language can
//! lack anything.

use clowder_core::{LocalTime, TimeZone, Timestamp};

use super::{Unsubscribe, digest::Rhythm};
use crate::{NotificationType, wording::Language};

/// The words of one language. `{}` stands for what is filled in.
pub struct Words {
    /// The language of the HTML (BCP 47).
    pub tag: &'static str,
    pub hello: &'static str,
    /// The subject and heading of an email about one and about several.
    one_new: &'static str,
    many_new: &'static str,
    daily: &'static str,
    weekly: &'static str,
    pub open: &'static str,
    one_more: &'static str,
    many_more: &'static str,
    /// Why somebody gets the email.
    why_types: &'static str,
    why_digest: &'static str,
    why_security: &'static str,
    pub unsubscribe: &'static str,
    /// The page of the link.
    pub page: &'static str,
    ask: &'static str,
    pub button: &'static str,
    ended: &'static str,
    and: &'static str,
    digests: &'static str,
    months: [&'static str; 12],
    /// `{day}`, `{month}`, `{time}`.
    moment: &'static str,
}

const EN: Words = Words {
    tag: "en",
    hello: "Hello {},",
    one_new: "1 new notification",
    many_new: "{} new notifications",
    daily: "Your daily summary: {} unread",
    weekly: "Your weekly summary: {} unread",
    open: "Open",
    one_more: "And 1 more.",
    many_more: "And {} more.",
    why_types: "You received this email because you are told by email about: {}.",
    why_digest: "You received this email because you want a summary of what you have not read.",
    why_security: "You received this email because it concerns the security of your account.",
    unsubscribe: "No more emails of this kind",
    page: "Emails",
    ask: "No more emails about: {}?",
    button: "Switch them off",
    ended: "You get no more emails about: {}. You can switch them on again in your settings.",
    and: "and",
    digests: "what you have not read (summary)",
    months: [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    moment: "{day} {month}, {time}",
};

const DE: Words = Words {
    tag: "de",
    hello: "Hallo {},",
    one_new: "1 neue Benachrichtigung",
    many_new: "{} neue Benachrichtigungen",
    daily: "Deine tägliche Zusammenfassung: {} ungelesen",
    weekly: "Deine wöchentliche Zusammenfassung: {} ungelesen",
    open: "Öffnen",
    one_more: "Und 1 weitere.",
    many_more: "Und {} weitere.",
    why_types: "Du bekommst diese E-Mail, weil du per E-Mail benachrichtigt wirst über: {}.",
    why_digest: "Du bekommst diese E-Mail, weil du eine Zusammenfassung dessen möchtest, was du nicht gelesen hast.",
    why_security: "Du bekommst diese E-Mail, weil es um die Sicherheit deines Kontos geht.",
    unsubscribe: "Keine solchen E-Mails mehr",
    page: "E-Mails",
    ask: "Keine E-Mails mehr über: {}?",
    button: "Abschalten",
    ended: "Du bekommst keine E-Mails mehr über: {}. In deinen Einstellungen kannst du sie wieder einschalten.",
    and: "und",
    digests: "Ungelesenes (Zusammenfassung)",
    months: [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ],
    moment: "{day}. {month}, {time}",
};

impl Language {
    /// What emails say around the notifications.
    pub const fn around(self) -> &'static Words {
        match self {
            Self::En => &EN,
            Self::De => &DE,
        }
    }
}

fn fill(text: &str, with: &str) -> String {
    text.replacen("{}", with, 1)
}

fn counted(count: u64, one: &str, many: &str) -> String {
    if count == 1 { one.to_owned() } else { fill(many, &count.to_string()) }
}

impl Words {
    pub fn hello(&self, name: &str) -> String {
        fill(self.hello, name)
    }

    pub fn so_many_new(&self, count: u64) -> String {
        counted(count, self.one_new, self.many_new)
    }

    pub fn summary(&self, rhythm: Rhythm, count: u64) -> String {
        let text = match rhythm {
            Rhythm::Daily => self.daily,
            Rhythm::Weekly => self.weekly,
        };
        fill(text, &count.to_string())
    }

    /// How many the email does not show.
    pub fn more(&self, count: u64) -> String {
        counted(count, self.one_more, self.many_more)
    }

    /// Why somebody gets an email that this ends; without it, it is about their account.
    pub fn why(&self, what: Option<&Unsubscribe>) -> String {
        match what {
            Some(what @ Unsubscribe::Types(_)) => fill(self.why_types, &self.what(what)),
            Some(Unsubscribe::Digest) => self.why_digest.to_owned(),
            None => self.why_security.to_owned(),
        }
    }

    pub fn ask(&self, what: &Unsubscribe) -> String {
        fill(self.ask, &self.what(what))
    }

    pub fn ended(&self, what: &Unsubscribe) -> String {
        fill(self.ended, &self.what(what))
    }

    fn what(&self, what: &Unsubscribe) -> String {
        match what {
            Unsubscribe::Types(types) => {
                let names: Vec<_> = types.iter().map(|kind| self.name(*kind)).collect();
                match names.split_last() {
                    Some((last, [])) => (*last).to_owned(),
                    Some((last, first)) => format!("{} {} {last}", first.join(", "), self.and),
                    None => String::new(),
                }
            }
            Unsubscribe::Digest => self.digests.to_owned(),
        }
    }

    /// What is told, in the plural.
    fn name(&self, kind: NotificationType) -> &'static str {
        let (en, de) = match kind {
            NotificationType::FriendRequest => ("friend requests", "Freundschaftsanfragen"),
            NotificationType::FriendAccepted => ("accepted friend requests", "angenommene Freundschaftsanfragen"),
            NotificationType::MessageMention => ("mentions", "Erwähnungen"),
            NotificationType::MessageReply => ("replies", "Antworten"),
            NotificationType::MessageReaction => ("reactions", "Reaktionen"),
            NotificationType::MessageDirect => ("direct messages", "Direktnachrichten"),
            NotificationType::MessageChat => ("messages in chats", "Nachrichten in Chats"),
            NotificationType::ChatInvited => ("invitations to chats", "Einladungen in Chats"),
            NotificationType::ChatRequest => ("requests to join chats", "Anfragen für Chats"),
            NotificationType::GroupInvited => ("invitations to groups", "Einladungen in Gruppen"),
            NotificationType::GroupRequest => ("requests to join groups", "Anfragen für Gruppen"),
            NotificationType::EventInvited => ("invitations to events", "Einladungen zu Veranstaltungen"),
            NotificationType::EventChanged => ("changed events", "geänderte Veranstaltungen"),
            NotificationType::EventReminder => ("reminders of events", "Erinnerungen an Veranstaltungen"),
            NotificationType::EventCancelled => ("cancelled events", "abgesagte Veranstaltungen"),
            NotificationType::EventWaitlist => ("waiting lists of events", "Wartelisten von Veranstaltungen"),
            NotificationType::ReportDecided => ("decided reports", "entschiedene Meldungen"),
            NotificationType::AccountSecurity => ("the security of your account", "die Sicherheit deines Kontos"),
            NotificationType::System => ("announcements", "Ankündigungen"),
        };
        if self.tag == DE.tag { de } else { en }
    }

    /// A moment by the clocks of the recipient: `1 December, 08:05`.
    pub fn moment(&self, zone: &TimeZone, at: Timestamp) -> String {
        let LocalTime { day, hour, minute } = zone.local(at);
        let month = self.months.get(usize::from(day.month()).saturating_sub(1)).copied().unwrap_or_default();
        self.moment
            .replace("{day}", &day.day().to_string())
            .replace("{month}", month)
            .replace("{time}", &format!("{hour:02}:{minute:02}"))
    }
}

#[cfg(test)]
mod tests {
    use clowder_core::Field;
    use serde_json::json;

    use super::*;

    #[test]
    fn both_languages_have_the_same_places_to_fill() {
        let texts = |words: &Words| {
            [
                words.hello,
                words.one_new,
                words.many_new,
                words.daily,
                words.weekly,
                words.one_more,
                words.many_more,
                words.why_types,
                words.why_digest,
                words.why_security,
                words.ask,
                words.ended,
            ]
            .map(|text| text.matches("{}").count())
        };
        assert_eq!(texts(&EN), texts(&DE));
        for words in [&EN, &DE] {
            let names: std::collections::BTreeSet<_> = NotificationType::all().map(|kind| words.name(kind)).collect();
            assert_eq!(names.len(), NotificationType::all().count(), "{}", words.tag);
            assert!(["{day}", "{month}", "{time}"].iter().all(|part| words.moment.contains(part)));
        }
    }

    #[test]
    fn numbers_and_lists_read_well() {
        let types = |kinds: &[NotificationType]| Unsubscribe::of(kinds.iter().copied()).unwrap();
        let (mention, reply) = (NotificationType::MessageMention, NotificationType::MessageReply);
        assert_eq!(
            (EN.so_many_new(1).as_str(), EN.so_many_new(2).as_str()),
            ("1 new notification", "2 new notifications")
        );
        assert_eq!(DE.summary(Rhythm::Weekly, 7), "Deine wöchentliche Zusammenfassung: 7 ungelesen");
        assert_eq!(EN.ask(&types(&[mention])), "No more emails about: mentions?");
        assert_eq!(EN.ask(&types(&[mention, reply])), "No more emails about: mentions and replies?");
        let three = types(&[mention, reply, NotificationType::FriendRequest]);
        assert!(DE.ended(&three).contains("Freundschaftsanfragen, Erwähnungen und Antworten"), "{}", DE.ended(&three));
        // What a name contains is not filled in again.
        assert_eq!(EN.hello("{} {}"), "Hello {} {},");
    }

    #[test]
    fn times_are_those_of_the_recipient() {
        let zone = |name: &str| TimeZone::parse(json!(name)).unwrap();
        for (words, name, at, text) in [
            (&EN, "UTC", "2026-12-01T07:05:00Z", "1 December, 07:05"),
            (&DE, "Europe/Berlin", "2026-12-01T07:05:00Z", "1. Dezember, 08:05"),
            (&DE, "Europe/Berlin", "2026-10-25T00:30:00Z", "25. Oktober, 02:30"),
            (&DE, "Europe/Berlin", "2026-10-25T01:30:00Z", "25. Oktober, 02:30"),
            (&EN, "Pacific/Kiritimati", "2026-12-31T23:00:00Z", "1 January, 13:00"),
        ] {
            assert_eq!(words.moment(&zone(name), at.parse().unwrap()), text);
        }
    }
}
