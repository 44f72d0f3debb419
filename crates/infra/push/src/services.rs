//! All push services: which one reaches a device, and how many calls to each are under way, so that one that hangs holds up no
//! other.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use async_trait::async_trait;
use clowder_core::Timestamp;
use clowder_egress::{Egress, Url};
use clowder_notifications::push::{Offers, Outcome, Push, Sender, Target, VapidKey, breaker::Breaker};
use tokio::sync::Semaphore;

use crate::{
    apns::{Apns, ApnsKey},
    fcm::{Fcm, ServiceAccount},
    judging::{Health, Tried},
    web::{WebPush, origin},
};

/// How many services are remembered as failing. People choose those of browsers, so there may be any number.
const MOST: usize = 1_000;
/// The services of the common browsers. All others share their room, because anybody can name one that hangs.
const KNOWN: &[&str] = &["fcm.googleapis.com", "push.services.mozilla.com", "push.apple.com", "notify.windows.com"];

/// Which services there are, and how they are reached.
pub struct Setup {
    pub egress: Egress,
    /// Whom services of browsers can ask about this server: an address that begins with `mailto:` or `https:`.
    pub contact: Option<String>,
    pub fcm: Option<FcmSetup>,
    pub apns: Option<ApnsSetup>,
    /// How many calls to one service are under way at most.
    pub at_once: usize,
}

pub struct FcmSetup {
    pub account: ServiceAccount,
    pub url: Url,
}

pub struct ApnsSetup {
    pub key: ApnsKey,
    pub url: Url,
    /// The bundle ids of the apps.
    pub topics: Vec<String>,
}

pub struct Services {
    egress: Egress,
    web: WebPush,
    fcm: Option<Fcm>,
    apns: Option<Apns>,
    offers: Offers,
    breakers: Mutex<HashMap<String, Breaker>>,
    rooms: [Semaphore; 4],
}

/// Services with room of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lane {
    Fcm,
    Apns,
    Known,
    Other,
}

impl Services {
    /// Says what is wrong with an address.
    pub fn new(setup: Setup) -> Result<Self, String> {
        let Setup { egress, contact, fcm, apns, at_once } = setup;
        let egress = egress.for_purpose("push");
        let offers = Offers {
            web: true,
            fcm: fcm.is_some(),
            apns_topics: apns.as_ref().map(|apns| apns.topics.clone()).unwrap_or_default(),
        };
        let fcm = fcm.map(|FcmSetup { account, url }| Fcm::new(egress.clone(), account, &url)).transpose()?;
        let apns = apns.map(|ApnsSetup { key, url, .. }| Apns::new(egress.clone(), key, url));
        let web = WebPush::new(egress.clone(), contact);
        let rooms = [(); 4].map(|()| Semaphore::new(at_once.max(1)));
        Ok(Self { egress, web, fcm, apns, offers, breakers: Mutex::default(), rooms })
    }

    pub fn offers(&self) -> &Offers {
        &self.offers
    }

    async fn one(&self, now: Timestamp, vapid: &VapidKey, target: &Target, push: &Push) -> Tried {
        match (target, &self.fcm, &self.apns) {
            (Target::Web(web), ..) => self.web.send(now, vapid, web, push).await,
            (Target::Fcm { token, .. }, Some(fcm), _) => fcm.send(now, token, push).await,
            (Target::Apns { token, topic }, _, Some(apns)) => apns.send(now, token, topic, push).await,
            // The operator has taken the keys away, maybe not for ever.
            _ => Tried::broken("this server reaches no such devices any more"),
        }
    }

    fn breakers(&self) -> MutexGuard<'_, HashMap<String, Breaker>> {
        self.breakers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, service: String, health: Health) {
        let now = Instant::now();
        let mut breakers = self.breakers();
        let is_known = breakers.contains_key(&service);
        match health {
            Health::Unknown => return,
            Health::Well if !is_known => return,
            _ => {}
        }
        if !is_known && breakers.len() >= MOST {
            breakers.retain(|_, breaker| !breaker.is_idle(now));
            // So many that fail at the same time are not told apart.
            if breakers.len() >= MOST {
                return;
            }
        }
        let breaker = breakers.entry(service).or_default();
        match health {
            Health::Well => breaker.answered(),
            Health::Ill => breaker.failed(now),
            Health::Asks(pause) => breaker.asked_to_wait(now, pause),
            Health::Unknown => {}
        }
    }
}

