//! Tables of days, offsets and counts.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use clowder_core::{Id, Recorded, Topic, UserId};
use serde_json::{json, value::to_raw_value};

use super::*;
use crate::CHAT;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

fn offset(text: &str) -> UtcOffset {
    UtcOffset::parse(text).unwrap()
}

fn id<T>(number: u128) -> Id<T> {
    Id::from_uuid(uuid::Uuid::from_u128(number))
}

fn sent(seq: i64, sender: u128, time: &str) -> Sent {
    Sent { chat: id(1), seq, sender: Some(UserId::from_uuid(id::<()>(sender).uuid())), at: at(time) }
}

#[test]
fn days_are_read_and_written() {
    for text in ["1970-01-01", "2026-09-20", "2024-02-29", "1969-12-31", "9999-12-31", "0001-01-01"] {
        assert_eq!(day(text).to_string(), text);
    }
    assert_eq!((day("1970-01-01"), day("1970-01-02")), (Day(0), Day(1)));
    for wrong in ["", "2026-02-30", "2026-9-20", "20260920", "2026-09-20T", "+026-09-20", "2026-09-20 ", "yesterday"] {
        assert_eq!(Day::parse(wrong), None, "{wrong}");
    }
    for (time, zone, expected) in [
        ("2026-09-20T23:59:59Z", "Z", "2026-09-20"),
        ("2026-09-20T23:59:59Z", "+00:15", "2026-09-21"),
        ("2026-09-20T18:30:00Z", "+05:30", "2026-09-21"),
        ("2026-09-20T18:29:59Z", "+05:30", "2026-09-20"),
        ("2026-09-20T02:00:00Z", "-03:00", "2026-09-19"),
        ("1969-12-31T23:00:00Z", "Z", "1969-12-31"),
    ] {
        assert_eq!(Day::of(at(time), offset(zone)).to_string(), expected, "{time} {zone}");
    }
}

#[test]
fn offsets_are_quarters_of_an_hour() {
    for (text, written) in [
        ("Z", "+00:00"),
        ("+00:00", "+00:00"),
        ("-00:00", "+00:00"),
        ("+05:30", "+05:30"),
        (" 05:45", "+05:45"),
        ("-03:30", "-03:30"),
        ("+14:00", "+14:00"),
        ("-12:00", "-12:00"),
    ] {
        assert_eq!(offset(text).to_string(), written);
    }
    for wrong in [
        "",
        "z",
        "05:30",
        "+5:30",
        "+05:10",
        "+05:60",
        "+14:15",
        "-12:15",
        "+0530",
        "+05:3x",
        "+-1:00",
        "Europe/Berlin",
        "ä05:30",
    ] {
        assert_eq!(UtcOffset::parse(wrong), None, "{wrong}");
    }
    for (text, start) in
        [("Z", (0, 0)), ("+02:00", (-1, 88)), ("-02:00", (0, 8)), ("+14:00", (-1, 40)), ("-12:00", (0, 48))]
    {
        assert_eq!(offset(text).start(), start, "{text}");
    }
}

#[test]
fn periods_are_not_endless() {
    let now = at("2026-09-20T23:30:00Z");
    let of = |from: Option<&str>, to: Option<&str>, zone: &str| {
        let period = Period::of(now, from.map(day), to.map(day), offset(zone))?;
        Some((period.from.to_string(), period.to.to_string()))
    };
    for (from, to, zone, expected) in [
        (None, None, "Z", Some(("2026-08-22", "2026-09-20"))),
        (None, None, "+01:00", Some(("2026-08-23", "2026-09-21"))),
        (Some("2026-01-01"), None, "Z", Some(("2026-01-01", "2026-01-30"))),
        (None, Some("2026-01-30"), "Z", Some(("2026-01-01", "2026-01-30"))),
        (Some("2026-01-01"), Some("2026-01-01"), "Z", Some(("2026-01-01", "2026-01-01"))),
        (Some("2025-01-01"), Some("2026-01-01"), "Z", Some(("2025-01-01", "2026-01-01"))),
        (Some("2025-01-01"), Some("2026-01-02"), "Z", None),
        (Some("2026-01-02"), Some("2026-01-01"), "Z", None),
        (Some("9999-12-31"), None, "Z", Some(("9999-12-31", "9999-12-31"))),
        (Some("9999-12-03"), None, "-12:00", Some(("9999-12-03", "9999-12-31"))),
    ] {
        let expected = expected.map(|(from, to): (&str, &str)| (from.to_owned(), to.to_owned()));
        assert_eq!(of(from, to, zone), expected, "{from:?} {to:?}");
    }
}

