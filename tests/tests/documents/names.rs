//! The patterns of names accept exactly what the server accepts: both check the same generated names.

use clowder_core::{
    Field, Name,
    name::{is_digit, is_letter, is_mark},
    text,
};
use clowder_tests::World;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};

use super::documents;
use crate::OpenApi;

/// The characters of names, valid and invalid: letters and marks of several scripts, digits, emoji, joiners, selectors,
/// tags, spaces, controls, private use, noncharacters, and anything else.
fn signs() -> impl Strategy<Value = char> {
    let telling: Vec<char> = "aZ9_.-#* é\u{301}\u{300}µªº·×ßяम\u{93f}\u{94d}ก\u{e33}مخ山김א👍❤👩🏴½²Ⓐ\u{a0}\u{3000}\t\n\0\u{85}\u{9f}\u{2028}\u{2029}\
        \u{ad}\u{34f}\u{61c}\u{115f}\u{17b4}\u{180b}\u{180e}\u{200b}\u{200c}\u{200d}\u{200e}\u{202e}\u{2060}\u{2066}\u{20e3}\u{2800}\u{3164}\u{e000}\u{f8ff}\
        \u{fdd0}\u{fe0f}\u{fe00}\u{feff}\u{ffa0}\u{fff9}\u{fffc}\u{fffd}\u{ffff}\u{1d173}\u{e0001}\u{e0067}\u{e007f}\u{e0100}\u{10ffff}"
        .chars()
        .collect();
    prop_oneof![4 => proptest::sample::select(telling), 1 => any::<char>()]
}

/// Letters that are newer than the Unicode tables of the engine that reads the patterns. Scripts are added every year, and
/// the server's tables and an engine's are never of one age; the document says so.
fn newer_than_the_engine() -> impl Fn(char) -> bool {
    let unassigned = jsonschema::validator_for(&json!({ "pattern": "^\\p{Cn}$" })).unwrap();
    move |c| (is_letter(c) || is_mark(c) || is_digit(c)) && unassigned.is_valid(&json!(c.to_string()))
}

fn holds(api: &OpenApi, schema: &str, member: &str, takes: impl Fn(Value) -> bool) {
    let validator = api.exact_validator_of(&format!("/components/schemas/{schema}/properties/{member}"));
    let mut runner = TestRunner::new(Config { cases: 4_000, failure_persistence: None, ..Config::default() });
    let names = proptest::collection::vec(signs(), 1..12).prop_map(|signs| signs.into_iter().collect::<String>());
    let is_newer = newer_than_the_engine();
    let names = names.prop_filter("newer than the engine", move |name| !name.chars().any(&is_newer));
    // As the server stores it: normalised and trimmed.
    let names = names.prop_filter_map("nothing", |name| text::line(&name, 1, 99).ok().or(Some(name)));
    runner
        .run(&names, |name| {
            let (schema, server) = (validator.is_valid(&json!(name)), takes(json!(name)));
            prop_assert_eq!(schema, server, "{}.{}: {}", schema, member, name.escape_unicode());
            Ok(())
        })
        .unwrap();
}

#[test]
fn only_new_letters_are_left_out() {
    let is_newer = newer_than_the_engine();
    assert!("aßя\u{301}\u{93f}ก٣\u{20000}".chars().all(|c| !is_newer(c)));
    assert!("\u{fdd0}\u{ffff}\u{e000} .👍".chars().all(|c| !is_newer(c)), "what is no letter is always compared");
}

#[tokio::test]
async fn patterns_say_what_the_server_takes() {
    let world = World::shared_on_sqlite(&[]).await;
    let (api, _) = documents(&world).await;
    holds(&api, "NewAccount", "username", |name| clowder_accounts::Username::parse(name).is_ok());
    holds(&api, "ProfilePatch", "display_name", |name| Name::<80>::parse(name).is_ok());
    holds(&api, "NewChat", "title", |name| Name::<120>::parse(name).is_ok());
}
