//! Inputs of messaging.

use std::borrow::Cow;

use clowder_core::{
    Fields, FileId, Input, MessageId, Nested, Repeat, TimeZone, Timestamp, UserId,
    text::{Flaw, at_most},
};

use super::{ChatType, ChatVisibility, ClientId, Content, History, MaybeContent, RightsPatch, Title};
use crate::{
    attachments::{self, nothing_said},
    lifetimes::Lifetime,
    mentions::MOST_GIVEN,
    polls::{LONGEST_QUESTION, NewPoll, OptionText, SentType},
    scheduled::ROWS_OF_A_RULE,
};

/// The maximum number of people when a chat is created; more can join later.
pub const MAX_INVITED: usize = 500;

/// `{type, title?, description?, participant_ids?, visibility?, history?, rights?, lifetime?}`
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(example = json!({"type": "group", "title": "Lunch", "participant_ids": ["01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10"]}))]
pub struct NewChat {
    #[schema(rename = "type")]
    pub kind: ChatType,
    /// Needed by groups and channels; `name` is accepted for it.
    #[schema(value_type = Option<String>, max_length = 120)]
    pub title: Option<Title<120>>,
    #[schema(value_type = Option<String>, max_length = 500)]
    pub description: Option<Title<500>>,
    /// The others; exactly one for a private chat. In a channel they are its subscribers.
    #[schema(max_items = 500)]
    pub participant_ids: Vec<UserId>,
    /// `private` if absent.
    pub visibility: Option<ChatVisibility>,
    /// `all` if absent.
    pub history: Option<History>,
    /// What its members may do; those that are absent are as in every new chat.
    pub rights: Option<RightsPatch>,
    /// How long its messages stay. An existing private chat keeps its own.
    pub lifetime: Option<Lifetime>,
}

impl Input for NewChat {
    fn read(fields: &mut Fields) -> Option<Self> {
        fields.expect_no_files();
        let kind = fields.required("type");
        let title = fields.either(["title", "name"]);
        let description = fields.optional("description");
        let participant_ids = fields.optional_list("participant_ids", MAX_INVITED);
        let (visibility, history) = (fields.optional("visibility"), fields.optional("history"));
        let rights = fields.optional::<Nested<RightsPatch>>("rights");
        let lifetime = fields.optional::<Nested<Lifetime>>("lifetime");
        let new = Self {
            kind: kind?,
            title: title?,
            description: description?,
            participant_ids: participant_ids?,
            visibility: visibility?,
            history: history?,
            rights: rights?.map(|Nested(rights)| rights),
            lifetime: lifetime?.map(|Nested(lifetime)| lifetime),
        };
        match new.kind {
            ChatType::Private if new.participant_ids.len() != 1 => {
                fields.flaw("participant_ids", Flaw::new("one", "must name exactly one person for a private chat"));
            }
            ChatType::Private if new.title.is_some() => {
                fields.flaw("title", Flaw::new("unwanted", "a private chat has no title"));
            }
            ChatType::Private if new.description.is_some() => {
                fields.flaw("description", Flaw::new("unwanted", "a private chat has no description"));
            }
            ChatType::Private if new.visibility.is_some() => {
                fields.flaw("visibility", Flaw::new("unwanted", "a private chat is visible to two people"));
            }
            ChatType::Private if new.history.is_some() => {
                fields.flaw("history", Flaw::new("unwanted", "nobody comes later to a private chat"));
            }
            ChatType::Private if new.rights.is_some() => {
                fields.flaw("rights", Flaw::new("unwanted", "a private chat belongs equally to two people"));
            }
            ChatType::Group | ChatType::Channel if new.title.is_none() => {
                fields.flaw("title", Flaw::new("required", "a group or a channel needs a title"));
            }
            _ => {}
        }
        Some(new)
    }

    fn rows(&self) -> usize {
        self.participant_ids.len()
    }
}

