//! One message of a file, as far as an import takes it.

use clowder_core::{
    Error, Field, FieldError, Fields, Input, Name, Nested, Timestamp,
    text::{self, Flaw},
};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    attachments::MOST_ATTACHED,
    model::{Content, MaybeContent},
};

/// What is taken of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number in the chat that it comes from.
    pub seq: i64,
    /// Its id there.
    pub id: Option<Uuid>,
    pub author: LineAuthor,
    pub content: String,
    pub created_at: Timestamp,
    pub edited_at: Option<Timestamp>,
    /// The number there of the message that it replies to.
    pub reply_to: Option<i64>,
    /// The id there of the message in whose thread it is.
    pub thread_of: Option<Uuid>,
    /// Whether a thread begins with it.
    pub is_root: bool,
}

/// Who wrote it there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineAuthor {
    pub username: String,
    /// What they are shown as, if they have no account here.
    pub name: String,
}

/// What becomes of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read {
    Taken(Box<Line>),
    /// The system said it, or it has neither a text nor a file.
    Skipped,
    Refused(FieldError),
}

pub fn too_long() -> FieldError {
    Flaw::new("too_long", format!("must have at most {} KiB", super::MOST_OF_MESSAGE >> 10)).at("")
}

pub fn out_of_order() -> FieldError {
    Flaw::new("order", "must be greater than that of the message before").at("/seq")
}

/// Reads a message as it stands in the file.
pub fn read(raw: &[u8]) -> Read {
    let Ok(value) = serde_json::from_slice::<Value>(raw) else {
        return Read::Refused(Flaw::new("json", "is not JSON").at(""));
    };
    if value["type"] == "system" || value["content"].is_null() && value.get("content").is_some() {
        return Read::Skipped;
    }
    let files = &value["attachments"];
    let had_files = files.as_array().is_some_and(|files| !files.is_empty());
    if value["content"] == "" && had_files && names(files).next().is_none() {
        return Read::Skipped;
    }
    match Line::from_json(value) {
        Ok(line) => Read::Taken(Box::new(line)),
        Err(Error::Invalid(errors)) => {
            let first = errors.into_iter().next();
            Read::Refused(first.unwrap_or_else(|| Flaw::new("json", "is not a message").at("")))
        }
        Err(_) => Read::Refused(Flaw::new("json", "is not a message").at("")),
    }
}

impl Input for Line {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (seq, id) = (fields.required::<i64>("seq"), fields.optional::<Id>("id"));
        let author = fields.required::<Nested<LineAuthor>>("sender");
        let content = fields.required::<MaybeContent>("content").map(|MaybeContent(content)| content);
        let Attached(files) = fields.optional("attachments").map(Option::unwrap_or_default)?;
        let (created_at, edited_at) = (fields.required("created_at"), fields.optional("edited_at"));
        let reply_to = fields.optional::<Nested<Quoted>>("reply_to");
        let (thread_of, thread) = (fields.optional::<Id>("thread_of"), fields.optional::<Anything>("thread"));
        let asked = fields.optional::<Asked>("poll")?;
        let content = match (content, asked) {
            (Some(question), Some(Asked { options })) => {
                let options = options.iter().map(|Answer { text, votes }| format!("\n• {text} ({votes})"));
                let whole = question.into_string() + &options.collect::<String>();
                Content::parse(whole.into()).map_err(|flaw| fields.flaw("poll", flaw)).ok()
            }
            (content, _) => content,
        };
        // The files are not in the export: their names stand for them.
        let content = content.and_then(|content| {
            let lines: Vec<String> = files.into_iter().map(|name| format!("• {name}")).collect();
            if lines.is_empty() && !content.is_empty() {
                return Some(content);
            }
            let text = Some(content.into_string()).filter(|text| !text.is_empty());
            let whole = text.into_iter().chain(lines).collect::<Vec<_>>().join("\n");
            Content::parse(whole.into()).map_err(|flaw| fields.flaw("content", flaw)).ok()
        });
        if seq.is_some_and(|seq| seq < 1) {
            fields.flaw("seq", Flaw::new("minimum", "must be 1 or more"));
        }
        Some(Self {
            seq: seq?,
            id: id?.map(|id| id.0),
            author: author?.0,
            content: content?.into_string(),
            created_at: created_at?,
            edited_at: edited_at?,
            reply_to: reply_to?.map(|Nested(Quoted(seq))| seq),
            thread_of: thread_of?.map(|id| id.0),
            is_root: thread?.is_some(),
        })
    }
}

impl Input for LineAuthor {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (username, name) = (fields.required::<Name<64>>("username"), fields.optional::<Name<120>>("display_name"));
        let username = username?.into_string();
        Some(Self { name: name?.map_or_else(|| username.clone(), Name::into_string), username })
    }
}

/// What a poll was: it becomes a text, because nobody can vote any more.
#[derive(Deserialize)]
struct Asked {
    options: Vec<Answer>,
}

#[derive(Deserialize)]
struct Answer {
    text: String,
    votes: i64,
}

impl Field for Asked {
    fn parse(value: Value) -> Result<Self, Flaw> {
        serde_json::from_value(value).map_err(|_| Flaw::new("type", "must be a poll"))
    }
}

/// The names of files that somebody had attached.
fn names(files: &Value) -> impl Iterator<Item = &str> {
    files.as_array().into_iter().flatten().filter_map(|file| file["name"].as_str())
}

/// Of files, only what they were called.
#[derive(Default)]
struct Attached(Vec<String>);

impl Field for Attached {
    fn parse(value: Value) -> Result<Self, Flaw> {
        Ok(Self(names(&value).take(MOST_ATTACHED).map(|name| text::cut(name, 255)).collect()))
    }
}

/// Of a quote, only which message it is.
struct Quoted(i64);

impl Input for Quoted {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.required("seq").map(Self)
    }
}

struct Id(Uuid);

impl Field for Id {
    fn parse(value: Value) -> Result<Self, Flaw> {
        let text = clowder_core::input::string(value)?;
        text::at_most(&text, 36)?;
        text.parse().map(Self).map_err(|_| Flaw::new("uuid", "must be a UUID"))
    }
}

/// A member whose content does not matter.
struct Anything;

impl Field for Anything {
    fn parse(_: Value) -> Result<Self, Flaw> {
        Ok(Self)
    }
}
