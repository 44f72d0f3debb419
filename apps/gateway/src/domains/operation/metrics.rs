//! `/metrics` for Prometheus.

use actix_web::{HttpResponse, web::Data};
use metrics_exporter_prometheus::PrometheusHandle;

use crate::problem::Answer;

pub async fn all(recorder: Data<PrometheusHandle>) -> Answer<HttpResponse> {
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(recorder.render()))
}
