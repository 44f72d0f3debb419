//! A copy of somebody's data: nobody asks for one in a walk, for making it takes a job.

use super::{Comes, Thing};

pub const THINGS: &[Thing] = &[Thing { name: "export_id", comes: Comes::Never { unknown: "export.unknown" } }];
