//! Inputs of moderation. Each demands a reason.

use clowder_core::{
    Field, Fields, Input, Timestamp, UserId, Word,
    input::{Nested, string},
    text::{self, Flaw},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{FilterAction, LONGEST_PAUSE, MOST_WORDS, filter};

/// Why something is done: 1 to 500 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn into_string(self) -> String {
        self.0
    }
}

impl Field for Reason {
    fn parse(value: Value) -> Result<Self, Flaw> {
        text::prose(&string(value)?, 1, 500).map(Self)
    }
}

/// A whole number within these bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Within<const MIN: i64, const MAX: i64>(pub i64);

impl<const MIN: i64, const MAX: i64> Field for Within<MIN, MAX> {
    fn parse(value: Value) -> Result<Self, Flaw> {
        let number = i64::parse(value)?;
        if number < MIN {
            return Err(Flaw::new("minimum", format!("must be {MIN} or more")));
        }
        if number > MAX { Err(Flaw::new("range", format!("must be {MAX} or less"))) } else { Ok(Self(number)) }
    }
}

/// `{user_id, reason, until?}`
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(as = NewChatSanction, example = json!({"user_id": "01993c4e-81d4-7f02-8c1e-52c9b7a4e6f3", "reason": "Advertising"}))]
pub struct NewSanction {
    pub user_id: UserId,
    /// They are told.
    #[schema(value_type = String, min_length = 1, max_length = 500)]
    pub reason: Reason,
    /// Until somebody lifts it, if absent.
    pub until: Option<Timestamp>,
}

impl Input for NewSanction {
    fn read(fields: &mut Fields) -> Option<Self> {
        let user_id = fields.required("user_id");
        let reason = fields.required("reason");
        let until: Option<Option<Timestamp>> = fields.optional("until");
        fields.expect_future("until", until.flatten());
        Some(Self { user_id: user_id?, reason: reason?, until: until? })
    }
}

/// `{user_id, reason}`
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(as = NewChatLifting, example = json!({"user_id": "01993c4e-81d4-7f02-8c1e-52c9b7a4e6f3", "reason": "Has apologized"}))]
pub struct NewLifting {
    pub user_id: UserId,
    /// They are told.
    #[schema(value_type = String, min_length = 1, max_length = 500)]
    pub reason: Reason,
}

impl Input for NewLifting {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (user_id, reason) = (fields.required("user_id"), fields.required("reason"));
        Some(Self { user_id: user_id?, reason: reason? })
    }
}

/// `{reason?}`
#[derive(Debug, Clone, Default, utoipa::ToSchema)]
#[schema(as = NewModeratorNotice, example = json!({"reason": "Advertising"}))]
pub struct NewNotice {
    /// The person is told; nothing is said if it is absent.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 500)]
    pub reason: Option<Reason>,
}

impl Input for NewNotice {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.optional("reason").map(|reason| Self { reason })
    }
}

/// `{seconds, reason}`
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(as = NewChatSlowMode, example = json!({"seconds": 30, "reason": "Too much at once"}))]
pub struct NewSlowMode {
    /// How long a member has to wait after a message; 0 ends it.
    #[schema(minimum = 0, maximum = 21600)]
    pub seconds: i64,
    #[schema(value_type = String, min_length = 1, max_length = 500)]
    pub reason: Reason,
}

impl Input for NewSlowMode {
    fn read(fields: &mut Fields) -> Option<Self> {
        let seconds = fields.required::<Within<0, LONGEST_PAUSE>>("seconds");
        let reason = fields.required("reason");
        Some(Self { seconds: seconds?.0, reason: reason? })
    }
}

/// An entry of a filter: 1 to 100 characters on one line, of which something can be found in a message.
#[derive(Debug, Clone)]
struct Entry(String);

impl Field for Entry {
    fn parse(value: Value) -> Result<Self, Flaw> {
        let entry = text::line(&string(value)?, 1, 100)?;
        if filter::is_empty(&entry) {
            return Err(Flaw::new("letters", "must have letters, digits or symbols that can be found in a message"));
        }
        Ok(Self(entry))
    }
}

/// `{words, action?, reason}`
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(as = NewWordFilter, example = json!({"words": ["cheap lunch", "casino*"], "action": "hold", "reason": "Advertising"}))]
pub struct NewFilter {
    /// Words and phrases. `*` at the beginning or the end stands for the rest of a word. Case, accents, invisible characters
    /// and letters that look alike make no difference. None: nothing is caught.
    #[schema(max_items = 500, min_length = 1, max_length = 100)]
    pub words: Vec<String>,
    /// `block` if absent.
    #[schema(value_type = Option<FilterAction>)]
    pub action: FilterAction,
    #[schema(value_type = String, min_length = 1, max_length = 500)]
    pub reason: Reason,
}