#[test]
fn answers_are_of_other_people_and_within_a_day() {
    let message = sent(5, 1, "2026-09-20T12:00:00Z");
    let before = |seq, sender, time| Some(sent(seq, sender, time));
    let system = Some(Sent { sender: None, ..sent(4, 2, "2026-09-20T11:59:00Z") });
    for (before, expected) in [
        (before(4, 2, "2026-09-20T11:59:00Z"), Some(60)),
        (before(4, 2, "2026-09-20T12:00:00Z"), Some(0)),
        (before(4, 2, "2026-09-19T12:00:00Z"), Some(86_400)),
        (before(4, 2, "2026-09-19T11:59:59Z"), None),
        (before(4, 1, "2026-09-20T11:59:00Z"), None),
        (before(3, 2, "2026-09-20T11:59:00Z"), None),
        (system, None),
        (None, None),
    ] {
        assert_eq!(answer_of(&message, before.as_ref()), expected.map(Duration::from_secs), "{before:?}");
    }
    let by_system = Sent { sender: None, ..message };
    assert_eq!(answer_of(&by_system, before(4, 2, "2026-09-20T11:59:00Z").as_ref()), None);
}

#[test]
fn what_is_taken_away_was_never_there() {
    let mut counts = Counts::default();
    let (one, other) = (sent(1, 1, "2026-09-20T12:14:59Z"), sent(2, 2, "2026-09-20T12:15:00Z"));
    let answer = answer_of(&other, Some(&one));
    counts.count(&one, None, 1);
    let before = counts.clone();
    counts.count(&other, answer, 1);
    assert_eq!(counts.quarters, BTreeMap::from([(48, 1), (49, 1)]));
    assert_eq!(counts.answers.summary().answers, 1);
    let stored: Counts = serde_json::from_str(&serde_json::to_string(&counts).unwrap()).unwrap();
    assert_eq!(stored, counts);
    counts.count(&other, answer, -1);
    assert_eq!(counts, before);
    counts.count(&one, None, -1);
    assert_eq!(counts, Counts::default());
    counts.count(&one, Some(Duration::ZERO), -1);
    assert_eq!(counts, Counts::default(), "not below nothing");
    counts.count(&Sent { sender: None, ..one }, None, 1);
    assert_eq!(counts, Counts::default(), "what the server says does not count");
}

#[test]
fn response_times_are_summed_up() {
    let mut counts = Counts::default();
    assert_eq!(counts.answers.summary().median_within_seconds, None);
    for seconds in [1, 10, 11, 4_000] {
        counts.count(&sent(1, 1, "2026-09-20T12:00:00Z"), Some(Duration::from_secs(seconds)), 1);
    }
    let summary = counts.answers.summary();
    assert_eq!((summary.answers, summary.mean_seconds), (4, Some(1_005.5)));
    assert_eq!(summary.median_within_seconds, Some(10));
    let steps: Vec<_> = summary.distribution.iter().map(|step| (step.within_seconds, step.answers)).collect();
    assert_eq!((steps[0], steps[1], steps[8]), ((10, 2), (30, 1), (10_800, 1)));
}

