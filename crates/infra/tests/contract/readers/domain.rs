//! What the tests of all domains need to know about the readers of the journal.

use clowder_infra::readers::{LEASE, Rewind};

use crate::{
    domains::Domain,
    stress::{Performed, Scene},
};

pub const DOMAIN: Domain = Domain {
    writes: &["Readers::read", "Readers::rewind"],
    reads: &["Readers::list"],
    perform,
    ahead: |world| {
        Box::pin(async move {
            world.person("reader").await;
            crate::readers::read_all(&world.store, world).await;
            Ok(())
        })
    },
    lasts: &[("readers.lease_until", |_| LEASE)],
    ids: &["readers.epoch", "readers.holder"],
    never: &[(
        "a reader that is ahead of the journal",
        "reader_positions p JOIN streams s ON s.stream = p.stream WHERE p.position > s.head",
    )],
    met: &[("reader that has read something", "reader_positions WHERE position > 0")],
    ..Domain::NONE
};

fn perform<'a>(scene: Scene<'a>, write: &'a str) -> Performed<'a> {
    Box::pin(async move {
        let Scene { stage, store, .. } = scene;
        match write {
            "Readers::read" => store.readers.read(&stage.system()).await.map(drop),
            "Readers::rewind" => store.readers.rewind("notifications".into(), Rewind::To(0)).await.map(drop),
            other => panic!("nobody performs {other}"),
        }
    })
}
