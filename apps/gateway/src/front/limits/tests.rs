//! What every adapter keeps.

use clowder_core::{Id, Role, Timestamp};
use clowder_infra::{counting::Counting, keys::Keys, rates::SharedRates};
use clowder_tests::{setting, unique, until};

use super::*;

/// The adapters, with nothing counted yet.
async fn each(factor: f64) -> [Box<dyn Limits>; 2] {
    let url = setting("TEST_REDIS_URL").expect("TEST_REDIS_URL is not set");
    [Box::new(LocalLimits::new(factor)), Box::new(node(&url, &unique(), factor).await)]
}

/// A node of the database with this secret. It has as much patience as a busy machine needs.
pub(super) async fn node(url: &str, secret: &str, factor: f64) -> RedisLimits {
    let counting = Counting::start(url, &Keys::new(secret), Duration::from_secs(10)).unwrap();
    let shared = SharedRates::new(Arc::new(counting));
    until("Redis counts", async || shared.works()).await;
    RedisLimits::new(shared, factor)
}

pub(super) fn key(last: u8) -> Key {
    Key::new(Policy::Auth, Actor::Nobody, Some(IpAddr::from([192, 0, 2, last])))
}

#[actix_web::test]
async fn a_third_of_a_minute_is_there_at_once_and_no_more() {
    for limits in each(0.3).await {
        for left in [2, 1, 0] {
            let state = limits.take(Policy::Auth, key(1), 1).await;
            assert_eq!((state.limit, state.window, state.remaining, state.retry_after), (3, 20, left, None));
        }
        let refused = limits.take(Policy::Auth, key(1), 1).await;
        assert_eq!((refused.remaining, refused.retry_after, refused.reset), (0, Some(7), 20));
        assert_eq!(limits.take(Policy::Auth, key(2), 1).await.remaining, 2, "another address has its own");
        assert_eq!(limits.take(Policy::Default, key(1), 1).await.remaining, 299, "another policy counts apart");
    }
}

#[actix_web::test]
async fn what_costs_more_takes_more_or_nothing() {
    for limits in each(0.1).await {
        assert_eq!(limits.take(Policy::Default, key(1), 60).await.remaining, 40);
        let refused = limits.take(Policy::Default, key(1), 60).await;
        assert!(refused.retry_after.is_some_and(|seconds| (3..=4).contains(&seconds)), "{refused:?}");
        assert_eq!(refused.remaining, 40, "who was refused still has what was left");
        assert_eq!(limits.take(Policy::Default, key(1), 40).await.remaining, 0, "who was refused paid nothing");
        let all = limits.take(Policy::Default, key(2), 5_000).await;
        assert_eq!((all.remaining, all.retry_after), (0, None), "more than can ever be there is all that there is");
    }
}

#[actix_web::test]
async fn what_was_done_is_paid_even_if_too_little_is_left() {
    for limits in each(0.1).await {
        assert_eq!(limits.take(Policy::Default, key(1), 95).await.remaining, 5);
        assert_eq!(limits.owe(Policy::Default, key(1), 3).await.remaining, 2);
        assert_eq!(limits.owe(Policy::Default, key(1), 27).await.remaining, 0);
        let wait = limits.take(Policy::Default, key(1), 1).await.retry_after;
        assert!(wait.is_some_and(|seconds| (5..=6).contains(&seconds)), "25 units are owed: {wait:?}");
        for _ in 0..100 {
            limits.owe(Policy::Default, key(1), 50).await;
        }
        let wait = limits.take(Policy::Default, key(1), 1).await.retry_after;
        assert!(wait.is_some_and(|seconds| (60..=71).contains(&seconds)), "{wait:?}");
    }
}

#[actix_web::test]
async fn looking_takes_nothing() {
    for limits in each(0.3).await {
        let looked = |left: Left| (left.limit, left.remaining, left.reset, left.retry_after);
        assert_eq!(looked(limits.look(Policy::Auth, key(1)).await), (3, 3, 0, None));
        for there in [3, 2, 1, 0] {
            for _ in 0..2 {
                assert_eq!(limits.look(Policy::Auth, key(1)).await.remaining, there);
            }
            limits.take(Policy::Auth, key(1), 1).await;
        }
    }
}

