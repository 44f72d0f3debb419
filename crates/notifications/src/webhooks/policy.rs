//! What one may do with endpoints, and how much of it there can be.

use std::time::Duration;

use clowder_core::{Error, FieldError, Refusal, Result, Role, Timestamp, text::Flaw};

use super::{
    Catalogue, DeliveryStatus, DisabledReason, EventTypes, PatchedStatus, WebhookStatus,
    permissions::HEAR_SERVER,
    refusals::{WEBHOOK_BACKLOG, WEBHOOK_DISABLED, WEBHOOK_LIMIT},
};

/// How many endpoints a person can have.
pub const MOST: i64 = 20;
/// How many deliveries can wait for an endpoint. What happens while so many wait is not noted; a recovery finds it.
pub const MOST_WAITING: i32 = 10_000;
/// How many deliveries of an endpoint are kept that do not wait.
pub const MOST_KEPT: i32 = 10_000;
/// How many of the last attempts of a delivery are kept.
pub const MOST_ATTEMPTS: usize = 20;
/// How long deliveries are kept: as long as the journal keeps their bodies.
pub const KEPT_FOR: Duration = Duration::from_secs(7 * 24 * 3_600);
/// How long the keys before a rotation sign beside the new ones.
pub const BOTH_SIGN_FOR: Duration = Duration::from_secs(24 * 3_600);

/// What is known about the place of an endpoint, and about who wants it.
#[derive(Debug, Clone, Copy)]
pub struct PlaceFacts<'f> {
    pub role: Role,
    /// Why the address cannot be called, if it cannot.
    pub closed: Option<&'static str>,
    pub catalogue: &'f Catalogue,
}

/// Whether somebody can have one more endpoint, with these events.
pub fn may_create(count: i64, facts: &PlaceFacts<'_>, event_types: &EventTypes) -> Result<()> {
    may_have(facts, Some(event_types))?;
    if count >= MOST { Err(WEBHOOK_LIMIT.into()) } else { Ok(()) }
}

