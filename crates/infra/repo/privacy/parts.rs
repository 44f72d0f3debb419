//! The registry of everything that is kept about a user: each part says which references to users it answers for, what
//! it puts into a copy, and how it is erased. A table with a reference to users and without a part fails a test.
//!
//! Parts are erased in this order: the account becomes a tombstone first, so that nothing new is written in its old
//! name; the journal comes late, when all changes have been told.

use clowder_core::{Ctx, Result};

use super::{
    super::{db::Tx, dialect::Conn},
    Asking, Erasing, account, deserted, erase, export_files, messages, rewrite,
};
use crate::privacy::{Reference, erased, kept};

pub struct Part {
    pub name: &'static str,
    pub references: &'static [Reference],
    pub files: &'static [File],
    pub erase: Erase,
}

/// Erases one bounded piece, going on from a mark.
pub type Erase = fn(&mut Tx<'_>, &Ctx, &Erasing, Option<&str>) -> Result<EraseStep>;

#[derive(Debug, Default)]
pub struct EraseStep {
    /// How many rows were erased or made nameless.
    pub rows: u64,
    /// Where the next piece begins; `None` when the part is done.
    pub next: Option<String>,
}

/// A file of a copy.
pub struct File {
    pub name: &'static str,
    /// What stands in it, for the person whose copy it is.
    pub about: &'static str,
    pub shape: Shape,
    pub read: Read,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One JSON value.
    One,
    /// A JSON array.
    List,
    /// One JSON value per line, for what may be long.
    Lines,
}

/// Reads one bounded piece of a file, going on from a mark.
pub type Read = fn(&mut Conn, &Asking, Option<&str>) -> Result<ExportPage>;

#[derive(Debug, Default)]
pub struct ExportPage {
    pub items: Vec<serde_json::Value>,
    pub next: Option<String>,
    /// How much was looked at, to tell how far it is.
    pub seen: i64,
}

pub static PARTS: &[Part] = &[
    Part {
        name: "account",
        references: &[
            kept("users", "id", "the tombstone: messages are said by somebody"),
            erased("username_claims", "user_id"),
        ],
        files: &[File {
            name: "account.json",
            about: "your profile, address and role",
            shape: Shape::One,
            read: export_files::account,
        }],
        erase: account::bury,
    },
    Part {
        name: "chats",
        references: &[
            kept("participants", "user_id", "others see with whom they spoke: a deleted user"),
            kept("chats", "creator_id", "counts who has made how many chats; a tombstone makes none"),
            kept("chats", "lowest_reader_id", "one of the participants, of whom the same is true"),
        ],
        files: &[File {
            name: "chats.json",
            about: "the chats you take part in, and since when",
            shape: Shape::List,
            read: export_files::chats,
        }],
        erase: account::announce,
    },
    Part {
        name: "messages",
        references: &[
            kept("messages", "sender_id", "others can read what was said to them, unless it is asked otherwise"),
            erased("message_client_ids", "sender_id"),
            kept("messages", "deleted_by", "tells that a message was taken back, and by nobody else"),
        ],
        files: &[
            File {
                name: "messages.ndjson",
                about: "the messages you sent, one per line",
                shape: Shape::Lines,
                read: export_files::messages,
            },
            File {
                name: "edits.ndjson",
                about: "what your messages said before you edited them, one version per line",
                shape: Shape::Lines,
                read: export_files::edits,
            },
        ],
        erase: messages::take_back,
    },
    Part {
        name: "sessions",
        references: &[kept(
            "sessions",
            "user_id",
            "emptied and ended; swept a day later, when no token of theirs can be about",
        )],
        files: &[File {
            name: "sessions.json",
            about: "the devices you signed in with",
            shape: Shape::List,
            read: export_files::sessions,
        }],
        erase: erase::sessions,
    },
    Part {
        name: "settings",
        references: &[erased("preferences", "user_id")],
        files: &[File {
            name: "settings.json",
            about: "your settings",
            shape: Shape::One,
            read: export_files::settings,
        }],
        erase: erase::settings,
    },
    Part {
        name: "two_factor",
        references: &[erased("two_factor", "user_id"), erased("recovery_codes", "user_id")],
        files: &[File {
            name: "two_factor.json",
            about: "whether you have a second factor; never its secret",
            shape: Shape::One,
            read: export_files::two_factor,
        }],
        erase: erase::two_factor,
    },
    Part {
        name: "emails",
        references: &[erased("mailed_tokens", "user_id"), erased("jobs", "subject_id")],
        files: &[File {
            name: "emails.json",
            about: "emails that asked you to confirm something",
            shape: Shape::List,
            read: export_files::emails,
        }],
        erase: erase::emails,
    },
    Part {
        name: "invites",
        references: &[erased("invites", "created_by")],
        files: &[File {
            name: "invites.json",
            about: "invitations you made",
            shape: Shape::List,
            read: export_files::invites,
        }],
        erase: erase::invites,
    },
    Part {
        name: "api_keys",
        references: &[erased("api_keys", "user_id")],
        files: &[File {
            name: "api_keys.json",
            about: "the keys of your programs; never what opens with them",
            shape: Shape::List,
            read: export_files::api_keys,
        }],
        erase: erase::api_keys,
    },
    Part { name: "exports", references: &[erased("exports", "user_id")], files: &[], erase: erase::exports },
    Part { name: "answers", references: &[erased("answers", "subject_id")], files: &[], erase: erase::answers },
    Part {
        name: "journal",
        references: &[
            kept("journal", "actor_id", "what happened stays in its place; whom it shows is rewritten"),
            kept("journal", "topic_id", "whom it was told stays in its place; what it said of them is rewritten"),
            kept("journal", "follower_id", "who began to follow what stays in its place; it holds ids only"),
        ],
        files: &[],
        erase: rewrite::journal,
    },
    // After everything that finds its way by the memberships.
    Part { name: "deserted_chats", references: &[], files: &[], erase: deserted::clear },
    Part {
        name: "audit",
        references: &[
            kept(
                "audit",
                "actor_id",
                "the log is append-only and chained; what it says is sealed with the key that goes",
            ),
            kept(
                "audit",
                "owner_id",
                "the log is append-only and chained; what it says is sealed with the key that goes",
            ),
            kept(
                "audit",
                "subject_id",
                "the log is append-only and chained; what it says is sealed with the key that goes",
            ),
            kept(
                "audit",
                "target_id",
                "the log is append-only and chained; what it says is sealed with the key that goes",
            ),
            kept("audit_pending", "actor_id", "goes to the log within a second, sealed likewise"),
            kept("audit_pending", "owner_id", "goes to the log within a second, sealed likewise"),
            kept("audit_pending", "subject_id", "goes to the log within a second, sealed likewise"),
            kept("audit_pending", "target_id", "goes to the log within a second, sealed likewise"),
            erased("refusal_windows", "subject_id"),
        ],
        files: &[File {
            name: "security.json",
            about: "what concerned the security of your account",
            shape: Shape::List,
            read: export_files::security,
        }],
        erase: erase::audit,
    },
    Part {
        name: "erasure",
        references: &[kept("erasures", "user_id", "the receipt: proof that it was done, without personal data")],
        files: &[],
        erase: erase::nothing,
    },
    Part {
        name: "key",
        references: &[erased("user_keys", "user_id")],
        files: &[],
        // It goes with the receipt, in one step, as the very last.
        erase: erase::nothing,
    },
];
