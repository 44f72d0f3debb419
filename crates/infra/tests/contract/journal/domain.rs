//! What the tests of all domains need to know about journal.

use crate::{
    domains::Domain,
    stress::{Performed, Scene},
};

pub const DOMAIN: Domain = Domain {
    writes: &["Journal::sweep"],
    reads: &[
        "Journal::completed",
        "Journal::read",
        "Journal::extent",
        "Journal::followed",
        "Journal::former",
        "Journal::others",
        "Journal::replay",
        "Replay::exceeds",
        "Replay::next",
    ],
    perform,
    ids: &["epoch.id", "former_epochs.epoch", "former_epochs.successor", "journal.followed_id"],
    never: &[(
        "gaps in the journal",
        "streams s WHERE s.head - s.floor <> (SELECT count(*) FROM journal j WHERE j.stream = s.stream AND j.position > s.floor)",
    )],
    ..Domain::NONE
};

fn perform<'a>(scene: Scene<'a>, write: &'a str) -> Performed<'a> {
    Box::pin(async move {
        let Scene { stage, store, .. } = scene;
        match write {
            "Journal::sweep" => drop(store.journal.sweep(&stage.system(), std::time::Duration::ZERO).await?),
            other => panic!("nobody performs {other}"),
        }
        Ok(())
    })
}
