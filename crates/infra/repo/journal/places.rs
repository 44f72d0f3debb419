//! Changes by their places, for whoever has noted where they are and keeps no copy of what they say.

use std::collections::BTreeMap;

use clowder_core::{Positions, Recorded, Result};

use super::{
    super::{
        batch,
        dialect::{Conn, STREAMS},
    },
    entry, look, replay,
};
use crate::segments::{KnownSegments, Span};

/// The readable changes at these places of streams, in any order. Those that were swept are left out.
pub fn changes_at(conn: &mut Conn, known: &KnownSegments, places: &[(i16, i64)]) -> Result<Vec<Recorded>> {
    let mut reached = Positions::new(vec![0; STREAMS]);
    for (stream, position) in places {
        reached.advance(replay::index(*stream)?, *position);
    }
    let mut segments = known.get();
    if !segments.cover(&reached) {
        segments = look(conn, known)?.1;
    }
    let mut together = BTreeMap::<(i32, i32), Vec<(i16, i64)>>::new();
    for (stream, position) in places {
        let span = segments.next(replay::index(*stream)?, *position - 1);
        together.entry((span.first, span.last)).or_default().push((*stream, *position));
    }
    let mut changes = Vec::with_capacity(places.len());
    for ((first, last), places) in together {
        for row in batch::journal::rows_at(conn, Span { first, last, ..Span::one(first) }, &places)? {
            changes.extend(entry(row)?.change);
        }
    }
    Ok(changes)
}
