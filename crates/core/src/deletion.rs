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

/// The progress of a deletion, 0 to 1, by how many people there were, and how many are left. The messages come last.
pub fn progress(people: i64, left: i64) -> f64 {
    ((people - left) as f64 / (people + 1) as f64).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_table() {
        for (people, left, expected) in [(3, 3, 0.0), (3, 1, 0.5), (3, 0, 0.75), (0, 0, 0.0), (3, 5, 0.0)] {
            assert!((progress(people, left) - expected).abs() < f64::EPSILON, "{people} {left}");
        }
    }
}
