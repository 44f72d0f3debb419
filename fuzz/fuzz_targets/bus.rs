//! Any message on the bus is heard or ignored: the envelope, hints, canaries, who is online elsewhere, and signals.
#![no_main]

use std::sync::{Arc, LazyLock};

use clowder_core::{Bus, Timestamp};
use clowder_gateway::ws::Passed;
use clowder_infra::{
    bus::{Exchange, InProcess},
    online::Online,
};
use libfuzzer_sys::fuzz_target;
use uuid::Uuid;

const NODE: Uuid = Uuid::max();
const NOW: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

/// A process on a bus, whose journal is the nil one.
static HERE: LazyLock<(Arc<InProcess>, Arc<Exchange>)> = LazyLock::new(|| {
    let (bus, exchange) = (Arc::<InProcess>::default(), Arc::<Exchange>::default());
    exchange.join(Arc::clone(&bus) as Arc<dyn Bus>, Uuid::nil()).unwrap();
    exchange.hear_hints(|reached| assert!(reached.len() <= 100_000));
    exchange.hear_canaries(Box::new(|_| {}));
    exchange.subscribe_to_nodes("online", Box::new(hear_online));
    exchange.subscribe("signal", Box::new(|body| drop(Passed::read(body, |_| true))));
    (bus, exchange)
});

/// Whatever a node says, this one can go on: it looks at people, and tells the others.
fn hear_online(node: Uuid, body: &str) {
    let online = Online::default();
    online.join(Uuid::nil());
    for line in body.lines() {
        online.hear_node(node, line, NOW);
    }
    let looks = online.take(NOW, 20).looks().len();
    assert!(looks <= 20);
    let _ = online.take_messages(std::time::Duration::from_secs(20), NOW);
    online.hear_node(node, r#""bye""#, NOW);
    assert_eq!(online.count(), 0, "nobody has a socket here");
}

fuzz_target!(|text: &str| {
    let (bus, exchange) = &*HERE;
    bus.publish(text.to_owned());
    for subject in ["journal", "online", "signal", "canary"] {
        bus.publish(format!("{NODE} {} {subject} {text}", Uuid::nil()));
    }
    let own = exchange.node().unwrap();
    bus.publish(format!("{own} {} canary {text}", Uuid::nil()));
});
