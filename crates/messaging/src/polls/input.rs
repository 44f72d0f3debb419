//! Inputs about polls.

use clowder_core::{Field, Fields, Input, Name, Timestamp, Word, text::Flaw};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{FEWEST_OPTIONS, MOST_OPTIONS};
use crate::MessageType;

/// What people send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SentMessageType)]
pub enum SentType {
    Text,
    /// All its `attachments` are images.
    Image,
    /// With `attachments` of any types.
    File,
    /// Its only attachment is a recording.
    Voice,
    /// All its `attachments` are videos.
    Video,
    /// With a `poll`; the content is the question.
    Poll,
}

impl SentType {
    /// What people send as a message of this type; the system's own they do not send.
    pub fn of(kind: MessageType) -> Option<Self> {
        Some(match kind {
            MessageType::Text => Self::Text,
            MessageType::Image => Self::Image,
            MessageType::File => Self::File,
            MessageType::Voice => Self::Voice,
            MessageType::Video => Self::Video,
            MessageType::Poll => Self::Poll,
            MessageType::System => return None,
        })
    }
}

impl From<SentType> for MessageType {
    fn from(kind: SentType) -> Self {
        match kind {
            SentType::Text => Self::Text,
            SentType::Image => Self::Image,
            SentType::File => Self::File,
            SentType::Voice => Self::Voice,
            SentType::Video => Self::Video,
            SentType::Poll => Self::Poll,
        }
    }
}

impl Word for SentType {
    const WHAT: &'static str = "type of a message that people send";
    const WORDS: &'static [(&'static str, Self)] = &[
        ("text", Self::Text),
        ("image", Self::Image),
        ("file", Self::File),
        ("voice", Self::Voice),
        ("video", Self::Video),
        ("poll", Self::Poll),
    ];
}

/// An option of a poll: 1 to 100 characters on one line.
pub type OptionText = Name<100>;

/// `{options, multiple?, most?, anonymous?, closes_at?}`
#[derive(Debug, Clone, PartialEq, Eq, utoipa::ToSchema)]
#[schema(example = json!({"options": ["Noodles", "Soup"], "multiple": true}))]
pub struct NewPoll {
    /// All different.
    #[schema(value_type = Vec<String>, min_items = 2, max_items = 12, min_length = 1, max_length = 100)]
    pub options: Vec<OptionText>,
    /// Whether one person can choose several options; `false` if absent.
    #[schema(value_type = Option<bool>)]
    pub multiple: bool,
    /// With `multiple`: how many options one person can choose, at most as many as there are; all of them if absent.
    #[schema(minimum = 1, maximum = 12)]
    pub most: Option<i64>,
    /// Whether nobody learns who voted; `false` if absent.
    #[schema(value_type = Option<bool>)]
    pub anonymous: bool,
    /// When it closes by itself: in the future, within a year.
    pub closes_at: Option<Timestamp>,
}

impl Input for NewPoll {
    fn read(fields: &mut Fields) -> Option<Self> {
        let options: Option<Vec<OptionText>> = fields.required_list("options", MOST_OPTIONS);
        let (multiple, most) = (fields.optional("multiple"), fields.optional::<i64>("most"));
        let (anonymous, closes_at) = (fields.optional("anonymous"), fields.optional("closes_at"));
        let new = Self {
            options: options?,
            multiple: multiple?.unwrap_or_default(),
            most: most?,
            anonymous: anonymous?.unwrap_or_default(),
            closes_at: closes_at?,
        };
        if new.options.len() < FEWEST_OPTIONS {
            fields.flaw("options", Flaw::new("too_few", format!("must have at least {FEWEST_OPTIONS} items")));
        }
        for (index, option) in new.options.iter().enumerate() {
            if new.options.iter().take(index).any(|earlier| earlier == option) {
                let flaw = Flaw::new("distinct", "must be different from the other options");
                fields.flaw(&format!("options/{index}"), flaw);
            }
        }
        match new.most {
            Some(_) if !new.multiple => {
                fields.flaw("most", Flaw::new("unwanted", "only polls with multiple have it"));
            }
            Some(most) if !(1..=new.options.len() as i64).contains(&most) => {
                fields.flaw("most", Flaw::new("range", "must be 1 to the number of options"));
            }
            _ => {}
        }
        Some(new)
    }
}

/// `{options}`
#[derive(Debug, Clone, PartialEq, Eq, utoipa::ToSchema)]
#[schema(as = NewPollVote, example = json!({"options": [0]}))]
pub struct NewVote {
    /// The places of all the options that you choose, from 0; none takes your vote back.
    #[schema(max_items = 12, minimum = 0, maximum = 11)]
    pub options: Vec<i64>,
}

impl NewVote {
    /// Takes a vote back.
    pub const NONE: Self = Self { options: Vec::new() };
}

/// The place of an option.
struct Place(i64);

impl Field for Place {
    fn parse(value: Value) -> Result<Self, Flaw> {
        let place = i64::parse(value)?;
        if (0..MOST_OPTIONS as i64).contains(&place) {
            Ok(Self(place))
        } else {
            Err(Flaw::new("range", format!("must be 0 to {}", MOST_OPTIONS - 1)))
        }
    }
}

impl Input for NewVote {
    fn read(fields: &mut Fields) -> Option<Self> {
        let options: Vec<Place> = fields.required_list("options", MOST_OPTIONS)?;
        Some(Self { options: options.into_iter().map(|Place(place)| place).collect() })
    }
}
