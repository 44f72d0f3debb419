//! Counts requests by route, method and status for `/metrics`.

use std::{cell::RefCell, collections::HashMap};

use actix_web::http::{Method, StatusCode};
use metrics::{Counter, Histogram, counter, histogram};

/// The metric handles of one worker. A lookup here is cheaper than asking the recorder for each request.
#[derive(Default)]
pub struct Meter {
    handles: RefCell<HashMap<Line, (Counter, Histogram)>>,
}

/// The labels: route, method, status.
type Line = (&'static str, Method, u16);

impl Meter {
    /// `route` is the template, never the path: the number of paths is unlimited.
    pub fn count(&self, route: &'static str, method: &Method, status: StatusCode, seconds: f64) {
        let mut handles = self.handles.borrow_mut();
        let (count, duration) = handles.entry((route, known(method), status.as_u16())).or_insert_with_key(|key| {
            let method = key.1.to_string();
            let counted = counter!(
                "http_requests_total",
                "route" => route, "method" => method.clone(), "status" => status.as_str().to_owned()
            );
            (counted, histogram!("http_request_duration_seconds", "route" => route, "method" => method))
        });
        count.increment(1);
        duration.record(seconds);
    }
}

/// Clients can send any method; unknown ones share a label.
fn known(method: &Method) -> Method {
    match *method {
        Method::GET | Method::HEAD | Method::POST | Method::PUT | Method::PATCH | Method::DELETE | Method::OPTIONS => {
            method.clone()
        }
        _ => Method::TRACE,
    }
}
