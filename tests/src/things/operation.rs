//! Files of the documents' pages: any name passes the door.

use super::{Comes, Thing};

pub const THINGS: &[Thing] = &[Thing { name: "file", comes: Comes::Never { unknown: "route.unknown" } }];
