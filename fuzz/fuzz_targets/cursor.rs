//! Any octets are a place or none, and a place survives its cursor; any text that the server has not sealed opens nothing.
#![no_main]

use clowder_gateway::ws::{Place, Sealer};
use clowder_infra::keys::Keys;
use libfuzzer_sys::fuzz_target;
use uuid::Uuid;

fuzz_target!(|octets: &[u8]| {
    let (sealer, epoch) = (Sealer::new(&Keys::new("secret")), Uuid::nil());
    if let Some(place) = Place::unpack(epoch, octets) {
        let cursor = sealer.seal(&place.pack());
        assert_eq!(sealer.open(epoch, &cursor), Some(place));
    }
    if let Ok(text) = std::str::from_utf8(octets) {
        assert_eq!(sealer.open(epoch, text), None);
    }
});
