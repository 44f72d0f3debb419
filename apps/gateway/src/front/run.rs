//! Runs a handler. A panic affects only its own request.

use std::{any::Any, panic::AssertUnwindSafe};

use actix_web::{HttpRequest, HttpResponse, dev::Payload};
use futures_util::FutureExt;

use crate::{
    problem::{Answer, Problem},
    refusals,
    routes::Endpoint,
};

pub async fn run(endpoint: &Endpoint, request: &HttpRequest, payload: Payload) -> Answer<HttpResponse> {
    AssertUnwindSafe((endpoint.run)(request.clone(), payload))
        .catch_unwind()
        .await
        .unwrap_or_else(|panic| Err(Problem::new(refusals::INTERNAL).fault(told(&*panic))))
}

/// The panic message of a handler.
fn told(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panic: {}", text.unwrap_or("without a word"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use actix_web::{body, http::header, test::TestRequest};
    use serde_json::Value;

    use super::*;
    use crate::{
        app,
        config::Config,
        front::{Front, LocalLimits, Meter},
        routes::{Router, get},
        stop,
    };

    async fn panics() -> Answer<HttpResponse> {
        panic!("a secret of the {}", "server")
    }

    async fn works() -> Answer<HttpResponse> {
        Ok(HttpResponse::NoContent().finish())
    }

    #[actix_web::test]
    async fn a_panic_is_a_problem_and_the_next_request_is_served() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config { data_dir: folder.path().to_owned(), ..Config::default() };
        let store = app::open(&config).await.unwrap();
        let router = Router::new(vec![get("/panics", panics).public(), get("/works", works).public()]).unwrap();
        let (_stopper, stop) = stop::channel();
        let limits = Arc::new(LocalLimits::new(1.0));
        let front = Front::new(&config, router, &store, limits, stop);
        let serve = async |path| {
            let request = TestRequest::get().uri(path).insert_header((header::HOST, "localhost"));
            front.serve(&Meter::default(), request.to_srv_request()).await.into_parts().1
        };
        let answer = serve("/panics").await;
        assert_eq!(answer.status(), 500);
        assert_eq!(answer.headers().get(header::CONTENT_TYPE).unwrap(), "application/problem+json");
        let id = answer.headers().get("x-request-id").unwrap().to_str().unwrap().to_owned();
        let body = body::to_bytes(answer.into_body()).await.unwrap();
        assert!(!String::from_utf8_lossy(&body).contains("secret"), "what went wrong is for the log");
        let problem: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((&problem["code"], &problem["request_id"]), (&"internal".into(), &id.into()));
        assert_eq!(serve("/works").await.status(), 204);
    }
}
