//! Nobody waits for approval in a walk, and nobody is invited.

use super::{Comes, Thing};

pub const THINGS: &[Thing] = &[
    Thing { name: "sign_up_id", comes: Comes::Never { unknown: "sign_up.unknown" } },
    Thing { name: "invite_id", comes: Comes::Never { unknown: "invite.unknown" } },
];
