//! Inputs about messages that are sent later.

use clowder_core::{ChatId, Field, Fields, Input, Repeat, TimeZone, Timestamp, text::Flaw};
use serde_json::Value;

use super::{ROWS_OF_A_RULE, ScheduledStatus};
use crate::model::Content;

/// Absent members stay; `null` takes `repeat` away.
#[derive(Debug, Clone, Default, utoipa::ToSchema)]
#[schema(as = ScheduledMessagePatch, example = json!({"content": "Good evening!"}))]
pub struct ScheduledPatch {
    #[schema(value_type = Option<String>, min_length = 1, max_length = 8000)]
    pub content: Option<Content>,
    /// In the future, within a year.
    pub send_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    pub repeat: Option<OptionalRepeat>,
    #[schema(value_type = Option<String>, min_length = 1, max_length = 64)]
    pub time_zone: Option<TimeZone>,
}

impl Input for ScheduledPatch {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (content, send_at) = (fields.optional("content"), fields.optional::<Timestamp>("send_at"));
        let (repeat, time_zone) = (fields.patch("repeat"), fields.optional("time_zone"));
        fields.expect_future("send_at", send_at.flatten());
        Some(Self { content: content?, send_at: send_at?, repeat: repeat?, time_zone: time_zone? })
    }

    fn rows(&self) -> usize {
        if self.repeat.as_ref().is_some_and(|repeat| repeat.0.is_some()) { ROWS_OF_A_RULE } else { 1 }
    }
}

/// A rule that `null` takes away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionalRepeat(pub Option<Repeat>);

impl Field for OptionalRepeat {
    fn parse(value: Value) -> Result<Self, Flaw> {
        if value.is_null() { Ok(Self(None)) } else { Repeat::parse(value).map(|repeat| Self(Some(repeat))) }
    }
}

/// Which scheduled messages to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct ScheduledFilter {
    pub chat: Option<ChatId>,
    /// Those that wait, if absent.
    pub status: Option<ScheduledStatus>,
}
