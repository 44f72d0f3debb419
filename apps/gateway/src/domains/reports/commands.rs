//! The command that reports something.

use clowder_core::Input;
use clowder_social::reports::{NewReport, Report, scopes::REPORTS_WRITE};
use serde_json::{Value, json};

use crate::{
    problem::Problem,
    routes::Shape,
    ws::commands::{Call, Command, Done, Reply, done},
};

pub const COMMANDS: &[Command] = &[Command {
    name: "report.create",
    about: "Reports a person, a message, a group or a pet",
    scope: Some(REPORTS_WRITE),
    reaches_others: false,
    takes: Some(Shape::of::<NewReport>),
    example: || json!({"target": {"type": "user", "id": "01993c4e-81d4-7f02-8c1e-52c9b7a4e6f3"}, "category": "spam"}),
    reply: Reply::Ack(Shape::of::<Report>),
    run: |call, data| Box::pin(report(call, data)),
}];

async fn report(call: Call, data: Value) -> Result<Done, Problem> {
    let new = NewReport::from_json(data)?;
    done(call.ports.store.reports.report(&call.ctx, new).await?)
}