/// `{content?, attachments?, type?, poll?, client_id?, reply_to?, thread_of?, lifetime?, mentions?, send_at?, repeat?, time_zone?}`
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(example = json!({"content": "Shall we have lunch?", "client_id": "phone-42"}))]
pub struct NewMessage {
    /// Only a message with `attachments` can do without.
    #[schema(value_type = Option<String>, max_length = 8000)]
    pub content: Content,
    /// The ids of files that you have uploaded, all different. Not with `type` `poll`.
    #[schema(max_items = 10, required = false)]
    pub attachments: Vec<FileId>,
    /// If absent, `text` without attachments, otherwise what all of them are.
    #[schema(rename = "type")]
    pub kind: Option<SentType>,
    /// With `type` `poll`, whose content is the question, of at most 300 characters. With `repeat`, it has no
    /// `closes_at`.
    #[schema(value_type = Option<NewPoll>)]
    pub poll: Option<Box<NewPoll>>,
    /// Chosen by the sender; sending it again returns the first message.
    #[schema(value_type = Option<String>, max_length = 128)]
    pub client_id: Option<ClientId>,
    /// The message of the same chat that it replies to.
    pub reply_to: Option<MessageId>,
    /// The message of the same chat with whose thread it belongs: the one with which the thread begins.
    pub thread_of: Option<MessageId>,
    /// How long it stays. If the chat says so too, the stricter of the two counts.
    pub lifetime: Option<Lifetime>,
    /// Whom it mentions, beside those whom its text names with `@username`. Whoever is not in the chat when it is sent is
    /// left out. Not with `type` `poll`, in which nobody is mentioned.
    #[schema(max_items = 50, required = false)]
    pub mentions: Vec<UserId>,
    /// When it is sent: in the future, within a year. Without it, the message is sent now.
    pub send_at: Option<Timestamp>,
    /// With `send_at`: a rule of RFC 5545 by which it is sent again, at most once a day, at the same time of day. It can have
    /// `FREQ`, `INTERVAL`, `COUNT`, `UNTIL`, `BYDAY`, `BYMONTH`, `BYMONTHDAY`, `BYSETPOS` and `WKST`. Not with `client_id`.
    #[schema(value_type = Option<String>, max_length = 200, example = "FREQ=WEEKLY;BYDAY=MO")]
    pub repeat: Option<Repeat>,
    /// With `send_at`: the time zone of `repeat`; `UTC` if absent.
    #[schema(value_type = Option<String>, max_length = 64, example = "Europe/Berlin")]
    pub time_zone: Option<TimeZone>,
}

impl Input for NewMessage {
    fn read(fields: &mut Fields) -> Option<Self> {
        let attachments = attachments::read(fields);
        fields.expect_no_files();
        let content = fields.patch::<MaybeContent>("content");
        let (kind, poll) = (fields.optional::<SentType>("type"), fields.optional::<Nested<NewPoll>>("poll"));
        let client_id = fields.optional("client_id");
        let (reply_to, thread_of) = (fields.optional("reply_to"), fields.optional("thread_of"));
        let lifetime = fields.optional::<Nested<Lifetime>>("lifetime");
        let mentions = fields.optional_list("mentions", MOST_GIVEN);
        let send_at = fields.optional::<Timestamp>("send_at");
        let (repeat, time_zone) = (fields.optional("repeat"), fields.optional("time_zone"));
        let new = Self {
            content: content?.map_or_else(Content::none, |MaybeContent(content)| content),
            attachments: attachments?.unwrap_or_default(),
            kind: kind?,
            poll: poll?.map(|Nested(poll)| Box::new(poll)),
            client_id: client_id?,
            reply_to: reply_to?,
            thread_of: thread_of?,
            lifetime: lifetime?.map(|Nested(lifetime)| lifetime),
            mentions: mentions?,
            send_at: send_at?,
            repeat: repeat?,
            time_zone: time_zone?,
        };
        if new.send_at.is_none() {
            for (name, given) in [("repeat", new.repeat.is_some()), ("time_zone", new.time_zone.is_some())] {
                if given {
                    fields.flaw(name, Flaw::new("unwanted", "only messages with send_at have it"));
                }
            }
        } else if new.repeat.is_some() && new.client_id.is_some() {
            fields.flaw("repeat", Flaw::new("unwanted", "a message with a client_id is sent once"));
        }
        new.expect_poll(fields);
        new.expect_content(fields);
        Some(new)
    }

    fn rows(&self) -> usize {
        if self.repeat.is_some() { ROWS_OF_A_RULE } else { 1 + self.attachments.len() }
    }
}

impl NewMessage {
    fn expect_content(&self, fields: &mut Fields) {
        let needs_files = !matches!(self.kind, Some(SentType::Text | SentType::Poll) | None);
        // With or without a text, a picture needs its file.
        if needs_files && self.attachments.is_empty() {
            fields.flaw("attachments", Flaw::new("required", "a message of this type needs them"));
        } else if self.content.is_empty() && (self.attachments.is_empty() || self.poll.is_some()) {
            fields.flaw("content", nothing_said());
        }
        if self.poll.is_some() && !self.attachments.is_empty() {
            fields.flaw("attachments", Flaw::new("unwanted", "a poll has none"));
        }
    }

