//! Any query string gives a value or a fault: the readers never panic.
#![no_main]

use clowder_core::Role;
use clowder_gateway::query::Query;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut query = Query::parse(text);
    let page = query.page();
    assert!((1..=200).contains(&page.limit));
    assert_eq!(page.cursor, None, "no list has made one");
    assert!(query.text("q").is_none_or(|text| text.chars().count() <= 200));
    assert!(query.number("n", 3).is_none_or(|number| number >= 3));
    let _ = (query.flag("f"), query.word::<Role>("w"));
    let _ = query.check();
});
