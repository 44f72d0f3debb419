//! Whatever a file is called, its name leads nowhere, hides nothing, and fits into a header.
#![no_main]

use clowder_core::{Timestamp, UserId};
use clowder_media::{Content, Key, Purpose, file_name, showing::content_disposition};
use libfuzzer_sys::fuzz_target;
use uuid::Uuid;

fuzz_target!(|given: &str| {
    let name = file_name::of(given);
    assert!((1..=file_name::LONGEST).contains(&name.chars().count()), "{name:?}");
    assert!(!name.chars().any(|c| c.is_control() || matches!(c, '/' | '\\' | '\u{202a}'..='\u{202e}')), "{name:?}");
    assert!(!matches!(&*name, "." | ".."), "{name:?}");
    let content = Content {
        key: Key::new("files/a").unwrap(),
        name,
        purpose: Purpose::Attachment,
        kind: "text/plain".to_owned(),
        size: 1,
        tag: "a".to_owned(),
        created_at: Timestamp::from_micros(0),
        viewer: UserId::from_uuid(Uuid::nil()),
    };
    let header = content_disposition(&content);
    assert!(header.bytes().all(|octet| matches!(octet, b' '..=b'~')), "{header:?}");
    // Nothing in the name ends it.
    assert_eq!(header.matches('"').count(), 2, "{header:?}");
});