    fn expect_poll(&self, fields: &mut Fields) {
        match (self.kind, &self.poll) {
            (Some(SentType::Poll), None) => {
                fields.flaw("poll", Flaw::new("required", "a message of type poll needs it"));
            }
            (kind, Some(_)) if kind != Some(SentType::Poll) => {
                fields.flaw("poll", Flaw::new("unwanted", "only messages of type poll have it"));
            }
            (_, Some(poll)) => {
                if self.repeat.is_some() && poll.closes_at.is_some() {
                    fields.flaw("repeat", Flaw::new("unwanted", "a poll that closes at a time is sent once"));
                }
                if !self.mentions.is_empty() {
                    fields.flaw("mentions", Flaw::new("unwanted", "a poll mentions nobody"));
                }
                if let Err(flaw) = at_most(self.content.as_str(), LONGEST_QUESTION) {
                    fields.flaw("content", flaw);
                }
            }
            (_, None) => {}
        }
    }

    /// All that is said in it, line by line.
    pub fn said(&self) -> Cow<'_, str> {
        let Some(poll) = &self.poll else { return self.content.as_str().into() };
        let options = poll.options.iter().map(OptionText::as_str);
        let lines: Vec<_> = std::iter::once(self.content.as_str()).chain(options).collect();
        lines.join("\n").into()
    }
}

/// `{content?, attachments?, mentions?}`. Absent members stay; one of them has to be given.
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(example = json!({"content": "Shall we have dinner?"}))]
pub struct MessagePatch {
    /// Only of a message with attachments it can be empty.
    #[schema(value_type = Option<String>, max_length = 8000)]
    pub content: Option<Content>,
    /// The ids of its files from now on: those that stay, and others that you have uploaded. Absent: they stay.
    #[schema(max_items = 10)]
    pub attachments: Option<Vec<FileId>>,
    /// Whom it mentions, beside those whom its text names; absent: those who were given before.
    #[schema(max_items = 50)]
    pub mentions: Option<Vec<UserId>>,
}

impl Input for MessagePatch {
    fn read(fields: &mut Fields) -> Option<Self> {
        let attachments = attachments::read(fields);
        fields.expect_no_files();
        let content = fields.optional::<MaybeContent>("content");
        let mentions = fields.list_patch("mentions", MOST_GIVEN);
        let (content, attachments) = (content?.map(|MaybeContent(content)| content), attachments?);
        if content.is_none() && attachments.is_none() && mentions.as_ref().is_some_and(Option::is_none) {
            fields.flaw("content", Flaw::new("required", "is required if nothing else changes"));
        }
        if content.as_ref().is_some_and(Content::is_empty) && attachments.as_ref().is_some_and(Vec::is_empty) {
            fields.flaw("content", nothing_said());
        }
        Some(Self { content, attachments, mentions: mentions? })
    }
}

/// `{seq}`
#[derive(Debug, Clone, Copy, utoipa::ToSchema)]
#[schema(example = json!({"seq": 17}))]
pub struct NewRead {
    /// A `seq` past the end means the end.
    #[schema(minimum = 0)]
    pub seq: i64,
}

impl Input for NewRead {
    fn read(fields: &mut Fields) -> Option<Self> {
        let seq = fields.required("seq")?;
        if seq < 0 {
            fields.flaw("seq", Flaw::new("minimum", "must be 0 or more"));
        }
        Some(Self { seq })
    }
}

/// Which chats to list.
#[derive(Debug, Clone, Default)]
pub struct ChatFilter {
    pub kind: Option<ChatType>,
    pub unread: Option<bool>,
    pub archived: Option<bool>,
    pub muted: Option<bool>,
    /// Words of the title, or of the name of the other person, begin with these.
    pub search: Option<String>,
}

/// Which messages of a chat to read, by `seq`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// Older than this, the newest of them first.
    Before(i64),
    /// Newer than this, the oldest of them first.
    After(i64),
    /// This one and its neighbours, oldest first.
    Around(i64),
}

impl Window {
    /// From the newest message backwards.
    pub const NEWEST: Self = Self::Before(i64::MAX);
}
