//! Responses of health checks and of the list of problems.

use clowder_messaging::refusals::CHAT_UNKNOWN;
use serde_json::{Value, json};

pub fn of(name: &str) -> Option<Value> {
    Some(match name {
        "Start" => json!({
            "name": "Clowder", "openapi": "/api/openapi.json", "asyncapi": "/api/asyncapi.json", "swagger": "/api/swagger",
            "asyncapi_page": "/api/asyncapi", "problems": "/api/problems", "health": "/api/health"
        }),
        "Health" => json!({
            "status": "ok", "version": env!("CARGO_PKG_VERSION"),
            "checks": [{ "name": "database", "ok": true, "detail": "answers" }]
        }),
        "Problems" => json!({
            "items": [{ "code": "chat.unknown", "status": 404, "title": CHAT_UNKNOWN.title }]
        }),
        "ProblemType" => json!({
            "code": "chat.unknown", "status": 404, "title": CHAT_UNKNOWN.title,
            "operations": [{ "method": "GET", "path": "/api/chats/{chat_id}", "summary": "Read a chat" }]
        }),
        _ => return None,
    })
}

/// A few lines of the Prometheus text format.
pub const METRICS: &str = "# TYPE clowder_sockets gauge\nclowder_sockets 42\n";
