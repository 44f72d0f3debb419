//! Any octets are a form or none, and the same one in pieces of any size: the reader never panics.
#![no_main]

use clowder_gateway::upload::{Malformed, Parts, Step};
use libfuzzer_sys::fuzz_target;

/// The parts, each with its head and its content, whether the last boundary has come, and what is wrong.
type Seen = (Vec<(String, Vec<u8>)>, bool, Option<Malformed>);

fn read(form: &[u8], size: usize) -> Seen {
    let mut seen = (Vec::new(), false, None);
    let Ok(mut parts) = Parts::new("b") else { return seen };
    for piece in form.chunks(size) {
        parts.feed(piece.to_vec().into());
        loop {
            match parts.step() {
                Ok(Some(Step::Part(head))) => seen.0.push((format!("{head:?}"), Vec::new())),
                Ok(Some(Step::Content(more))) => {
                    assert!(!more.is_empty());
                    seen.0.last_mut().into_iter().for_each(|(_, content)| content.extend_from_slice(&more));
                }
                Ok(Some(Step::PartEnds)) => {}
                Ok(Some(Step::End)) => seen.1 = true,
                Ok(None) => break,
                Err(malformed) => {
                    seen.2 = Some(malformed);
                    return seen;
                }
            }
        }
    }
    seen
}

fuzz_target!(|input: (u8, &[u8])| {
    let (size, form) = input;
    assert!(read(form, form.len().max(1)) == read(form, usize::from(size).max(1)));
});
