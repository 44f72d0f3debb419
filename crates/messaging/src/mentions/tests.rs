//! The tables of whom a message mentions.

use clowder_core::{Id, Timestamp};

use super::*;
use crate::{
    ChatType,
    policy::{Action, Seat, may},
};

#[test]
fn may_mention_all_is_what_the_policy_says() {
    for kind in [ChatType::Private, ChatType::Group, ChatType::Channel] {
        for role in [ChatRole::Owner, ChatRole::Admin, ChatRole::Member, ChatRole::Subscriber] {
            for mention_all in [false, true] {
                let is_possible = match kind {
                    ChatType::Private => role == ChatRole::Member && !mention_all,
                    ChatType::Group => role != ChatRole::Subscriber,
                    ChatType::Channel => true,
                };
                let rights = Rights { mention_all, ..Rights::of(kind) };
                let seat = Seat { kind, role, rights, of_group: false };
                if is_possible {
                    assert_eq!(may_mention_all(role, rights), may(seat, Action::MentionAll), "{seat:?}");
                }
            }
        }
    }
}

#[test]
fn resolve_table() {
    let [ada, bob, eve]: [UserId; 3] = std::array::from_fn(|_| Id::new(Timestamp::from_micros(1)));
    let find = |name: &str| match name.to_lowercase().as_str() {
        "ada" => Some(ada),
        "bob" => Some(bob),
        "eve" => Some(eve),
        _ => None,
    };
    for (text, given, may_all, expected, entities) in [
        ("hello", vec![], true, vec![], 0),
        ("@ada and @bob", vec![], true, vec![ada, bob], 2),
        ("@Ada @ada", vec![], true, vec![ada], 2),
        ("@nobody @eve", vec![], true, vec![], 0),
        ("@bob", vec![ada, bob, ada], true, vec![bob, ada], 1),
        ("hello", vec![eve, ada], true, vec![ada], 0),
        ("@all #tag", vec![], true, vec![], 2),
        ("@all #tag", vec![], false, vec![], 1),
        ("@ada你好", vec![], false, vec![ada], 1),
    ] {
        let wanted = Wanted::of(text, &given, str::to_lowercase);
        // Eve is in the chat, and does not see the message.
        let marks = Marks::resolve(text, &wanted, find, |user| user != eve, may_all);
        assert_eq!((marks.people, marks.entities.len()), (expected, entities), "{text}");
    }
}

#[test]
fn entities_show_what_they_name() {
    let ada: UserId = Id::new(Timestamp::from_micros(1));
    let text = "👍 @ada你好 see https://example.org/#x #Lunch";
    let wanted = Wanted::of(text, &[], str::to_owned);
    let marks = Marks::resolve(text, &wanted, |name| (name == "ada").then_some(ada), |_| true, true);
    let expected = serde_json::json!([
        {"type": "mention", "offset": 2, "length": 4, "user_id": ada},
        {"type": "link", "offset": 13, "length": 22, "url": "https://example.org/#x"},
        {"type": "hashtag", "offset": 36, "length": 6, "tag": "lunch"},
    ]);
    assert_eq!(serde_json::to_value(&marks.entities).unwrap(), expected);
    let stored = serde_json::to_string(&Marked::of(&marks.entities, &marks.people)).unwrap();
    let expected = r#"{"people":1,"entities":[["mention",2,4,0],["link",13,22,null],["hashtag",36,6,null]]}"#;
    assert_eq!(stored, expected, "no copy of the text, and nobody's id");
    let stored: Marked = serde_json::from_str(&stored).unwrap();
    assert_eq!(stored.entities(text, |place| (place == 0).then_some(ada)), marks.entities);
    assert_eq!(stored.entities(text, |_| None).len(), 2, "whoever is erased is mentioned no more");
    assert_eq!(Marked::of(&[], &[]), None);
}
