//! Which segment of the journal holds which position. On PostgreSQL a segment is a partition, so a query that names it
//! touches no other; on SQLite there is one.
//!
//! The segments of a stream only rise with its positions, and where a stream has left one never changes. So what is known
//! stays true within an epoch: a node that knows less than there is looks in more segments than needed, and never in too few.

use std::sync::{Arc, PoisonError, RwLock};

use clowder_core::Positions;
use uuid::Uuid;

/// Where the streams left which segments, as far as known.
#[derive(Debug, Clone, Default)]
pub struct Segments {
    /// By stream: each segment that it has left, with the last position in it, in order.
    left: Arc<Vec<Vec<(i32, i64)>>>,
    /// By stream: up to here, what it has written since is in one segment, the next one.
    heads: Vec<i64>,
}

/// Segments, and the last position that is in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub first: i32,
    pub last: i32,
    pub until: i64,
}

impl Span {
    /// This segment alone.
    pub const fn one(segment: i32) -> Self {
        Self { first: segment, last: segment, until: i64::MAX }
    }

    /// All segments from this one on.
    pub const fn from(first: i32) -> Self {
        Self { first, last: i32::MAX, until: i64::MAX }
    }

    /// The same, but no further than this position.
    pub fn up_to(self, position: i64) -> Self {
        Self { until: self.until.min(position), ..self }
    }

    /// The segment, if it can only be this one.
    pub fn only(self) -> Option<i32> {
        (self.first == self.last).then_some(self.first)
    }

    /// Both, and what lies between them.
    pub fn and(self, other: Self) -> Self {
        Self { first: self.first.min(other.first), last: self.last.max(other.last), until: self.until.max(other.until) }
    }
}

impl Segments {
    /// From streams, segments that they have left and the last positions in these, and how far they came by then.
    pub fn new(mut ends: Vec<(i16, i32, i64)>, heads: Vec<i64>) -> Self {
        ends.sort_unstable();
        let mut left: Vec<Vec<(i32, i64)>> = Vec::new();
        for (stream, segment, head) in ends {
            let Ok(stream) = usize::try_from(stream) else { continue };
            if left.len() <= stream {
                left.resize_with(stream + 1, Vec::new);
            }
            left[stream].push((segment, head));
        }
        Self { left: Arc::new(left), heads }
    }

    /// The same, when the streams have come this far and left nothing else.
    pub fn further(&self, heads: Vec<i64>) -> Self {
        Self { left: Arc::clone(&self.left), heads }
    }

    fn of(&self, stream: usize) -> &[(i32, i64)] {
        self.left.get(stream).map_or(&[], Vec::as_slice)
    }

    /// Whether a stream is known to have left a segment.
    pub fn has_left(&self, stream: usize, segment: i32) -> bool {
        self.of(stream).last().is_some_and(|(last, _)| segment <= *last)
    }

    /// Whether they know that the streams are in these segments.
    pub fn know(&self, segments: &[i32]) -> bool {
        let next = |stream| self.of(stream).last().map_or(0, |(segment, _)| segment + 1);
        segments.iter().enumerate().all(|(stream, segment)| next(stream) == *segment)
    }

    /// Whether it is known in which segments everything up to these positions is.
    pub fn cover(&self, to: &Positions) -> bool {
        let head = |stream| self.heads.get(stream).copied().unwrap_or(0);
        to.as_slice().iter().enumerate().all(|(stream, position)| *position <= head(stream))
    }

    /// Where what follows a position of a stream is: the segments which hold it, and the last position in these.
    pub fn next(&self, stream: usize, position: i64) -> Span {
        let left = self.of(stream);
        let at = left.partition_point(|(_, head)| *head <= position);
        let first = at.checked_sub(1).and_then(|before| left.get(before)).map_or(0, |(segment, _)| segment + 1);
        match (left.get(at), self.heads.get(stream)) {
            (Some((segment, head)), _) => Span { first, last: *segment, until: *head },
            (None, Some(head)) if position < *head => Span { first, last: first, until: *head },
            (None, _) => Span::from(first),
        }
    }

    /// The segments that may hold anything after `from` and up to `to`, in any stream; without `to`, up to the end.
    pub fn between(&self, from: &Positions, to: Option<&Positions>) -> Span {
        let mut all: Option<Span> = None;
        for (stream, position) in from.as_slice().iter().enumerate() {
            let first = self.next(stream, *position);
            let span = match to.map(|to| to.get(stream)) {
                Some(to) if to <= *position => continue,
                // The last position is where the one before it is followed.
                Some(to) => first.and(self.next(stream, to - 1)),
                None => Span::from(first.first),
            };
            all = Some(all.map_or(span, |all| all.and(span)));
        }
        all.unwrap_or(Span::from(0))
    }
}

