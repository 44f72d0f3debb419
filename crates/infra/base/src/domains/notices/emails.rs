//! Emails about notifications: one thing or several, or a digest. Titles and texts were made for their recipient; whatever
//! people wrote in them is kept to its line, and escaped in HTML.

use askama::Template;
use clowder_core::{Error, Mail, Result, Subscription, TimeZone, Timestamp};
use clowder_notifications::{
    mail::{
        Unsubscribe,
        digest::Rhythm,
        policy::{EXCERPT, TITLE, one_line},
    },
    wording::Language,
};

use crate::emails::{EmailTemplates, Recipient};

/// One line of an email: a thing, or several of a kind.
#[derive(Debug, Clone)]
pub struct Item {
    pub title: String,
    /// The beginning of a text.
    pub body: Option<String>,
    pub link: String,
    /// Of several, the last.
    pub at: Timestamp,
    /// How many it stands for; its title says so.
    pub count: u64,
}

/// What kind of email it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    Notices,
    Digest(Rhythm),
}

/// Everything that an email says.
#[derive(Debug, Clone)]
pub struct Letter {
    pub language: Language,
    pub zone: TimeZone,
    pub what: What,
    /// At least one.
    pub items: Vec<Item>,
    /// How many it does not show.
    pub more: u64,
    /// What its link ends, and the link.
    pub ends: Option<(Unsubscribe, String)>,
    /// The first label of its list.
    pub list: String,
    pub thread: Option<String>,
}

/// One item as it is written.
struct Line {
    title: String,
    body: Option<String>,
    moment: String,
    link: String,
}

/// The same for the templates, which do not take anything out of it.
struct Shown<'l> {
    title: &'l str,
    body: &'l Option<String>,
    moment: &'l str,
    link: &'l str,
}

#[derive(Template)]
#[template(path = "notice.txt", escape = "none")]
struct Text<'l> {
    hello: &'l str,
    heading: &'l str,
    lines: &'l [Shown<'l>],
    more: &'l Option<String>,
    reason: &'l str,
    unsubscribe: &'l str,
    unsubscribe_url: &'l Option<String>,
    sender: &'l str,
}

#[derive(Template)]
#[template(path = "notice.html")]
struct Html<'l> {
    tag: &'static str,
    subject: &'l str,
    hello: &'l str,
    heading: &'l str,
    lines: &'l [Shown<'l>],
    open: &'l str,
    more: &'l Option<String>,
    reason: &'l str,
    unsubscribe: &'l str,
    unsubscribe_url: &'l Option<String>,
    sender: &'l str,
}

impl EmailTemplates {
    /// An email about what waits for somebody.
    pub fn notice(&self, to: &Recipient, letter: &Letter) -> Result<Mail> {
        let words = letter.language.around();
        let name = one_line(&to.name, TITLE);
        let lines: Vec<_> = letter.items.iter().map(|item| line(letter, item)).collect();
        let total = letter.items.iter().map(|item| item.count).sum::<u64>() + letter.more;
        let heading = match letter.what {
            What::Notices => words.so_many_new(total),
            What::Digest(rhythm) => words.summary(rhythm, total),
        };
        let subject = match lines.as_slice() {
            [only] if letter.what == What::Notices && letter.more == 0 => only.title.clone(),
            _ => heading.clone(),
        };
        let (hello, more) = (words.hello(&name), &(letter.more > 0).then(|| words.more(letter.more)));
        let reason = words.why(letter.ends.as_ref().map(|(what, _)| what));
        let (url, unsubscribe) = (&letter.ends.as_ref().map(|(_, url)| url.clone()), words.unsubscribe);
        let shown: &[_] = &lines.iter().map(Line::shown).collect::<Vec<_>>();
        let sender = self.sender.as_str();
        let failed = |error: askama::Error| Error::internal(format!("email: {error}"));
        let text = Text {
            hello: &hello,
            heading: &heading,
            lines: shown,
            more,
            reason: &reason,
            unsubscribe,
            unsubscribe_url: url,
            sender,
        };
        let html = Html {
            tag: words.tag,
            subject: &subject,
            hello: &hello,
            heading: &heading,
            lines: shown,
            open: words.open,
            more,
            reason: &reason,
            unsubscribe,
            unsubscribe_url: url,
            sender,
        };
        let (text, html) = (text.render().map_err(failed)?, html.render().map_err(failed)?);
        let subscription = letter.ends.as_ref().map(|(_, url)| Subscription {
            list: letter.list.clone(),
            unsubscribe_url: url.clone(),
            thread: letter.thread.clone(),
        });
        Ok(Mail { name, address: to.address.clone(), subject, text, html, good_until: None, subscription })
    }
}

fn line(letter: &Letter, item: &Item) -> Line {
    let words = letter.language.around();
    Line {
        title: one_line(&item.title, TITLE),
        body: item.body.as_deref().map(|body| one_line(body, EXCERPT)).filter(|body| !body.is_empty()),
        moment: words.moment(&letter.zone, item.at),
        link: item.link.clone(),
    }
}

