//! Any file is of some type, however it arrives, and its headers are read or refused: neither panics. What is left of an
//! image without its metadata is an image of the same size, and is left as it is the second time.
#![no_main]

use clowder_infra::inspect::headers;
use clowder_media::sniff::{Sniffer, sniff};
use libfuzzer_sys::fuzz_target;

const IMAGES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];

fuzz_target!(|content: &[u8]| {
    let found = sniff(content);
    let mut sniffer = Sniffer::default();
    content.chunks(7).for_each(|piece| sniffer.push(piece));
    assert_eq!(sniffer.end(), found);
    // Its metadata is blanked out where the file says that it is, which may be anywhere.
    let _ = headers(content, "image/heic");
    for media_type in IMAGES {
        let Ok(first) = headers(content, media_type) else { continue };
        let Ok(again) = headers(&first.clean, media_type) else { panic!("{media_type}: it cannot be read any more") };
        assert_eq!((first.width, first.height, first.frames), (again.width, again.height, again.frames));
        assert!(first.clean == again.clean, "{media_type}: something was left");
    }
});