/// Whether an endpoint can be at this place, and get these events, if they are given.
pub fn may_have(facts: &PlaceFacts<'_>, event_types: Option<&EventTypes>) -> Result<()> {
    let mut errors: Vec<FieldError> = Vec::new();
    if let Some(why) = facts.closed {
        errors.push(Flaw::new("closed", format!("leads where this server must not call ({why})")).at("/url"));
    }
    if let Some(wanted) = event_types {
        match facts.catalogue.check(wanted) {
            Err(Error::Invalid(more)) => errors.extend(more),
            checked => checked?,
        }
        if wanted.are_of_server() && !HEAR_SERVER.is_given_to(facts.role) {
            let role = "contains event types of the whole server, which your role does not allow";
            errors.push(Flaw::new("role", role).at("/event_types"));
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(Error::Invalid(errors)) }
}

/// Whether this endpoint hears of the whole server, now that its owner has this role.
pub fn may_hear_server(role: Role) -> bool {
    HEAR_SERVER.is_given_to(role)
}

/// Why an endpoint is disabled after a patch.
pub fn patched(before: Option<DisabledReason>, status: Option<PatchedStatus>) -> Option<DisabledReason> {
    match status {
        None => before,
        Some(PatchedStatus::Active) => None,
        Some(PatchedStatus::Disabled) => before.or(Some(DisabledReason::Owner)),
    }
}

/// The status that is shown.
pub fn status(disabled: Option<DisabledReason>, failing: bool) -> WebhookStatus {
    match disabled {
        Some(_) => WebhookStatus::Disabled,
        None if failing => WebhookStatus::Failing,
        None => WebhookStatus::Active,
    }
}

/// Whether one more delivery can be ordered by hand.
pub fn may_order(disabled: Option<DisabledReason>, waiting: i32) -> Result<(), Refusal> {
    match disabled {
        Some(_) => Err(WEBHOOK_DISABLED),
        None if waiting >= MOST_WAITING => Err(WEBHOOK_BACKLOG),
        None => Ok(()),
    }
}

/// Whether a delivery that is ordered again counts as one more that waits.
pub fn waits_anew(status: DeliveryStatus) -> bool {
    status != DeliveryStatus::Pending
}

/// When an event is too old to be delivered.
pub fn oldest(now: Timestamp) -> Timestamp {
    now.minus(KEPT_FOR)
}

#[cfg(test)]
mod tests {
    use clowder_core::{Field, Kind};
    use serde_json::json;

    use super::*;
    use crate::webhooks::event_types::Wanted;

    fn types(words: &[&str]) -> EventTypes {
        EventTypes::new(words.iter().map(|word| Wanted::parse(json!(word)).unwrap()))
    }

    #[test]
    fn may_create_table() {
        let catalogue = Catalogue { own: vec!["message.sent"], messages: Vec::new() };
        let verdict = |count, role, closed, words: &[&str]| {
            let facts = PlaceFacts { role, closed, catalogue: &catalogue };
            match may_create(count, &facts, &types(words)) {
                Ok(()) => "ok".to_owned(),
                Err(Error::Refused(refusal)) => refusal.code.to_owned(),
                Err(Error::Invalid(errors)) => {
                    let told = errors.into_iter().map(|error| format!("{} {}", error.pointer, error.code));
                    told.collect::<Vec<_>>().join(", ")
                }
                Err(other) => panic!("{other}"),
            }
        };
        for (count, role, closed, words, expected) in [
            (0, Role::User, None, &["message.sent"][..], "ok"),
            (19, Role::User, None, &["*"], "ok"),
            (20, Role::Admin, None, &["*"], "webhook.limit"),
            (0, Role::User, Some("private"), &["*"], "/url closed"),
            (0, Role::User, Some("private"), &["pet.*"], "/url closed, /event_types/0 choice"),
            (0, Role::User, None, &["*", "server.*"], "/event_types role"),
            (0, Role::Moderator, None, &["server.user.registered"], "/event_types role"),
            (0, Role::Admin, None, &["server.user.registered"], "ok"),
        ] {
            assert_eq!(verdict(count, role, closed, words), expected, "{count} {role:?} {words:?}");
        }
        let facts = PlaceFacts { role: Role::User, closed: None, catalogue: &catalogue };
        assert!(may_have(&facts, None).is_ok(), "what is not given does not change");
    }

    #[test]
    fn patched_table() {
        use DisabledReason::*;
        for (before, patch, after) in [
            (None, None, None),
            (Some(Gone), None, Some(Gone)),
            (Some(Gone), Some(PatchedStatus::Active), None),
            (Some(Gone), Some(PatchedStatus::Disabled), Some(Gone)),
            (None, Some(PatchedStatus::Disabled), Some(Owner)),
            (None, Some(PatchedStatus::Active), None),
        ] {
            assert_eq!(patched(before, patch), after, "{before:?} {patch:?}");
        }
        assert_eq!(status(Some(Gone), true), WebhookStatus::Disabled);
        assert_eq!((status(None, true), status(None, false)), (WebhookStatus::Failing, WebhookStatus::Active));
    }

    #[test]
    fn may_order_table() {
        for (disabled, waiting, expected) in [
            (None, 0, None),
            (None, MOST_WAITING - 1, None),
            (None, MOST_WAITING, Some("webhook.backlog")),
            (Some(DisabledReason::Owner), 0, Some("webhook.disabled")),
        ] {
            let refused = may_order(disabled, waiting).err();
            assert_eq!(refused.map(|refusal| refusal.code), expected);
            assert!(refused.is_none_or(|refusal| refusal.kind == Kind::Conflict));
        }
        assert!(waits_anew(DeliveryStatus::Failed) && waits_anew(DeliveryStatus::Delivered));
        assert!(!waits_anew(DeliveryStatus::Pending));
    }
}
