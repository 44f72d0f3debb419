//! Inputs about messages that are sent later.

use clowder_core::{ChatId, Fields, FileId, Input, MessageId, Nested, Nullable, Repeat, TimeZone, Timestamp, UserId};

use super::{ROWS_OF_A_RULE, ScheduledStatus};
use crate::{
    attachments,
    mentions::MOST_GIVEN,
    model::{Content, MaybeContent},
    polls::NewPoll,
};

/// Absent members stay; `null` takes `repeat`, `reply_to`, `thread_of`, all `attachments` and all `mentions` away.
#[derive(Debug, Clone, Default, utoipa::ToSchema)]
#[schema(as = ScheduledMessagePatch, example = json!({"content": "Good evening!"}))]
pub struct ScheduledPatch {
    /// Only of a message with attachments it can be empty.
    #[schema(value_type = Option<String>, max_length = 8000)]
    pub content: Option<Content>,
    /// The ids of its files from now on.
    #[schema(max_items = 10)]
    pub attachments: Option<Vec<FileId>>,
    /// In place of the poll; only of messages of type `poll`.
    #[schema(value_type = Option<NewPoll>)]
    pub poll: Option<Box<NewPoll>>,
    /// Whom it mentions, beside those whom its text names.
    #[schema(max_items = 50)]
    pub mentions: Option<Vec<UserId>>,
    #[schema(value_type = Option<MessageId>)]
    pub reply_to: Option<Nullable<MessageId>>,
    #[schema(value_type = Option<MessageId>)]
    pub thread_of: Option<Nullable<MessageId>>,
    /// In the future, within a year.
    pub send_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    pub repeat: Option<Nullable<Repeat>>,
    #[schema(value_type = Option<String>, min_length = 1, max_length = 64)]
    pub time_zone: Option<TimeZone>,
}

impl Input for ScheduledPatch {
    fn read(fields: &mut Fields) -> Option<Self> {
        let attachments = attachments::read(fields);
        fields.expect_no_files();
        let content = fields.optional::<MaybeContent>("content");
        let send_at = fields.optional::<Timestamp>("send_at");
        let poll = fields.optional::<Nested<NewPoll>>("poll");
        let mentions = fields.list_patch("mentions", MOST_GIVEN);
        let (reply_to, thread_of) = (fields.patch("reply_to"), fields.patch("thread_of"));
        let (repeat, time_zone) = (fields.patch("repeat"), fields.optional("time_zone"));
        fields.expect_future("send_at", send_at.flatten());
        Some(Self {
            content: content?.map(|MaybeContent(content)| content),
            attachments: attachments?,
            poll: poll?.map(|Nested(poll)| Box::new(poll)),
            mentions: mentions?,
            reply_to: reply_to?,
            thread_of: thread_of?,
            send_at: send_at?,
            repeat: repeat?,
            time_zone: time_zone?,
        })
    }

    fn rows(&self) -> usize {
        if self.repeat.as_ref().is_some_and(|repeat| repeat.0.is_some()) { ROWS_OF_A_RULE } else { 1 }
    }
}

impl ScheduledPatch {
    /// The messages that it names now.
    pub fn names(&self) -> (Option<MessageId>, Option<MessageId>) {
        let named = |given: Option<Nullable<MessageId>>| given.and_then(|Nullable(id)| id);
        (named(self.reply_to), named(self.thread_of))
    }
}

/// Which scheduled messages to list.
#[derive(Debug, Clone, Copy, Default)]
pub struct ScheduledFilter {
    pub chat: Option<ChatId>,
    /// Those that wait, if absent.
    pub status: Option<ScheduledStatus>,
}