/// What this process knows of the segments.
#[derive(Debug, Default)]
pub struct KnownSegments(RwLock<(Uuid, Arc<Segments>)>);

impl KnownSegments {
    pub fn get(&self) -> Arc<Segments> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner).1)
    }

    /// What is known of the journal with this epoch.
    pub fn of(&self, epoch: Uuid) -> Arc<Segments> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if known.0 == epoch { Arc::clone(&known.1) } else { Arc::default() }
    }

    /// What is set here by one that looked earlier is as true; it may only be less.
    pub fn set(&self, epoch: Uuid, segments: Segments) -> Arc<Segments> {
        let segments = Arc::new(segments);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = (epoch, Arc::clone(&segments));
        segments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(segment: i32, until: i64) -> Span {
        Span { first: segment, last: segment, until }
    }

    #[test]
    fn what_follows_a_position_is_looked_for_where_it_can_be() {
        // Stream 0 wrote nothing while it was in segment 4; stream 1 has left segment 3 only.
        let segments = Segments::new(vec![(1, 3, 7), (0, 3, 10), (0, 5, 12), (0, 4, 10)], vec![15, 7]);
        for (stream, position, expected) in [
            (0, 0, Span { first: 0, last: 3, until: 10 }),
            (0, 9, Span { first: 0, last: 3, until: 10 }),
            (0, 10, only(5, 12)),
            (0, 11, only(5, 12)),
            (0, 12, only(6, 15)),
            (0, 14, only(6, 15)),
            // It may have gone on in the meantime.
            (0, 15, Span::from(6)),
            (0, 1_000, Span::from(6)),
            (1, 6, Span { first: 0, last: 3, until: 7 }),
            (1, 7, Span::from(4)),
            (2, 5, Span::from(0)),
        ] {
            assert_eq!(segments.next(stream, position), expected, "{position} of {stream}");
        }
        assert!(segments.has_left(0, 5) && segments.has_left(1, 3));
        assert!(!segments.has_left(0, 6) && !segments.has_left(1, 4) && !segments.has_left(2, 0));
        assert_eq!(segments.next(0, 10).up_to(11).until, 11);
        assert_eq!(segments.next(0, 10).only(), Some(5));
        assert_eq!(segments.next(0, 15).only(), None);
    }

    #[test]
    fn a_range_of_positions_is_looked_for_in_all_segments_it_touches() {
        let segments = Segments::new(vec![(1, 3, 7), (0, 3, 10), (0, 5, 12), (0, 4, 10)], vec![15, 9]);
        let at = |heads: &[i64]| Positions::new(heads.to_vec());
        for (from, to, (first, last)) in [
            ([12, 7], Some([15, 9]), (4, 6)),
            ([12, 9], Some([15, 9]), (6, 6)),
            ([10, 9], Some([15, 9]), (5, 6)),
            ([10, 9], Some([12, 9]), (5, 5)),
            ([12, 9], Some([16, 9]), (6, i32::MAX)),
            ([12, 9], None, (4, i32::MAX)),
            ([5, 9], Some([6, 9]), (0, 3)),
        ] {
            let span = segments.between(&at(&from), to.map(|to| at(&to)).as_ref());
            assert_eq!((span.first, span.last), (first, last), "{from:?} to {to:?}");
        }
        assert_eq!(segments.between(&at(&[12, 7, 1]), None).first, 0, "of whose segments nothing is known");
        assert!(segments.cover(&at(&[15, 9])) && segments.cover(&at(&[3])) && segments.cover(&at(&[])));
        assert!(!segments.cover(&at(&[16, 9])) && !segments.cover(&at(&[0, 0, 1])));
    }

    #[test]
    fn a_node_that_knows_less_leaves_nothing_out() {
        let all = [(0, 3, 10), (0, 4, 10), (0, 5, 12), (0, 6, 20)];
        let whole = Segments::new(all.to_vec(), vec![30]);
        for known in 0..=all.len() {
            let less = Segments::new(all[..known].to_vec(), vec![all[..known].last().map_or(0, |(.., head)| *head)]);
            for position in 0..25 {
                let (wide, exact) = (less.next(0, position), whole.next(0, position));
                assert!(wide.first <= exact.first && exact.last <= wide.last && exact.until <= wide.until);
            }
        }
    }

    #[test]
    fn a_stream_that_went_on_is_noticed() {
        let none = Segments::default();
        assert!(none.know(&[]) && none.know(&[0]) && none.know(&[0, 0]));
        assert!(!none.know(&[1, 0]));
        let some = Segments::new(vec![(0, 0, 5), (1, 0, 6)], vec![5, 6]);
        assert!(some.know(&[1, 1]));
        for other in [[2, 1], [1, 2], [0, 1]] {
            assert!(!some.know(&other), "{other:?}");
        }
        assert!(some.further(vec![8, 8]).cover(&Positions::new(vec![8, 8])));
    }
}