#[actix_web::test]
async fn a_refusal_names_the_limit() {
    let now = Timestamp::from_micros(1);
    let user = |via| Actor::User { id: Id::new(now), via, role: Role::User };
    let (person, program) = (user(Via::Session(Id::new(now))), user(Via::Key(Id::new(now))));
    let limits = LocalLimits::new(1e-9);
    for (policy, actor, whose) in [
        (Policy::Default, person, "of this account was"),
        (Policy::Default, program, "of this API key was"),
        (Policy::Default, Actor::Nobody, "of this address for clients that are not signed in was"),
        (Policy::Auth, person, "of this address for signing up, signing in and managing credentials was"),
    ] {
        let policy = policy.of(actor);
        let key = Key::new(policy, actor, Some(IpAddr::from([192, 0, 2, 1])));
        limits.take(policy, key, 1).await.allowed().unwrap();
        let problem = limits.take(policy, key, 1).await.allowed().unwrap_err();
        let detail = problem.detail.as_deref().unwrap();
        assert!(detail.contains(whose) && detail.contains("1 units at once"), "{detail}");
        assert!(detail.ends_with("Try again in 60 seconds."), "{detail}");
    }
}

#[test]
fn units_table() {
    for (rows, cost) in [(0, 1), (1, 1), (25, 1), (26, 2), (500, 20), (usize::MAX, u32::MAX)] {
        assert_eq!(units(rows), cost, "{rows}");
    }
}

#[actix_web::test]
async fn the_headers_say_what_holds() {
    for (policy, said) in [
        (Policy::Default, "\"default\";q=1000;w=20"),
        (Policy::Auth, "\"auth\";q=10;w=20"),
        (Policy::ApiKey, "\"api_key\";q=400;w=20"),
    ] {
        let mut headers = HeaderMap::new();
        LocalLimits::new(1.0).take(policy, key(1), 1).await.mark(&mut headers);
        assert_eq!(headers.get(RATE_LIMIT_POLICY).unwrap(), said);
        assert_eq!(headers.get(X_RESET).unwrap(), if policy == Policy::Auth { "2" } else { "1" });
    }
}

#[actix_web::test]
async fn the_factor_may_be_huge_or_tiny() {
    for limits in each(1e12).await {
        let state = limits.take(Policy::Default, key(1), 1).await;
        assert!(state.limit >= 100_000_000 && state.remaining >= state.limit - 1, "{state:?}");
    }
    for limits in each(1e-9).await {
        let state = limits.take(Policy::Default, key(1), 1).await;
        assert_eq!((state.limit, state.window, state.remaining), (1, 60, 0));
    }
}

/// A unit comes back in two seconds, so what both say depends on nothing but what was asked.
#[actix_web::test]
async fn all_adapters_answer_the_same() {
    let [local, redis] = each(0.01).await;
    let mut random = 7_u32;
    for who in 0..20 {
        for _ in 0..20 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let (units, key) = (random >> 16 & 15, key(who));
            let answers = match random >> 24 & 3 {
                0 => [local.owe(Policy::Default, key, units).await, redis.owe(Policy::Default, key, units).await],
                1 => [local.look(Policy::Default, key).await, redis.look(Policy::Default, key).await],
                _ => [local.take(Policy::Default, key, units).await, redis.take(Policy::Default, key, units).await],
            };
            assert_eq!(answers[0], answers[1], "{who}, {units}");
        }
    }
}

#[test]
fn neighbours_in_one_network_are_one_client() {
    let key = |address: &str| Key::new(Policy::Default, Actor::Nobody, Some(address.parse().unwrap()));
    assert_eq!(key("2001:db8::1"), key("2001:db8::ffff:2"));
    assert_ne!(key("2001:db8::1"), key("2001:db8:0:1::1"));
}
