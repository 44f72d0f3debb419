//! Whether this process runs, and whether it should get requests.

use actix_web::{HttpResponse, web::Data};
use clowder_core::text::Flaw;
use clowder_infra::{Check, Upkeep};
use serde::Serialize;

use crate::{
    answer::Shown,
    clock,
    problem::{Answer, Problem},
    refusals,
    stop::Stop,
    ws::Canary,
};

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Health {
    #[schema(example = "ok")]
    pub status: &'static str,
    pub version: &'static str,
    /// The checks, one by one.
    #[schema(value_type = Vec<CheckShape>)]
    pub checks: Vec<Check>,
}

/// One check of what the server depends on.
#[derive(utoipa::ToSchema)]
#[schema(as = Check)]
#[expect(dead_code, reason = "only its schema is used")]
struct CheckShape {
    #[schema(example = "database")]
    name: String,
    ok: bool,
    detail: String,
}

impl Health {
    fn of(checks: Vec<Check>) -> Self {
        let ok = checks.iter().all(|check| check.ok);
        Self { status: if ok { "ok" } else { "failing" }, version: env!("CARGO_PKG_VERSION"), checks }
    }
}

/// Touches nothing: it responds as long as the process runs.
pub async fn live() -> Answer<HttpResponse> {
    Ok(HttpResponse::Ok().json(Health::of(Vec::new())))
}

/// A load balancer sends no requests while this is 503; `errors` then says which checks fail.
pub async fn ready(upkeep: Data<dyn Upkeep>, canary: Data<Canary>, stop: Data<Stop>) -> Answer<Shown<Health>> {
    let mut checks = look(upkeep, canary).await;
    if stop.is_stopping() {
        checks.push(Check { name: "process", ok: false, detail: "is stopping".to_owned() });
    }
    if checks.iter().all(|check| check.ok) {
        return Ok(Shown(Health::of(checks)));
    }
    let failing = checks.into_iter().filter(|check| !check.ok);
    let errors = failing.map(|check| Flaw::new("failing", check.detail).at(check.name)).collect();
    Err(Problem::new(refusals::NOT_READY).errors(errors).retry_after(1))
}

/// The same for people: always 200, whatever the result.
pub async fn report(upkeep: Data<dyn Upkeep>, canary: Data<Canary>) -> Answer<HttpResponse> {
    Ok(HttpResponse::Ok().json(Health::of(look(upkeep, canary).await)))
}

/// Both at the same time, so that the answer comes within a second.
async fn look(upkeep: Data<dyn Upkeep>, canary: Data<Canary>) -> Vec<Check> {
    let canary = canary.into_inner();
    let (mut checks, delivery) = tokio::join!(upkeep.check(clock::now), canary.check());
    checks.push(delivery);
    checks
}