impl Input for NewFilter {
    fn read(fields: &mut Fields) -> Option<Self> {
        let words: Option<Vec<Entry>> = fields.required_list("words", MOST_WORDS);
        let (action, reason) = (fields.optional("action"), fields.required("reason"));
        let mut kept: Vec<String> = Vec::new();
        for Entry(word) in words? {
            if !kept.contains(&word) {
                kept.push(word);
            }
        }
        if let Err(flaw) = filter::fits(&kept) {
            fields.flaw("words", flaw);
            return None;
        }
        Some(Self { words: kept, action: action?.unwrap_or(FilterAction::Block), reason: reason? })
    }

    fn rows(&self) -> usize {
        1
    }
}

/// `{joins, seconds, hold_seconds}`
#[derive(Debug, Clone, Copy, PartialEq, Eq, utoipa::ToSchema)]
#[schema(as = NewChatBrakeLimits, example = json!({"joins": 20, "seconds": 60, "hold_seconds": 3600}))]
pub struct Limits {
    /// When more people than this come by themselves …
    #[schema(minimum = 1, maximum = 1000)]
    pub joins: i64,
    /// … within so many seconds …
    #[schema(minimum = 1, maximum = 86400)]
    pub seconds: i64,
    /// … then for so many seconds whoever comes waits until they are let in.
    #[schema(minimum = 60, maximum = 604_800)]
    pub hold_seconds: i64,
}

impl Input for Limits {
    fn read(fields: &mut Fields) -> Option<Self> {
        let joins = fields.required::<Within<1, 1_000>>("joins");
        let seconds = fields.required::<Within<1, 86_400>>("seconds");
        let hold = fields.required::<Within<60, 604_800>>("hold_seconds");
        Some(Self { joins: joins?.0, seconds: seconds?.0, hold_seconds: hold?.0 })
    }
}

/// `{limits, reason}`
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(as = NewChatBrake, example = json!({"limits": {"joins": 20, "seconds": 60, "hold_seconds": 3600}, "reason": "Raids"}))]
pub struct NewBrake {
    /// Absent or `null`: everybody comes in at once. Setting it again releases it.
    #[schema(value_type = Option<Limits>)]
    pub limits: Option<Limits>,
    #[schema(value_type = String, min_length = 1, max_length = 500)]
    pub reason: Reason,
}

impl Input for NewBrake {
    fn read(fields: &mut Fields) -> Option<Self> {
        let limits = fields.optional::<Nested<Limits>>("limits");
        let reason = fields.required("reason");
        Some(Self { limits: limits?.map(|limits| limits.0), reason: reason? })
    }
}

/// `{user_id, since?, until?, reason}`
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(as = NewChatPurge, example = json!({"user_id": "01993c4e-81d4-7f02-8c1e-52c9b7a4e6f3", "reason": "Advertising"}))]
pub struct NewPurge {
    /// Whose messages are deleted.
    pub user_id: UserId,
    /// Only what was sent then or later.
    pub since: Option<Timestamp>,
    /// Only what was sent earlier; not before `since`.
    pub until: Option<Timestamp>,
    /// They are told.
    #[schema(value_type = String, min_length = 1, max_length = 500)]
    pub reason: Reason,
}

impl Input for NewPurge {
    fn read(fields: &mut Fields) -> Option<Self> {
        let user_id = fields.required("user_id");
        let since: Option<Option<Timestamp>> = fields.optional("since");
        let until: Option<Option<Timestamp>> = fields.optional("until");
        if since.flatten().zip(until.flatten()).is_some_and(|(since, until)| since > until) {
            fields.flaw("until", Flaw::new("range", "must not be before `since`"));
        }
        let reason = fields.required("reason");
        Some(Self { user_id: user_id?, since: since?, until: until?, reason: reason? })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = MessageReviewVerb)]
pub enum ReviewVerb {
    /// A held message is sent; a flagged one stays.
    Approve,
    /// A held message is thrown away; a flagged one is deleted.
    Reject,
}

impl Word for ReviewVerb {
    const WHAT: &'static str = "action";
    const WORDS: &'static [(&'static str, Self)] = &[("approve", Self::Approve), ("reject", Self::Reject)];
}

/// `{action, reason}`
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(as = NewMessageReviewVerdict, example = json!({"action": "reject", "reason": "Advertising"}))]
pub struct NewReviewVerdict {
    pub action: ReviewVerb,
    /// The sender is told if the message is rejected.
    #[schema(value_type = String, min_length = 1, max_length = 500)]
    pub reason: Reason,
}

impl Input for NewReviewVerdict {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (action, reason) = (fields.required("action"), fields.required("reason"));
        Some(Self { action: action?, reason: reason? })
    }
}
