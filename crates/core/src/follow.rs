//! Who follows what: a change that makes somebody follow a topic, or stop following it, says so itself.

use crate::{Topic, UserId, Word};

/// From here on somebody follows a topic, or no longer does. Its change is anchored at that topic, so that its position
/// says which of the topic's changes are theirs: on entering this one and those after it, on leaving this one and those
/// before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Follow {
    pub user: UserId,
    pub topic: Topic,
    pub step: Step,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Enter,
    Leave,
}

impl Word for Step {
    const WHAT: &'static str = "step of following";
    const WORDS: &'static [(&'static str, Self)] = &[("enter", Self::Enter), ("leave", Self::Leave)];
}
