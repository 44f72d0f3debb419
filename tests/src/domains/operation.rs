//! The documents' pages, where any name of a file passes the door, health, and codes of problems.

use super::{Domain, Reasons};
use crate::things::{Comes, Thing};

pub const DOMAIN: Domain =
    Domain { things: THINGS, open: OPEN, shared: SHARED, not_sent: NOT_SENT, ..Domain::new("Operation") };

const THINGS: &[Thing] = &[
    Thing { name: "file", comes: Comes::Never { unknown: "route.unknown" } },
    Thing { name: "code", comes: Comes::Made(|_| Box::pin(async { "chat.unknown".to_owned() })) },
];

const OPEN: Reasons = &[
    ("GET /api/health", "for those who watch the server"),
    ("GET /api/health/live", "for those who watch the server"),
    ("GET /api/health/ready", "for those who watch the server"),
    ("GET /metrics", "for those who watch the server"),
    ("GET /", "documentation"),
    ("GET /api/problems", "documentation"),
    ("GET /api/problems/{code}", "documentation"),
    ("GET /api/openapi.json", "documentation"),
    ("GET /api/schema", "documentation"),
    ("GET /api/asyncapi.json", "documentation"),
    ("GET /api/asyncapi", "documentation"),
    ("GET /api/swagger", "documentation"),
    ("GET /api/redoc", "documentation"),
    ("GET /api/redoc/redoc.standalone.js", "documentation"),
    ("GET /api/swagger/{file}", "documentation"),
];

const SHARED: Reasons = &[("GET /api/swagger/{file}", "documentation"), ("GET /api/problems/{code}", "documentation")];

const NOT_SENT: Reasons = &[("getSwaggerFile", "a file, which has no example")];
