//! The guarantees of `PushSubscriptions`, and of the job that hands over what waits.

pub mod domain;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use clowder_core::{Actor, ChatId, Ctx, Error, Input, PageRequest, Result, Timestamp};
use clowder_infra::{Options, Store};
use clowder_messaging::NewChat;
use clowder_notifications::push::{
    Offers, Outcome, Payload, Push, PushKind, PushSubscription, Sender, Target, VapidKey, payload::MOST_WEB, policy,
};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use crate::{
    privacy::work,
    readers::read_all,
    stress::of,
    world::{Person, World, code, on_both},
};

/// A push service that answers as it is told, and otherwise takes everything.
#[derive(Default)]
pub struct Service {
    taken: Mutex<Vec<(String, Push)>>,
    next: Mutex<Vec<Outcome>>,
}

#[async_trait]
impl Sender for Service {
    fn may_call(&self, endpoint: &str) -> bool {
        endpoint.starts_with("https://push.example/")
    }

    async fn send(&self, _: Timestamp, _: &VapidKey, target: &Target, push: &Push) -> Outcome {
        let next = self.next.lock().unwrap().pop();
        let outcome = next.unwrap_or(Outcome::Delivered);
        if outcome == Outcome::Delivered {
            self.taken.lock().unwrap().push((target.device().to_owned(), push.clone()));
        }
        outcome
    }
}

impl Service {
    /// What was taken since the last call.
    fn taken(&self) -> Vec<(String, Push)> {
        std::mem::take(&mut self.taken.lock().unwrap())
    }

    fn bodies(&self) -> Vec<String> {
        self.taken().into_iter().map(|(_, push)| push.payload.body).collect()
    }

    fn answers(&self, outcome: Outcome) {
        self.next.lock().unwrap().push(outcome);
    }
}

/// Lets a store reach devices of all kinds.
pub fn offer(options: &mut Options, service: Arc<dyn Sender>) {
    options.push.sender = Some(service);
    options.push.offers = Offers { web: true, fcm: true, apns_topics: vec!["org.example.chat".into()] };
    options.push.new_key = Some(clowder_infra::push::new_key);
}

/// Of RFC 8291.
const P256DH: &str = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";

pub fn browser(name: &str) -> Value {
    let keys = json!({"p256dh": P256DH, "auth": "BTBZMqHH6r4Tts7J_aSIgg"});
    json!({"kind": "web", "endpoint": format!("https://push.example/{name}"), "keys": keys})
}

pub fn phone(token: &str) -> Value {
    json!({"kind": "fcm", "token": token, "app": "org.example.android"})
}

pub async fn subscribe(world: &World, store: &Store, who: &Person, device: Value) -> Result<PushSubscription> {
    store.push.subscribe(&world.ctx(who), of(device)).await
}

async fn own(world: &World, who: &Person) -> Vec<PushSubscription> {
    world.store.push.push_subscriptions(&world.ctx(who), PageRequest::default()).await.unwrap().items
}

/// A node with such a service, and a chat of two.
async fn stage(world: &World) -> (Arc<Service>, Store, [Person; 2], ChatId) {
    let service = Arc::new(Service::default());
    let node = world.node_with(|options| offer(options, Arc::clone(&service) as Arc<dyn Sender>)).await;
    let [ada, bob] = world.people(["ada", "bob"]).await;
    let new = NewChat::from_json(json!({"type": "private", "participant_ids": [bob.id]})).unwrap();
    let chat = world.store.messaging.create_chat(&world.ctx(&ada), new).await.unwrap().into_inner().id;
    (service, node, [ada, bob], chat)
}

/// Until everything that is due now is sent.
async fn send_due(world: &World, node: &Store) {
    read_all(node, world).await;
    world.wait(Duration::from_secs(4));
    work(world, node).await;
}

