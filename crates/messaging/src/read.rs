//! The rule of the read mark: forward only, never past the end.

use crate::model::NewRead;

/// What is known of a participant's mark.
#[derive(Debug, Clone, Copy)]
pub struct ReadFacts {
    pub read_seq: i64,
    pub last_seq: i64,
}

/// Where the mark moves to, or `None` when it stays.
pub fn decide(new: NewRead, facts: ReadFacts) -> Option<i64> {
    let wanted = new.seq.min(facts.last_seq);
    (wanted > facts.read_seq).then_some(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decide_table() {
        for (read_seq, last_seq, seq, moved) in [
            (0, 5, 3, Some(3)),
            (3, 5, 3, None),
            (3, 5, 1, None),
            (3, 5, 99, Some(5)),
            (5, 5, 99, None),
            (0, 0, 0, None),
        ] {
            assert_eq!(decide(NewRead { seq }, ReadFacts { read_seq, last_seq }), moved, "{seq}");
        }
    }
}
