//! Whatever text arrives on a socket, it becomes a request or nothing: the decoder never panics.
#![no_main]

use clowder_gateway::ws::Request;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = Request::parse(text);
});
