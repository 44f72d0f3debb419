//! Tables of what a template says of a chat.

use clowder_core::{Input, UserId};
use serde_json::{Value, json};

use super::*;

fn template(body: Value) -> ChatTemplate {
    let now = Timestamp::from_micros(1_000);
    let id = ChatTemplateId::from_uuid(uuid::Uuid::from_u128(1));
    super::new(id, now, TemplateScope::Own, NewTemplate::from_json(body).unwrap())
}

fn pointers<T: std::fmt::Debug>(read: Result<T>) -> Vec<String> {
    match read {
        Err(Error::Invalid(errors)) => errors.into_iter().map(|error| error.pointer).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_new_template_is_like_a_new_chat() {
    let bare = template(json!({"name": "Project", "type": "group"}));
    assert_eq!((bare.name.as_str(), bare.title, bare.version), ("Project", None, 1));
    assert_eq!(bare.rights, Rights::of(ChatType::Group));
    assert_eq!((bare.visibility, bare.history), (ChatVisibility::Private, History::All));
    let full = template(json!({
        "name": "News", "type": "channel", "title": "News", "description": "What is new", "visibility": "public",
        "history": "since_join", "rights": {"post": false, "pin": true}, "lifetime": {"seconds": 60},
        "slow_seconds": 30,
    }));
    let told = serde_json::to_value(&full).unwrap();
    assert_eq!(
        (&told["type"], &told["slow_seconds"], &told["rights"]["pin"]),
        (&json!("channel"), &json!(30), &json!(true))
    );
    assert_eq!(serde_json::from_value::<ChatTemplate>(told).unwrap(), full);
}

#[test]
fn what_no_template_can_say_is_refused() {
    for (body, wrong) in [
        (json!({}), vec!["/name", "/type"]),
        (json!({"name": "x", "type": "private"}), vec!["/type"]),
        (json!({"name": " ", "type": "group"}), vec!["/name"]),
        (json!({"name": "x", "type": "group", "slow_seconds": -1}), vec!["/slow_seconds"]),
        (json!({"name": "x", "type": "group", "slow_seconds": 21_601}), vec!["/slow_seconds"]),
        (json!({"name": "x", "type": "group", "lifetime": {"seconds": 1}}), vec!["/lifetime/seconds"]),
        (json!({"name": "x", "type": "group", "rights": {"post": 1}}), vec!["/rights/post"]),
        (json!({"name": "x", "type": "group", "title": "a\nb"}), vec!["/title"]),
    ] {
        assert_eq!(pointers(NewTemplate::from_json(body.clone())), wrong, "{body}");
    }
}

#[test]
fn edits_change_what_they_name() {
    let before = template(json!({"name": "Project", "type": "group", "title": "T", "lifetime": {"seconds": 60}}));
    let edited = |patch: Value, version: Option<i64>| {
        edit(&before, version.map(Versions::from).as_ref(), TemplatePatch::from_json(patch).unwrap())
    };
    assert_eq!(edited(json!({}), None).unwrap(), None);
    assert_eq!(edited(json!({"name": "Project", "title": "T"}), Some(1)).unwrap(), None);
    let after = edited(json!({"title": null, "lifetime": null, "rights": {"pin": true}}), Some(1)).unwrap().unwrap();
    assert_eq!((after.version, &after.title, after.lifetime), (2, &None, None));
    assert_eq!(after.rights, Rights { pin: true, ..Rights::of(ChatType::Group) });
    let stale = edited(json!({"name": "Other"}), Some(2)).unwrap_err();
    assert!(matches!(stale, Error::Stale { refusal: CHAT_TEMPLATE_STALE, current: 1 }));
}

#[test]
fn a_chat_has_what_its_template_says_and_what_its_creator_says_first() {
    let ada = UserId::from_uuid(uuid::Uuid::from_u128(7));
    let titled = template(json!({"name": "x", "type": "group", "title": "T", "description": "D", "slow_seconds": 9}));
    let bare = template(json!({"name": "x", "type": "channel"}));
    let from = |body: Value| NewFromTemplate::from_json(body).unwrap();
    let told = |template: &ChatTemplate, body: Value| {
        let (new, extras) = apply(template.clone(), from(body)).unwrap();
        let (title, description) =
            (new.title.unwrap().into_string(), new.description.map(clowder_core::Name::into_string));
        (title, description, new.participant_ids, extras.slow_seconds)
    };
    assert_eq!(told(&titled, json!({})), ("T".into(), Some("D".into()), vec![], 9));
    let other = json!({"title": "U", "description": "E", "participant_ids": [ada]});
    assert_eq!(told(&titled, other), ("U".into(), Some("E".into()), vec![ada], 9));
    assert_eq!(told(&bare, json!({"title": "U"})), ("U".into(), None, vec![], 0));
    assert_eq!(pointers(apply(bare.clone(), from(json!({})))), ["/title"]);
    assert!(may_add(MOST - 1).is_ok() && may_add(MOST).is_err());
}
