//! Messaging: chats, their participants, and messages.
//!
//! A chat is private (two people, one per pair), a group, or a channel, in which few write and many read. Its participants
//! see it; for everybody else it does not exist, unless it is public: then anybody finds it and joins. Every message of a chat has a `seq` that counts 1, 2, 3 … without gaps, and everyone sees them in that order.
//! A message may carry a `client_id` chosen by its sender: sent twice it is still one message. The author can edit; the
//! author and the chat's admins can delete; a deleted message keeps its place and loses its text everywhere. Each
//! participant has one read mark per chat, which never goes back. A message can be scheduled: then it is sent later, once
//! or again and again. It can disappear some time after it was sent, or after all have read it. People react to messages
//! with emoji, reply to them, answer in threads, forward them to other chats, and find by words what was said. A message can
//! be a poll, in which people vote. What they remove for themselves, all others still see.
//!
//! The rules are in one file per family of use cases ([`chats`], [`participants`], [`send`], [`scheduled`], [`edit`],
//! [`lifetimes`], [`read`], [`receipts`], [`reactions`], [`relations`], [`polls`]) and in [`policy`], whose table says who may do what; [`moderation`]
//! says what keeps people from writing and coming in; [`chat_exports`] what somebody may take out of a chat,
//! [`chat_imports`] how one is made of it, [`chat_analytics`] what is counted in it, and [`chat_templates`] what new chats
//! are like. Their refusals are in [`refusals`]; what an implementation must
//! guarantee is documented on [`Messaging`], [`Chats`], [`Participants`] and [`Moderation`].

pub mod attachments;
pub mod change;
pub mod chat_analytics;
pub mod chat_exports;
pub mod chat_imports;
pub mod chat_templates;
pub mod chats;
pub mod edit;
pub mod entities;
pub mod invitations;
pub mod keeping;
pub mod lifetimes;
pub mod mentions;
pub mod model;
pub mod moderation;
pub mod participants;
pub mod permissions;
pub mod policy;
pub mod polls;
pub mod port;
pub mod previews;
pub mod reactions;
pub mod read;
pub mod receipts;
pub mod refusals;
pub mod relations;
pub mod scheduled;
pub mod scopes;
pub mod search;
pub mod send;

pub use attachments::{Attachment, AttachmentStatus};
pub use change::{Audience, CHAT, Change, Deleted, Delivered, Reaction, Read, Typing};
pub use chat_analytics::port::ChatsAnalytics;
pub use chat_exports::port::ChatExports;
pub use chat_imports::port::ChatImports;
pub use chat_templates::port::ChatTemplates;
pub use chats::port::Chats;
pub use invitations::port::Invitations;
pub use keeping::{Pin, Saved, port::Keeping};
pub use lifetimes::{Lifetime, port::Lifetimes};
pub use model::{
    Chat, ChatEntry, ChatFace, ChatFilter, ChatPreferences, ChatRole, ChatType, ChatVisibility, Content, Edit, Emoji,
    History, Message, MessagePatch, MessageType, NewChat, NewMessage, NewRead, Notify, Participant, Reacted, Reactor,
    Rights, Status, SystemAction, SystemNote, TypingKind, Window,
};
pub use moderation::port::Moderation;
pub use participants::port::Participants;
pub use polls::{Poll, PollOption, port::Polls};
pub use port::Messaging;
pub use previews::LinkPreview;
pub use relations::port::Relations;
pub use scheduled::{Scheduled, port::ScheduledMessages};
pub use search::port::MessageSearch;
