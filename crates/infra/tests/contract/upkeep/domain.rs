//! What the tests of all domains need to know about upkeep.

use clowder_infra::clock::Evidence;

use crate::{
    domains::Domain,
    stress::{Performed, Scene},
};

pub const DOMAIN: Domain = Domain {
    writes: &["Upkeep::put_clock_right", "Upkeep::sweep", "Upkeep::write_canary"],
    reads: &["Upkeep::check", "Upkeep::recall", "Upkeep::skew", "Upkeep::start_anew", "Upkeep::was_ahead"],
    perform,
    ..Domain::NONE
};

fn perform<'a>(scene: Scene<'a>, write: &'a str) -> Performed<'a> {
    Box::pin(async move {
        let Scene { stage, store, ctx, .. } = scene;
        match write {
            "Upkeep::put_clock_right" => drop(store.upkeep.put_clock_right(ctx.now, Evidence::Returned).await?),
            "Upkeep::sweep" => drop(store.upkeep.sweep(&stage.system(), std::time::Duration::MAX).await?),
            "Upkeep::write_canary" => drop(store.upkeep.write_canary(&stage.system()).await?),
            other => panic!("nobody performs {other}"),
        }
        Ok(())
    })
}
