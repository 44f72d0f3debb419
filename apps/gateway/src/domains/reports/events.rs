//! Events of reports and statements. They contain no text.

use clowder_social::reports::{
    change::{ReportTold, StatementTold},
    scopes::REPORTS_READ,
};
use serde_json::{Value, json};

use crate::{
    docs::examples::{AT, BOB, THING},
    routes::Shape,
    ws::{Event, Kind},
};

pub const EVENTS: &[Event] = &[
    Event {
        name: "report.made",
        about: "You reported something on one of your devices",
        scope: Some(REPORTS_READ),
        kind: Kind::Durable,
        shape: Shape::of::<ReportTold>,
        example: || told("open", Value::Null),
    },
    Event {
        name: "report.updated",
        about: "A moderator took your report, or an appeal opened it again",
        scope: Some(REPORTS_READ),
        kind: Kind::Durable,
        shape: Shape::of::<ReportTold>,
        example: || told("reviewing", Value::Null),
    },
    Event {
        name: "report.decided",
        about: "Your report was decided",
        scope: Some(REPORTS_READ),
        kind: Kind::Durable,
        shape: Shape::of::<ReportTold>,
        example: || told("resolved", json!({"action": "warn", "decided_at": AT})),
    },
    Event {
        name: "statement.issued",
        about: "A moderator decided about you or something of yours; the reason is in your statements",
        scope: Some(REPORTS_READ),
        kind: Kind::Durable,
        shape: Shape::of::<StatementTold>,
        example: || json!({"statement_id": THING, "action": "warn", "appeal_status": null}),
    },
    Event {
        name: "statement.updated",
        about: "You appealed on one of your devices, or your appeal was decided",
        scope: Some(REPORTS_READ),
        kind: Kind::Durable,
        shape: Shape::of::<StatementTold>,
        example: || json!({"statement_id": THING, "action": "warn", "appeal_status": "upheld"}),
    },
];

fn told(status: &str, resolution: Value) -> Value {
    json!({
        "report_id": THING, "target": {"type": "user", "id": BOB}, "status": status, "resolution": resolution
    })
}
