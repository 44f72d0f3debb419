//! Which types of events there are, from the tables of events of all domains.

use std::{collections::BTreeSet, sync::LazyLock};

use clowder_notifications::webhooks::{
    Catalogue, EventAudience, WebhookEventType,
    server_events::{self, ServerEvent, ServerEventTold},
};
use serde_json::{Value, json};

use crate::{
    docs::{
        event_schemas::standing_alone,
        examples::{ADA, AT, THING},
    },
    domains::DOMAINS,
    routes::Shape,
    ws::{self, Event, Kind},
};

/// What the store needs to know of them.
pub fn catalogue() -> Catalogue {
    Catalogue {
        own: own().map(|event| event.name).collect(),
        messages: DOMAINS.iter().flat_map(|domain| domain.messages).copied().collect(),
    }
}

/// What endpoints can hear of their owners: what is written to the journal, except what is about endpoints.
fn own() -> impl Iterator<Item = &'static Event> {
    ws::events().filter(|event| event.kind == Kind::Durable && !event.name.starts_with("webhook."))
}

/// Everything that an endpoint can ask for: types, beginnings of types, and `*`.
pub fn wanted() -> BTreeSet<String> {
    let names = || own().map(|event| event.name).chain(server_events::names());
    let beginnings = names().flat_map(|name| name.match_indices('.').map(|(end, _)| format!("{}.*", &name[..end])));
    names().map(str::to_owned).chain(beginnings).chain(["*".to_owned()]).collect()
}

/// All types, in the order of their names.
pub fn all() -> &'static [WebhookEventType] {
    static ALL: LazyLock<Vec<WebhookEventType>> = LazyLock::new(gather);
    &ALL
}

fn gather() -> Vec<WebhookEventType> {
    let events: Vec<&Event> = own().collect();
    let mut shapes: Vec<Shape> = events.iter().map(|event| (event.shape)()).collect();
    shapes.push(Shape::of::<ServerEventTold>());
    let mut schemas = standing_alone(&shapes);
    let of_server = schemas.pop().unwrap_or_default();
    let own = events.into_iter().zip(schemas).map(|(event, schema)| WebhookEventType {
        name: event.name.to_owned(),
        description: event.about.to_owned(),
        audience: EventAudience::Own,
        schema,
        example: example(event.name, (event.example)()),
    });
    let on_server = server_events::ALL.iter().map(|ServerEvent { name, about, .. }| WebhookEventType {
        name: (*name).to_owned(),
        description: (*about).to_owned(),
        audience: EventAudience::Server,
        schema: of_server.clone(),
        example: example(name, json!({"user_id": ADA, "actor_id": null, "target_id": THING})),
    });
    let mut all: Vec<_> = own.chain(on_server).collect();
    all.sort_by(|one, other| one.name.cmp(&other.name));
    all
}

/// A whole body.
fn example(name: &str, data: Value) -> Value {
    json!({"type": name, "timestamp": AT, "data": data})
}

#[cfg(test)]
mod tests {
    use clowder_core::Field;
    use clowder_notifications::webhooks::{EventTypes, event_types::Wanted};

    use super::*;

    #[test]
    fn every_type_can_be_asked_for() {
        let catalogue = catalogue();
        assert!(all().len() > 60, "{}", all().len());
        for event in all() {
            assert!(Wanted::parse(json!(event.name)).is_ok(), "{}", event.name);
            let is_own = event.audience == EventAudience::Own;
            assert_eq!(catalogue.has(&event.name), is_own, "{}", event.name);
            let validator = jsonschema::validator_for(&event.schema).unwrap();
            assert!(validator.is_valid(&event.example["data"]), "{}", event.name);
        }
        for word in wanted() {
            let wanted = EventTypes::new([Wanted::parse(json!(word)).unwrap()]);
            assert!(catalogue.check(&wanted).is_ok(), "{word}");
        }
        assert!(catalogue.shows_message("message.sent") && !catalogue.has("typing.start") && !catalogue.has("hello"));
    }
}
