//! Messaging: chats, their participants, and messages.
//!
//! A chat is private (two people, one per pair) or a group. Its participants see it; for everybody else it does not
//! exist. Every message of a chat has a `seq` that counts 1, 2, 3 … without gaps, and everyone sees them in that order.
//! A message may carry a `client_id` chosen by its sender: sent twice it is still one message. The author can edit; the
//! author and the chat's admins can delete; a deleted message keeps its place and loses its text everywhere. Each
//! participant has one read mark per chat, which never goes back. People react to messages with emoji.
//!
//! The rules are in one file per family of use cases ([`chats`], [`send`], [`edit`], [`read`],
//! [`receipts`], [`reactions`]) and in [`policy`]; their
//! refusals are in [`refusals`]; what an implementation must guarantee is documented on [`Messaging`].

pub mod change;
pub mod chats;
pub mod edit;
pub mod model;
pub mod policy;
pub mod port;
pub mod reactions;
pub mod read;
pub mod receipts;
pub mod refusals;
pub mod scopes;
pub mod send;

pub use change::{Audience, CHAT, Change, Deleted, Delivered, Reaction, Read, Typing};
pub use model::{
    Chat, ChatFilter, ChatRole, ChatType, Content, Edit, Emoji, Message, MessagePatch, MessageType, NewChat,
    NewMessage, NewRead, Reacted, Reactor, Status, Window,
};
pub use port::Messaging;
