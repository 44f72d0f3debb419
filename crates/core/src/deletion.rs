//! How far the deletion of something large has come.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeletionStatus {
    /// It is gone for everybody; its people are being taken out of it, and what was written there is being deleted.
    Running,
    Done,
}

/// What deleting did.
#[derive(Debug, Clone, PartialEq)]
pub enum Gone<T> {
    /// Nothing is left.
    Whole,
    /// A job does the rest.
    Started(T),
}

/// How much there is in what is being deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amount {
    pub people: i64,
    pub messages: i64,
}

/// The progress of a deletion, 0 to 1, by how much there was, and how much is left. It is 1 only when nothing is left at all.
pub fn progress(all: Amount, left: Amount) -> f64 {
    let (all, left) = (all.people + all.messages, left.people + left.messages);
    ((all - left) as f64 / (all + 1) as f64).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_table() {
        for (all, left, expected) in [
            ((3, 0), (3, 0), 0.0),
            ((3, 0), (1, 0), 0.5),
            ((3, 0), (0, 0), 0.75),
            ((0, 0), (0, 0), 0.0),
            ((3, 0), (5, 0), 0.0),
            ((1, 6), (0, 6), 0.125),
            ((1, 6), (0, 2), 0.625),
            ((1, 6), (0, 0), 0.875),
        ] {
            let [all, left] = [all, left].map(|(people, messages)| Amount { people, messages });
            assert!((progress(all, left) - expected).abs() < f64::EPSILON, "{all:?} {left:?}");
        }
    }
}
