//! Messaging: chats, who takes part in them, and what is said there.
//!
//! A chat is private (two people, one per pair) or a group. Who takes part sees it; to everybody else it does
//! not exist. Every message of a chat has a `seq` that counts 1, 2, 3 … without gaps, and that is the order in which
//! everyone sees it. A message may carry a `client_id` of its sender's choice: sent twice it is still one message.
//! The author may edit; the author and the chat's admins may delete; a deleted message keeps its place and loses
//! its text everywhere. Each participant has one read mark per chat, which never goes back.
//!
//! The rules are in one file per family of use cases ([`chats`], [`send`], [`edit`], [`read`]) and in [`policy`]; what they
//! refuse is in [`refusals`]; what an implementation must keep is written on [`Messaging`].

pub mod change;
pub mod chats;
pub mod edit;
pub mod model;
pub mod policy;
pub mod port;
pub mod read;
pub mod refusals;
pub mod scopes;
pub mod send;

pub use change::{Audience, CHAT, Change, Deleted, Read, Typing};
pub use model::{
    Chat, ChatFilter, ChatRole, ChatType, Content, Edit, Made, Message, MessagePatch, MessageType, NewChat, NewMessage,
    NewRead, Status, Window,
};
pub use port::Messaging;
