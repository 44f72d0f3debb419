//! Whether somebody is there.

use serde::{Deserialize, Serialize};

use crate::word::Word;

/// What a viewer sees of somebody's presence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    Online,
    Away,
    Busy,
    Offline,
}

impl Word for Presence {
    const WHAT: &'static str = "presence";
    const WORDS: &'static [(&'static str, Self)] =
        &[("online", Self::Online), ("away", Self::Away), ("busy", Self::Busy), ("offline", Self::Offline)];
}
