//! What the tests of all domains need to know about profiles.

use clowder_accounts::profiles::UserPatch;
use clowder_core::NewJob;
use serde_json::json;

use crate::{
    domains::Domain,
    stress::{Performed, Scene, of},
};

pub const DOMAIN: Domain = Domain {
    writes: &["Profiles::edit_user"],
    reads: &[
        "Profiles::search_users",
        "Profiles::suggestions",
        "Profiles::user",
        "Profiles::user_named",
        "Profiles::users",
    ],
    perform,
    never: &[
        (
            "a person without their names in the index",
            "users u WHERE deleted_at IS NULL AND NOT EXISTS
               (SELECT 1 FROM name_index n WHERE n.user_id = u.id AND n.written = u.display_name)",
        ),
        (
            "parts of names of nobody",
            "name_grams g WHERE NOT EXISTS (SELECT 1 FROM name_index n WHERE n.user_id = g.user_id)",
        ),
    ],
    ..Domain::NONE
};

fn perform<'a>(scene: Scene<'a>, write: &'a str) -> Performed<'a> {
    Box::pin(async move {
        let Scene { stage, store, member, ctx, admin, dice, .. } = scene;
        match write {
            "Profiles::edit_user" => {
                let mut patch = json!({"display_name": stage.fresh("name"), "reason": "a test"});
                if dice.below(3) == 0 {
                    let url = format!("https://tea.example/{}", stage.fresh("page"));
                    patch["links"] = json!([{"label": "Tea", "url": url}]);
                    // As its hour comes, every now and then.
                    let job = NewJob {
                        kind: "profile.recheck_links",
                        payload: b"null".to_vec(),
                        run_at: ctx.now,
                        key: None,
                        subject: None,
                        recipient: None,
                    };
                    store.jobs.order(&ctx, job).await?;
                }
                // Their own profile, or that of somebody who is no administrator.
                let caller = if dice.below(2) == 0 { ctx } else { admin };
                store.profiles.edit_user(&caller, member.id, None, of::<UserPatch>(patch)).await?;
            }
            other => panic!("nobody performs {other}"),
        }
        Ok(())
    })
}