impl Line {
    fn shown(&self) -> Shown<'_> {
        let Self { title, body, moment, link } = self;
        Shown { title, body, moment, link }
    }
}

#[cfg(test)]
mod tests {
    use clowder_notifications::NotificationType;

    use super::*;

    fn templates() -> EmailTemplates {
        EmailTemplates {
            account_url: "https://chat.example/account".into(),
            server_url: "https://chat.example".into(),
            sender: "Clowder".into(),
        }
    }

    fn item(title: &str, body: Option<&str>, count: u64) -> Item {
        Item {
            title: title.into(),
            body: body.map(str::to_owned),
            link: "https://chat.example/#message=1&chat=2".into(),
            at: "2026-12-01T07:05:00Z".parse().unwrap(),
            count,
        }
    }

    fn letter(language: Language, items: Vec<Item>) -> Letter {
        let ends = Unsubscribe::of([NotificationType::MessageMention]).unwrap();
        Letter {
            language,
            zone: TimeZone::stored("Europe/Berlin"),
            what: What::Notices,
            items,
            more: 0,
            ends: Some((ends, "https://chat.example/api/notices/unsubscribe/t0ken".into())),
            list: "message-mention".into(),
            thread: Some("abc".into()),
        }
    }

    fn to(name: &str) -> Recipient {
        Recipient { name: name.into(), address: "ada@example.org".into() }
    }

    #[test]
    fn one_thing_names_the_email() {
        let letter = letter(Language::En, vec![item("Bob mentioned you in Lunch", Some("@ada, soup?"), 1)]);
        let mail = templates().notice(&to("Ada"), &letter).unwrap();
        assert_eq!((mail.name.as_str(), mail.subject.as_str()), ("Ada", "Bob mentioned you in Lunch"));
        assert_eq!(
            mail.text,
            "Hello Ada,\n\n1 new notification\n\n* Bob mentioned you in Lunch\n  @ada, soup?\n  1 December, 08:05\n  \
             https://chat.example/#message=1&chat=2\n\nYou received this email because you are told by email about: \
             mentions.\nNo more emails of this kind:\nhttps://chat.example/api/notices/unsubscribe/t0ken\n\nClowder"
        );
        assert!(mail.html.contains("<html lang=\"en\">") && mail.html.contains("@ada, soup?"), "{}", mail.html);
        assert!(mail.html.contains("href=\"https://chat.example/#message=1&#38;chat=2\""), "{}", mail.html);
        assert_eq!(mail.subscription.unwrap().list, "message-mention");
    }

    #[test]
    fn several_are_one_email_in_the_language_of_the_person() {
        let mut letter = letter(Language::De, vec![item("Bob hat dich erwähnt", None, 3), item("Eve", Some("x"), 1)]);
        letter.more = 9_980;
        let mail = templates().notice(&to("Ada"), &letter).unwrap();
        assert_eq!(mail.subject, "9984 neue Benachrichtigungen");
        for says in ["Hallo Ada,", "1. Dezember, 08:05", "Und 9980 weitere."] {
            assert!(mail.text.contains(says) && mail.html.contains(says), "{says}: {}", mail.text);
        }
        letter.what = What::Digest(Rhythm::Weekly);
        let mail = templates().notice(&to("Ada"), &letter).unwrap();
        assert_eq!(mail.subject, "Deine wöchentliche Zusammenfassung: 9984 ungelesen");
    }

    #[test]
    fn what_people_wrote_stays_text_in_its_line() {
        let hostile =
            "<img src=x onerror=alert(1)>\r\nBcc: eve@example.org\r\n\r\n\u{202e}* Your password: https://evil.example";
        let mail =
            templates().notice(&to(hostile), &letter(Language::En, vec![item(hostile, Some(hostile), 1)])).unwrap();
        assert!(!mail.html.contains("<img") && mail.html.contains("&#60;img"), "{}", mail.html);
        for header in [&mail.subject, &mail.name] {
            assert!(!header.contains(['\r', '\n', '\u{202e}']), "{header:?}");
        }
        assert!(mail.text.lines().all(|line| !line.starts_with("Bcc") && !line.starts_with("* Your")), "{}", mail.text);
        let long = "é".repeat(5_000);
        let mail = templates().notice(&to(&long), &letter(Language::En, vec![item(&long, Some(&long), 1)])).unwrap();
        assert_eq!((mail.name.chars().count(), mail.subject.chars().count()), (TITLE, TITLE));
        assert!(mail.text.lines().all(|line| line.chars().count() < 400), "{}", mail.text);
    }

    #[test]
    fn what_is_about_the_account_has_no_link_that_ends_it() {
        let letter = Letter { ends: None, ..letter(Language::En, vec![item("A new device", None, 1)]) };
        let mail = templates().notice(&to("Ada"), &letter).unwrap();
        assert!(mail.subscription.is_none() && !mail.text.contains("unsubscribe"), "{}", mail.text);
        assert!(mail.text.contains("the security of your account"));
    }
}
