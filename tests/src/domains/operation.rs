//! Files of the documents' pages, where any name passes the door, and codes of problems.

use super::{Comes, Thing};

pub const THINGS: &[Thing] = &[
    Thing { name: "file", comes: Comes::Never { unknown: "route.unknown" } },
    Thing { name: "code", comes: Comes::Made(|_| Box::pin(async { "chat.unknown".to_owned() })) },
];
