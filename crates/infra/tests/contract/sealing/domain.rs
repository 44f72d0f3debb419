//! What the tests of all domains need to know about sealing.

use clowder_infra::seal::{Under, columns};

use crate::{
    domains::Domain,
    stress::{NOTHING_TO_DO, Performed, Scene},
};

pub const DOMAIN: Domain = Domain {
    writes: &["Sealing::rotate"],
    reads: &["Sealing::held", "Sealing::keys", "Sealing::try_keys"],
    perform,
    ids: &["user_keys.id"],
    never: &[("two keys of one person", "(SELECT user_id FROM user_keys GROUP BY user_id HAVING count(*) > 1) twice")],
    ..Domain::NONE
};

fn perform<'a>(scene: Scene<'a>, write: &'a str) -> Performed<'a> {
    Box::pin(async move {
        let Scene { store, dice, .. } = scene;
        match write {
            "Sealing::rotate" => {
                // With another key than the last time, while others write with theirs.
                let columns: Vec<_> = columns().into_iter().filter(|column| column.under == Under::Ring).collect();
                let piece = store.sealing.rotate(columns[dice.below(columns.len())], None).await?;
                assert_eq!(piece.faults, Vec::<String>::new());
                if piece.resealed == 0 {
                    return Err(NOTHING_TO_DO.into());
                }
            }
            other => panic!("nobody performs {other}"),
        }
        Ok(())
    })
}
