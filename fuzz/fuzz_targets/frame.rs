//! Any text on a socket becomes a request or an error: the decoder never panics.
#![no_main]

use clowder_gateway::ws::Request;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = Request::parse(text);
});
