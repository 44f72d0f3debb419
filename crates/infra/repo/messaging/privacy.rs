//! Somebody's data in their chats: exported, attributed to a deleted user, and deleted if requested.

pub mod deserted;
mod files;
mod mentions;
mod messages;
mod reactions;
mod receipts;
pub mod walking;

use clowder_core::{ChatId, Ctx, Error, Result, Topic};
use clowder_messaging::CHAT;
use diesel::prelude::*;

use super::super::{
    db::Tx,
    journal,
    privacy::{
        Erasing,
        parts::{EraseStep, File, Part, Phase, Shape},
    },
};
use crate::{
    domains::messaging::participants,
    privacy::{erased, kept},
};

pub const PARTS: &[Part] = &[
    Part {
        name: "chats",
        phase: Phase::Farewell,
        references: &[
            kept("participants", "user_id", "others still see that they talked to a deleted user"),
            kept("chats", "creator_id", "only counts the chats a user has created; a tombstone creates none"),
            kept("chats", "lowest_reader_id", "one of the participants, kept for the same reason"),
        ],
        files: &[File {
            name: "chats.json",
            about: "the chats you are in, and since when",
            shape: Shape::List,
            read: files::chats,
        }],
        erase: announce,
    },
    Part {
        name: "messages",
        phase: Phase::Content,
        references: &[
            kept(
                "messages",
                "sender_id",
                "others can still read messages sent to them, unless the user chose to delete them",
            ),
            erased("message_client_ids", "sender_id"),
            kept("messages", "deleted_by", "shows that its sender deleted the message"),
        ],
        files: &[
            File {
                name: "messages.ndjson",
                about: "the messages you sent, one per line",
                shape: Shape::Lines,
                read: files::messages,
            },
            File {
                name: "edits.ndjson",
                about: "earlier versions of your edited messages, one per line",
                shape: Shape::Lines,
                read: files::edits,
            },
        ],
        erase: messages::take_back,
    },
    Part {
        name: "reactions",
        phase: Phase::Content,
        references: &[erased("message_reactions", "user_id")],
        files: &[File {
            name: "reactions.ndjson",
            about: "your reactions to messages, one per line",
            shape: Shape::Lines,
            read: reactions::export,
        }],
        erase: reactions::take_back,
    },
    Part {
        name: "mentions",
        phase: Phase::Content,
        references: &[erased("message_mentions", "user_id")],
        files: &[File {
            name: "mentions.ndjson",
            about: "where messages mention you, one message per line",
            shape: Shape::Lines,
            read: mentions::export,
        }],
        erase: mentions::forget,
    },
    Part {
        name: "receipts",
        phase: Phase::Content,
        references: &[erased("receipts", "user_id")],
        files: &[File {
            name: "receipts.ndjson",
            about: "when messages arrived at your devices and when you read them, one mark per line",
            shape: Shape::Lines,
            read: receipts::export,
        }],
        erase: receipts::forget,
    },
    Part {
        name: "former_chats",
        phase: Phase::Remains,
        references: &[erased("former_participants", "user_id")],
        files: &[],
        erase: messages::forget_former,
    },
    Part { name: "deserted_chats", phase: Phase::Remains, references: &[], files: &[], erase: deserted::clear },
];

/// How many chats are notified in one piece.
const CHATS: i64 = 100;

/// Notifies everybody who shares a chat. The memberships stay, because others see with whom they talked.
fn announce(tx: &mut Tx<'_>, ctx: &Ctx, erasing: &Erasing, mark: Option<&str>) -> Result<EraseStep> {
    let mut memberships = participants::table
        .filter(participants::user_id.eq(erasing.user))
        .select(participants::chat_id)
        .order(participants::chat_id)
        .limit(CHATS)
        .into_boxed();
    if let Some(mark) = mark {
        let after: ChatId = mark.parse().map_err(|_| Error::internal("a mark that is not a chat"))?;
        memberships = memberships.filter(participants::chat_id.gt(after));
    }
    let chats: Vec<ChatId> = memberships.load(tx.conn)?;
    let told: Vec<_> = chats.iter().map(|chat| erasing.farewell(Topic::new(CHAT, *chat))).collect();
    let told: Vec<_> = told.iter().map(|change| (ctx, change)).collect();
    journal::append_all(tx, &told)?;
    let next = chats.last().filter(|_| chats.len() as i64 == CHATS).map(ToString::to_string);
    Ok(EraseStep { rows: chats.len() as u64, next })
}
