//! What becomes of the texts that people write, and a call that carries some in its headers.

use serde_json::Value;

use crate::{Answer, User};

/// What happens to a text when its thing is deleted or its author is erased.
pub enum Then {
    /// It disappears from everywhere.
    Gone(&'static str),
    /// It stays, and why.
    Kept(&'static str),
    /// It is never stored, for this reason.
    Never(&'static str),
}

pub const SECRET: Then = Then::Never("it is compared with a hash, or is a token");
pub const WORD: Then = Then::Never("only the words, names and versions that are known are taken");
pub const TYPED: Then = Then::Never("a name that is looked up is kept as a keyed hash");

/// A call with texts of the caller's choice in its headers.
pub async fn call(user: &User, method: &str, path: &str, body: Value, key: &str) -> Answer {
    let request = user.request(method, path);
    let request = if body.is_null() { request } else { request.json(&body) };
    let request = request.header("x-request-id", "zqrequest-1").header("user-agent", "zqagent/1");
    let request = if key.is_empty() { request } else { request.header("idempotency-key", key) };
    Answer::to(request).await
}
