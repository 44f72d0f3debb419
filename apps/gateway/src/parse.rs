//! Parses JSON of clients: bodies of requests and data of commands.

use actix_web::web;
use clowder_core::input::has_vanishing_number;
use serde_json::Value;

/// From this size on it is parsed on another thread, so that those who share this one do not wait.
const ASIDE: usize = 64 << 10;

/// The value, or what is wrong with the JSON. Nesting is bounded by the parser (128 levels).
pub async fn json<O: AsRef<[u8]> + Send + 'static>(octets: O) -> Result<Value, String> {
    if octets.as_ref().len() <= ASIDE {
        return json_here(octets.as_ref());
    }
    let parsed = web::block(move || json_here(octets.as_ref())).await;
    parsed.unwrap_or_else(|_| Err("it could not be parsed".into()))
}

pub fn json_here(octets: &[u8]) -> Result<Value, String> {
    let value = serde_json::from_slice(octets).map_err(|error| error.to_string())?;
    if str::from_utf8(octets).is_ok_and(has_vanishing_number) {
        return Err("number out of range".into());
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn large_or_small_it_is_the_same() {
        for length in [1, ASIDE, 2 * ASIDE] {
            let text = "x".repeat(length);
            assert_eq!(json(format!(r#"{{"text":"{text}"}}"#)).await, Ok(json!({"text": text})));
            let small = json(format!(r#"{{"text":"{text}","number":1e-400}}"#)).await;
            assert_eq!(small, Err("number out of range".into()));
            assert!(json(format!(r#"{{"text":"{text}"#)).await.is_err());
            assert!(json(format!(r#"{{"text":"{text}\ud800"}}"#)).await.is_err());
        }
    }
}
