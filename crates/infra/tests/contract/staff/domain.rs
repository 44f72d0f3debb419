//! What the tests of all domains need to know about staff.

use clowder_accounts::{
    badges::{Badge, BadgeStep},
    model::NewSuspension,
};
use clowder_core::{Field, Role};
use serde_json::json;

use crate::{
    domains::Domain,
    stress::{Performed, Scene, of},
    world::account,
};

pub const DOMAIN: Domain = Domain {
    writes: &[
        "Staff::create_account",
        "Staff::set_role",
        "Staff::suspend",
        "Staff::lift",
        "Staff::remove_second_factor",
        "Staff::set_badge",
        "Staff::reset_link",
        "Staff::end_sessions",
    ],
    reads: &["Staff::account", "Staff::account_named", "Staff::accounts", "Staff::standing"],
    perform,
    ..Domain::NONE
};

fn perform<'a>(scene: Scene<'a>, write: &'a str) -> Performed<'a> {
    Box::pin(async move {
        let Scene { stage, store, who, member, admin, dice, .. } = scene;
        match write {
            "Staff::create_account" => {
                let made = store.staff.create_account(&admin, account(&stage.fresh("made")), Role::Moderator).await?;
                stage.others.lock().unwrap().push(made.id);
            }
            "Staff::set_role" => {
                let role = [Role::User, Role::Moderator][dice.below(2)];
                store.staff.set_role(&stage.system(), member.id, role).await?;
            }
            "Staff::suspend" => {
                let reason = stage.fresh("x");
                store.staff.suspend(&admin, member.id, of::<NewSuspension>(json!({"reason": reason}))).await?;
            }
            "Staff::lift" => {
                let reason = stage.fresh("x");
                store.staff.suspend(&admin, member.id, of::<NewSuspension>(json!({"reason": reason}))).await?;
                store.staff.lift(&admin, member.id).await?;
            }
            "Staff::remove_second_factor" => {
                stage.enrol(store, who).await?;
                store.staff.remove_second_factor(&admin, member.id).await?;
            }
            "Staff::set_badge" => {
                let step = [BadgeStep::Give, BadgeStep::Take][dice.below(2)];
                let badge = Badge::parse(format!("badge-{}", dice.below(5)).into()).unwrap();
                store.staff.set_badge(&admin, member.id, step, badge).await?;
            }
            "Staff::reset_link" => {
                let link = store.staff.reset_link(&admin, member.id).await?;
                let (_, token) = link.url.split_once("#reset=").unwrap();
                stage.tokens.lock().unwrap().entry("reset").or_default().push(token.to_owned());
            }
            "Staff::end_sessions" => {
                store.staff.end_sessions(&admin, member.id, false).await?;
                stage.login(who).await?;
            }
            other => panic!("nobody performs {other}"),
        }
        Ok(())
    })
}