on_both! {
    async fn a_device_is_told_what_its_owner_is_told(world: World) {
        let (service, node, [ada, bob], chat) = stage(&world).await;
        let made = subscribe(&world, &node, &bob, browser("bob")).await.unwrap();
        assert_eq!((made.kind, made.service.as_deref(), made.current), (PushKind::Web, Some("push.example"), true));
        let phone_of_bob = subscribe(&world, &node, &bob, phone("android")).await.unwrap();
        let said = world.say(&ada, chat, "hello").await;
        read_all(&node, &world).await;
        work(&world, &node).await;
        assert!(service.taken().is_empty(), "it waits a little");
        world.wait(Duration::from_secs(4));
        work(&world, &node).await;
        let mut taken = service.taken();
        taken.sort_by(|(one, _), (other, _)| one.cmp(other));
        let devices: Vec<&str> = taken.iter().map(|(device, _)| device.as_str()).collect();
        assert_eq!(devices, ["android", "https://push.example/bob"]);
        let [(_, first), (_, second)] = &taken[..] else { panic!("two devices") };
        assert_eq!((first.payload.body.as_str(), first.payload.message_id), ("hello", Some(said.id)));
        assert_eq!(first.payload, second.payload);
        assert_ne!(first.topic, second.topic, "services cannot tell that both are of one person");
        assert!(first.topic.len() == 32 && BASE64URL_NOPAD.decode(first.topic.as_bytes()).is_ok());
        assert!(first.payload.fitted(MOST_WEB, Payload::json).len() < 500);
        assert!(own(&world, &bob).await.iter().all(|one| one.last_used_at.is_some()));
        assert!(own(&world, &ada).await.is_empty());
        // One's own messages wake nobody.
        world.say(&bob, chat, "hi").await;
        send_due(&world, &node).await;
        assert!(service.taken().is_empty());
        assert_eq!(code(world.store.push.unsubscribe(&world.ctx(&ada), made.id).await), "push.unknown");
        world.store.push.unsubscribe(&world.ctx(&bob), made.id).await.unwrap();
        assert_eq!(own(&world, &bob).await.iter().map(|one| one.id).collect::<Vec<_>>(), [phone_of_bob.id]);
    }

    async fn a_device_has_one_subscription_whoever_is_signed_in(world: World) {
        let (service, node, [ada, bob], chat) = stage(&world).await;
        let first = subscribe(&world, &node, &bob, browser("shared")).await.unwrap();
        let again = subscribe(&world, &node, &bob, browser("shared")).await.unwrap();
        assert_eq!(again.id, first.id);
        world.say(&ada, chat, "for bob alone").await;
        read_all(&node, &world).await;
        let eve = world.person("eve").await;
        let second = subscribe(&world, &node, &eve, browser("shared")).await.unwrap();
        assert_ne!(second.id, first.id);
        world.wait(Duration::from_secs(4));
        work(&world, &node).await;
        assert!(service.taken().is_empty(), "what waited is not shown to whoever is signed in now");
        assert!(own(&world, &bob).await.is_empty());
        assert_eq!(own(&world, &eve).await.len(), 1);
    }

    async fn what_was_read_meanwhile_is_dropped(world: World) {
        let (service, node, [ada, bob], chat) = stage(&world).await;
        subscribe(&world, &node, &bob, browser("bob")).await.unwrap();
        let said = world.say(&ada, chat, "read elsewhere").await;
        read_all(&node, &world).await;
        world.store.messaging.read(&world.ctx(&bob), chat, of(json!({"seq": said.seq}))).await.unwrap();
        send_due(&world, &node).await;
        assert!(service.taken().is_empty());
        // What was deleted is not told either.
        let said = world.say(&ada, chat, "never mind").await;
        read_all(&node, &world).await;
        world.store.messaging.delete(&world.ctx(&ada), said.id, None).await.unwrap();
        send_due(&world, &node).await;
        assert!(service.taken().is_empty());
    }

    async fn something_later_takes_the_place_of_what_waits(world: World) {
        let (service, node, [ada, bob], chat) = stage(&world).await;
        subscribe(&world, &node, &bob, browser("bob")).await.unwrap();
        for text in ["one", "two", "three"] {
            world.say(&ada, chat, text).await;
            read_all(&node, &world).await;
        }
        send_due(&world, &node).await;
        assert_eq!(service.bodies(), ["three"]);
        world.say(&ada, chat, "four").await;
        send_due(&world, &node).await;
        assert_eq!(service.bodies(), ["four"]);
    }

    async fn what_a_service_answers_decides(world: World) {
        let (service, node, [ada, bob], chat) = stage(&world).await;
        subscribe(&world, &node, &bob, browser("bob")).await.unwrap();
        let failed = |seconds: Option<u64>| Outcome::Failed {
            retry_after: seconds.map(Duration::from_secs),
            why: "503".into(),
        };
        // Tried again after a pause, and after the one that the service wants.
        service.answers(failed(None));
        world.say(&ada, chat, "again").await;
        send_due(&world, &node).await;
        assert!(service.taken().is_empty());
        world.wait(Duration::from_secs(8));
        work(&world, &node).await;
        assert_eq!(service.bodies(), ["again"]);
        service.answers(failed(Some(60)));
        world.say(&ada, chat, "later").await;
        send_due(&world, &node).await;
        world.wait(Duration::from_secs(30));
        work(&world, &node).await;
        assert!(service.taken().is_empty(), "the service has asked for a minute");
        world.wait(Duration::from_secs(40));
        work(&world, &node).await;
        assert_eq!(service.bodies(), ["later"]);
        // Not again, and no more than so often in a row.
        service.answers(Outcome::Refused("413".into()));
        world.say(&ada, chat, "refused").await;
        send_due(&world, &node).await;
        world.wait(Duration::from_secs(3600));
        work(&world, &node).await;
        assert!(service.taken().is_empty());
        assert_eq!(own(&world, &bob).await.len(), 1);
        for _ in 1..policy::MOST_REFUSALS {
            service.answers(Outcome::Refused("403".into()));
            world.say(&ada, chat, "refused").await;
            send_due(&world, &node).await;
        }
        assert!(own(&world, &bob).await.is_empty(), "it is of no use");
        // A device that is gone.
        subscribe(&world, &node, &bob, browser("bob")).await.unwrap();
        service.answers(Outcome::Gone);
        world.say(&ada, chat, "gone").await;
        send_due(&world, &node).await;
        assert!(own(&world, &bob).await.is_empty() && service.taken().is_empty());
    }

    async fn a_subscription_ends_with_its_session(world: World) {
        let (service, node, [ada, bob], chat) = stage(&world).await;
        subscribe(&world, &node, &bob, browser("bob")).await.unwrap();
        world.say(&ada, chat, "too late").await;
        read_all(&node, &world).await;
        world.store.accounts.logout(&world.ctx(&bob)).await.unwrap();
        send_due(&world, &node).await;
        assert!(service.taken().is_empty());
        let closed = subscribe(&world, &node, &bob, browser("another")).await;
        assert_eq!(code(closed), "session.ended");
        let left = world.meddle("UPDATE push_subscriptions SET refusals = 0").unwrap();
        assert_eq!(left, 1);
        let ctx = Ctx::new(Actor::System, world.now(), "sweep");
        while node.upkeep.sweep(&ctx, Duration::MAX).await.unwrap() > 0 {}
        assert_eq!(world.meddle("UPDATE push_subscriptions SET refusals = 0").unwrap(), 0);
    }

    async fn all_nodes_have_the_same_key(world: World) {
        let (_, node, [ada, bob], _) = stage(&world).await;
        let other = world.node_with(|options| offer(options, Arc::new(Service::default()))).await;
        let (one, two) = (world.ctx(&ada), world.ctx(&bob));
        let (first, second) = tokio::join!(node.push.push_key(&one), other.push.push_key(&two));
        let (first, second) = (first.unwrap(), second.unwrap());
        assert_eq!(first, second);
        assert_eq!(first.kinds, [PushKind::Web, PushKind::Fcm, PushKind::Apns]);
        let point = BASE64URL_NOPAD.decode(first.key.as_bytes()).unwrap();
        assert_eq!((point.len(), point[0]), (65, 4));
        let later = world.node_with(|options| offer(options, Arc::new(Service::default()))).await;
        assert_eq!(later.push.push_key(&world.ctx(&ada)).await.unwrap(), first);
    }

    async fn what_cannot_be_reached_is_refused(world: World) {
        let (_, node, [_, bob], _) = stage(&world).await;
        let wrong = |result: Result<PushSubscription>| match result {
            Err(Error::Invalid(errors)) => errors[0].pointer.clone(),
            other => panic!("{other:?}"),
        };
        let inside = json!({"kind": "web", "endpoint": "https://10.0.0.1/x", "keys": browser("x")["keys"]});
        assert_eq!(wrong(subscribe(&world, &node, &bob, inside).await), "/endpoint");
        let other = json!({"kind": "apns", "token": "0a".repeat(32), "app": "org.example.other"});
        assert_eq!(wrong(subscribe(&world, &node, &bob, other).await), "/app");
        let bare = world.node_with(|options| options.push = Default::default()).await;
        assert_eq!(wrong(subscribe(&world, &bare, &bob, phone("x")).await), "/kind");
        for number in 0..policy::MOST_SUBSCRIPTIONS {
            subscribe(&world, &node, &bob, phone(&number.to_string())).await.unwrap();
        }
        assert_eq!(code(subscribe(&world, &node, &bob, phone("another")).await), "push.limit");
        subscribe(&world, &node, &bob, phone("7")).await.unwrap();
    }
}