#[test]
fn a_report_is_in_the_time_zone_that_was_asked_for() {
    let mut first = Counts::default();
    for (time, times) in [("2026-09-19T18:29:00Z", 1), ("2026-09-19T18:30:00Z", 2), ("2026-09-19T23:00:00Z", 3)] {
        for seq in 0..times {
            first.count(&sent(seq, 1, time), None, 1);
        }
    }
    first.reactions = BTreeMap::from([("👍".to_owned(), 2), ("🦀".to_owned(), 2), ("❤️".to_owned(), 3)]);
    let mut second = Counts::default();
    second.count(&sent(1, 1, "2026-09-20T18:30:00Z"), None, 1);
    second.reactions = BTreeMap::from([("👍".to_owned(), 2)]);
    let stored = Stored {
        days: vec![(day("2026-09-19"), first), (day("2026-09-20"), second)],
        people: vec![(day("2026-09-20"), 2), (day("2027-01-01"), 9)],
        all_people: 2,
        counted_seq: 7,
    };
    for (zone, days, busiest) in [
        ("Z", [("2026-09-19", 6), ("2026-09-20", 1), ("2026-09-21", 0)], vec![18, 23]),
        ("+05:30", [("2026-09-19", 1), ("2026-09-20", 5), ("2026-09-21", 1)], vec![0, 4, 23]),
        ("-12:00", [("2026-09-19", 6), ("2026-09-20", 1), ("2026-09-21", 0)], vec![6, 11]),
    ] {
        let period = Period { from: day("2026-09-19"), to: day("2026-09-21"), offset: offset(zone) };
        let report = report(id(1), period, &stored);
        let told: Vec<_> = report.days.iter().map(|day| (day.day.as_str(), day.messages)).collect();
        assert_eq!((told, report.messages), (days.to_vec(), 7), "{zone}");
        assert_eq!(report.busiest_hours, busiest, "{zone}");
        assert_eq!(report.hours.iter().map(|hour| hour.messages).sum::<i64>(), 7);
        assert_eq!((report.days[1].people, report.people, report.counted_seq), (2, 2, 7));
        let top: Vec<_> = report.top_reactions.iter().map(|top| (top.emoji.as_str(), top.count)).collect();
        assert_eq!(top, [("👍", 4), ("❤️", 3), ("🦀", 2)]);
    }
    let outside = Period { from: day("2026-09-20"), to: day("2026-09-20"), offset: UtcOffset::UTC };
    let report = report(id(1), outside, &stored);
    assert_eq!((report.messages, report.days.len(), report.top_reactions.len()), (1, 1, 1));
}

#[test]
fn of_changes_only_those_of_messages_count() {
    let recorded = |topic: Topic, name: &str, data: serde_json::Value| Recorded {
        stream: 0,
        position: 1,
        topic,
        name: name.into(),
        actor: None,
        subject: None,
        follow: None,
        seq: None,
        at: at("2026-09-20T12:00:00Z"),
        data: Arc::from(to_raw_value(&data).unwrap()),
    };
    let (chat, user): (ChatId, UserId) = (id(1), id(7));
    let place = json!({"chat_id": chat, "seq": 3, "emoji": "👍"});
    let message = |kind: &str| json!({"chat_id": chat, "seq": 3, "type": kind, "sender": {"id": user}, "created_at": "2026-09-20T12:00:00Z"});
    let sent = |sender| Some(Seen::Sent(Sent { chat, seq: 3, sender, at: at("2026-09-20T12:00:00Z") }));
    let own = Topic::new(CHAT, chat);
    for (topic, name, data, expected) in [
        (own, "message.sent", message("text"), sent(Some(user))),
        (own, "message.sent", message("system"), sent(None)),
        (own, "message.sent", json!(null), None),
        (own, "message.sent", message("hologram"), sent(Some(user))),
        (own, "message.updated", message("text"), None),
        (own, "message.deleted", place.clone(), Some(Seen::Deleted { chat, seq: 3 })),
        (own, "reaction.added", place.clone(), Some(Seen::Reacted { chat, seq: 3 })),
        (own, "reaction.removed", place.clone(), Some(Seen::Reacted { chat, seq: 3 })),
        // What somebody's own devices are told is told to the chat, too.
        (Topic::user(user), "reaction.added", place, None),
    ] {
        assert_eq!(seen(&recorded(topic, name, data)), expected, "{name}");
    }
}
