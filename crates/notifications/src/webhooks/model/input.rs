//! Inputs of webhooks.

use clowder_core::{
    Field, Fields, Input, Nullable, Timestamp,
    input::string,
    text::{self, Flaw},
};
use serde_json::Value;

use super::{DeliveryStatus, PatchedStatus};
use crate::webhooks::{
    WebhookUrl,
    event_types::{EventTypes, MOST, Wanted},
};

/// What an owner writes about an endpoint: 1 to 500 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description(String);

impl Description {
    pub fn into_string(self) -> String {
        self.0
    }
}

impl Field for Description {
    fn parse(value: Value) -> Result<Self, Flaw> {
        text::prose(&string(value)?, 1, 500).map(Self)
    }
}

/// `{url, event_types, description?, asymmetric?}`
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(example = json!({"url": "https://bot.example/hook", "event_types": ["message.sent", "chat.*"], "description": "The bot of our team"}))]
pub struct NewWebhook {
    /// Must begin with `https:`, and lead to a public address.
    #[schema(value_type = String, min_length = 1, max_length = 2000)]
    pub url: WebhookUrl,
    /// Types of events by their names; or the beginning of some and `.*`; or `*` for all that are not of the whole server.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 50)]
    pub event_types: EventTypes,
    #[schema(value_type = Option<String>, min_length = 1, max_length = 500)]
    pub description: Option<Description>,
    /// Whether calls are also signed with `v1a`, which receivers check with a public key.
    #[schema(value_type = Option<bool>, default = false)]
    pub asymmetric: bool,
}

impl Input for NewWebhook {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (url, wanted) = (fields.required("url"), fields.required_list::<Wanted>("event_types", MOST));
        let (description, asymmetric) = (fields.optional("description"), fields.optional("asymmetric"));
        let event_types = wanted.and_then(|wanted| some(fields, wanted));
        Some(Self {
            url: url?,
            event_types: event_types?,
            description: description?,
            asymmetric: asymmetric?.unwrap_or_default(),
        })
    }
}

/// At least one.
fn some(fields: &mut Fields, wanted: Vec<Wanted>) -> Option<EventTypes> {
    if wanted.is_empty() {
        fields.flaw("event_types", Flaw::new("required", "must name at least one event type"));
        return None;
    }
    Some(EventTypes::new(wanted))
}

/// `{url?, event_types?, description?, status?}`
#[derive(Debug, Clone, Default, utoipa::ToSchema)]
#[schema(example = json!({"description": "The bot of our team"}))]
pub struct WebhookPatch {
    #[schema(value_type = Option<String>, min_length = 1, max_length = 2000)]
    pub url: Option<WebhookUrl>,
    #[schema(value_type = Vec<String>, required = false, min_items = 1, max_items = 50)]
    pub event_types: Option<EventTypes>,
    /// `null` takes it away.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 500)]
    pub description: Option<Nullable<Description>>,
    /// `active` also makes an endpoint start anew that failed or was gone; what waits for it is delivered.
    pub status: Option<PatchedStatus>,
}

impl Input for WebhookPatch {
    fn read(fields: &mut Fields) -> Option<Self> {
        let url = fields.optional("url");
        let wanted = fields.list_patch::<Wanted>("event_types", MOST);
        let (description, status) = (fields.patch("description"), fields.optional("status"));
        let event_types = match wanted {
            Some(Some(wanted)) => some(fields, wanted).map(Some),
            Some(None) => Some(None),
            None => None,
        };
        Some(Self { url: url?, event_types: event_types?, description: description?, status: status? })
    }
}

/// `{since}`
#[derive(Debug, Clone, Copy, utoipa::ToSchema)]
#[schema(example = json!({"since": "2026-01-01T08:00:00Z"}))]
pub struct NewRecovery {
    /// From when on. The journal has the last 7 days.
    pub since: Timestamp,
}

impl Input for NewRecovery {
    fn read(fields: &mut Fields) -> Option<Self> {
        let since: Option<Timestamp> = fields.required("since");
        fields.expect_now("since", |now| {
            since.filter(|since| *since > now).map(|_| Flaw::new("future", "must not be in the future"))
        });
        Some(Self { since: since? })
    }
}

/// Which deliveries are listed.
#[derive(Debug, Clone, Copy, Default)]
pub struct DeliveryFilter {
    pub status: Option<DeliveryStatus>,
}

#[cfg(test)]
mod tests {
    use clowder_core::{Error, Result};
    use serde_json::json;

    use super::*;

    fn wrong<T>(read: Result<T>) -> Vec<(String, String)> {
        let Err(Error::Invalid(errors)) = read else { return Vec::new() };
        errors.into_iter().map(|error| (error.pointer, error.code.into_owned())).collect()
    }

    fn expected(errors: &[(&str, &str)]) -> Vec<(String, String)> {
        errors.iter().map(|(pointer, code)| ((*pointer).to_owned(), (*code).to_owned())).collect()
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let good = json!({"url": "https://a.example", "event_types": ["message.*", "message.*"]});
        let new = NewWebhook::from_json(good).unwrap();
        assert_eq!((new.event_types.joined().as_str(), new.asymmetric), ("message.*", false));
        for (body, errors) in [
            (json!({}), &[("/url", "required"), ("/event_types", "required")][..]),
            (json!({"url": "x", "event_types": []}), &[("/url", "url"), ("/event_types", "required")]),
            (
                json!({"url": "https://a.example", "event_types": ["a", "B"], "description": " ", "asymmetric": 1}),
                &[("/event_types/1", "choice"), ("/description", "required"), ("/asymmetric", "type")],
            ),
            (json!({"url": "https://a.example", "event_types": vec!["a"; MOST + 1]}), &[("/event_types", "too_many")]),
        ] {
            assert_eq!(wrong(NewWebhook::from_json(body.clone())), expected(errors), "{body}");
        }
    }

    #[test]
    fn a_patch_changes_what_it_has() {
        let nothing = WebhookPatch::from_json(json!({})).unwrap();
        assert!(nothing.url.is_none() && nothing.description.is_none() && nothing.status.is_none());
        let patch = WebhookPatch::from_json(json!({"description": null, "status": "active"})).unwrap();
        assert_eq!((patch.description, patch.status), (Some(Nullable(None)), Some(PatchedStatus::Active)));
        for (body, errors) in [
            (json!({"event_types": null}), &[("/event_types", "required")][..]),
            (json!({"status": "failing"}), &[("/status", "choice")]),
        ] {
            assert_eq!(wrong(WebhookPatch::from_json(body.clone())), expected(errors), "{body}");
        }
    }

    #[test]
    fn a_recovery_begins_in_the_past() {
        let now = Timestamp::from_micros(1_790_000_000_000_000);
        let since = |at: Timestamp| NewRecovery::from_json_at(json!({"since": at.to_string()}), now);
        assert!(since(now).is_ok());
        assert_eq!(wrong(since(now.plus(std::time::Duration::from_secs(1)))), expected(&[("/since", "future")]));
    }
}
