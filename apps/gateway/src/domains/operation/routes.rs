//! The routes for operators, and of the documents.

use super::{
    docs, examples,
    health::{self, Health},
    metrics,
    problems::{self, Described, Problems},
    start::{self, Start},
};
use crate::{
    refusals::NOT_READY,
    routes::{Endpoint, get},
};

pub fn all() -> Vec<Endpoint> {
    const HTML: &str = "text/html";
    vec![
        get("/", start::page)
            .says("Find the documents and the health checks")
            .called("getStart")
            .notes("Links to the documents that this server serves, and to its health.")
            .public()
            .ignores_others()
            .gives::<Start>(200, "Where to read on"),
        get("/api/health/live", health::live)
            .says("Liveness check")
            .called("checkLiveness")
            .notes("Answers as long as the process can answer. It touches nothing else.")
            .public()
            .any_host()
            .gives::<Health>(200, "The process is running"),
        get("/api/health/ready", health::ready)
            .says("Readiness check")
            .called("checkReadiness")
            .notes("503 while the node should receive no work; `errors` then lists the checks that fail.")
            .public()
            .any_host()
            .gives::<Health>(200, "The node can take requests")
            .fails(&[NOT_READY]),
        get("/api/health", health::report)
            .says("Health, for people")
            .called("getHealth")
            .notes("Lists every check, also those that pass.")
            .public()
            .any_host()
            .gives::<Health>(200, "Every check with its result"),
        get("/api/problems", problems::list)
            .says("List every code that an error can have")
            .called("listProblems")
            .notes("A page for browsers when they ask for HTML.")
            .public()
            .ignores_others()
            .gives::<Problems>(200, "Also as a page, for browsers"),
        get("/api/problems/{code}", problems::one)
            .says("Read what a code means, and which operations can be refused with it")
            .called("getProblem")
            .notes("A page for browsers when they ask for HTML.")
            .public()
            .ignores_others()
            .gives::<Described>(200, "Also as a page, for browsers")
            .fails(&[crate::refusals::ROUTE_UNKNOWN]),
        get("/api/openapi.json", docs::openapi)
            .also("/api/schema")
            .says("This document")
            .called("getOpenApi")
            .notes("Describes the HTTP API. `clowder openapi` prints the same.")
            .public()
            .gives_text("application/json", "OpenAPI 3.1"),
        get("/api/asyncapi.json", docs::asyncapi)
            .says("The messages of the WebSocket")
            .called("getAsyncApi")
            .notes("Describes the frames of the WebSocket. `clowder asyncapi` prints the same.")
            .public()
            .gives_text("application/json", "AsyncAPI 3.0"),
        get("/api/asyncapi", docs::asyncapi_page)
            .says("Read about what goes over the WebSocket")
            .called("showAsyncApi")
            .notes("An HTML page. It loads nothing from other hosts.")
            .public()
            .ignores_others()
            .gives_text(HTML, "The AsyncAPI document as a page"),
        get("/api/swagger", docs::swagger)
            .says("Try the API")
            .called("showSwagger")
            .notes("An HTML page. It loads nothing from other hosts.")
            .public()
            .ignores_others()
            .gives_text(HTML, "Swagger UI"),
        get("/api/swagger/{file}", docs::swagger_file)
            .says("A part of Swagger UI")
            .called("getSwaggerFile")
            .notes("Serves the scripts and style sheets of Swagger UI.")
            .public()
            .ignores_others()
            .gives_text("*/*", "A script or a style sheet")
            .fails(&[crate::refusals::ROUTE_UNKNOWN]),
        get("/api/redoc", docs::redoc)
            .says("Read about the API")
            .called("showRedoc")
            .notes("An HTML page. It loads nothing from other hosts.")
            .public()
            .ignores_others()
            .gives_text(HTML, "ReDoc"),
        get("/api/redoc/redoc.standalone.js", docs::redoc_script)
            .says("A part of ReDoc")
            .called("getRedocScript")
            .notes("Serves the script of ReDoc.")
            .public()
            .ignores_others()
            .gives_text("text/javascript", "Its script"),
    ]
}

/// The endpoint of `/metrics`, wherever it is served.
pub fn metrics() -> Endpoint {
    get("/metrics", metrics::all)
        .says("Metrics for Prometheus")
        .called("getMetrics")
        .notes("Not served here when `METRICS_BIND` names a port of its own.")
        .public()
        .any_host()
        .gives_text("text/plain", "The Prometheus text format")
        .such_as(examples::METRICS)
        .fails(&[crate::refusals::ROUTE_UNKNOWN])
}