/// What fails together, and what has room together.
fn service(target: &Target) -> Option<(String, Lane)> {
    let Target::Web(web) = target else {
        return Some(match target {
            Target::Apns { .. } => ("apns".to_owned(), Lane::Apns),
            _ => ("fcm".to_owned(), Lane::Fcm),
        });
    };
    let url = Url::parse(&web.endpoint).ok()?;
    let host = url.host_str().unwrap_or_default();
    let is_known = KNOWN
        .iter()
        .any(|known| host.strip_suffix(known).is_some_and(|before| before.is_empty() || before.ends_with('.')));
    Some((origin(&url), if is_known { Lane::Known } else { Lane::Other }))
}

#[async_trait]
impl Sender for Services {
    fn may_call(&self, endpoint: &str) -> bool {
        Url::parse(endpoint).is_ok_and(|url| self.egress.check(&url).is_ok())
    }

    async fn send(&self, now: Timestamp, vapid: &VapidKey, target: &Target, push: &Push) -> Outcome {
        let Some((service, lane)) = service(target) else { return Outcome::Gone };
        let Ok(_room) = self.rooms[lane as usize].try_acquire() else { return Tried::no_room().outcome };
        let may_try = self.breakers().get_mut(&service).map_or(Ok(()), |breaker| breaker.may_try(Instant::now()));
        if let Err(wait) = may_try {
            return Outcome::Waits(wait);
        }
        let tried = self.one(now, vapid, target, push).await;
        self.note(service, tried.health);
        tried.outcome
    }
}

#[cfg(test)]
mod tests {
    use clowder_notifications::push::WebTarget;

    use super::*;

    fn web(endpoint: &str) -> Target {
        Target::Web(WebTarget { endpoint: endpoint.into(), p256dh: [4; 65], auth: [0; 16] })
    }

    #[test]
    fn service_table() {
        for (endpoint, origin, lane) in [
            ("https://fcm.googleapis.com/fcm/send/x", "https://fcm.googleapis.com", Lane::Known),
            (
                "https://updates.push.services.mozilla.com/wpush/v2/x",
                "https://updates.push.services.mozilla.com",
                Lane::Known,
            ),
            ("https://web.push.apple.com/x", "https://web.push.apple.com", Lane::Known),
            ("https://notpush.apple.com/x", "https://notpush.apple.com", Lane::Other),
            ("https://push.apple.com.example/x", "https://push.apple.com.example", Lane::Other),
            ("https://ntfy.example:8443/x", "https://ntfy.example:8443", Lane::Other),
        ] {
            assert_eq!(service(&web(endpoint)), Some((origin.to_owned(), lane)), "{endpoint}");
        }
        let apns = Target::Apns { token: "00".into(), topic: "a.b".into() };
        assert_eq!(service(&apns), Some(("apns".to_owned(), Lane::Apns)));
        assert_eq!(service(&web("nonsense")), None);
    }

    fn services(at_once: usize) -> Services {
        let egress = Egress::new(clowder_egress::Options::default()).unwrap();
        Services::new(Setup { egress, contact: None, fcm: None, apns: None, at_once }).unwrap()
    }

    #[test]
    fn addresses_of_this_machine_are_not_called() {
        let services = services(1);
        for (endpoint, expected) in [
            ("https://push.example/x", true),
            ("https://8.8.8.8/x", true),
            ("http://push.example/x", false),
            ("https://127.0.0.1/x", false),
            ("https://169.254.169.254/latest", false),
            ("https://[::1]/x", false),
            ("nonsense", false),
        ] {
            assert_eq!(services.may_call(endpoint), expected, "{endpoint}");
        }
        assert_eq!(services.offers().kinds(), [clowder_notifications::push::PushKind::Web]);
    }

    #[test]
    fn any_number_of_failing_services_takes_a_bounded_room() {
        let services = services(1);
        for number in 0..MOST + 10 {
            services.note(number.to_string(), Health::Ill);
        }
        assert_eq!(services.breakers().len(), MOST);
        services.note("0".into(), Health::Well);
        services.note("another".into(), Health::Ill);
        assert_eq!(services.breakers().len(), MOST, "what is well again makes room");
        assert!(services.breakers().contains_key("another"));
        services.note("a third".into(), Health::Well);
        assert!(!services.breakers().contains_key("a third"));
    }
}
