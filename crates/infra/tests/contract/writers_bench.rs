//! Temporary measurement.
use std::time::{Duration, Instant};

use clowder_accounts::Login;
use clowder_core::Input;
use clowder_infra::{Options, Store};
use serde_json::json;

use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_bench() {
    let Ok(_) = std::env::var("WRITERS_BENCH") else { return };
    let world = World::postgres().await;
    let options = Options { bcrypt_cost: 4, hashers: 8, ..world.options.clone() };
    let store = Store::open(options, world.now()).await.unwrap();
    for n in 0..8 {
        world.register(&format!("writer{n}")).await;
    }
    for round in 0..6 {
        let before = round % 2 == 0;
        if before {
            world.batch("CREATE OR REPLACE FUNCTION old_head() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE audit_head SET position = position WHERE single = 1; RETURN NEW; END $$; CREATE TRIGGER old_head BEFORE INSERT ON audit_pending FOR EACH ROW EXECUTE FUNCTION old_head()");
        } else {
            world.batch("DROP TRIGGER old_head ON audit_pending");
        }
        let chaining = {
            let store = store.clone();
            tokio::spawn(async move {
                loop {
                    if !before {
                        while store.audit.append_pending().await.unwrap() > 0 {}
                    }
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
            })
        };
        let mut rates = Vec::new();
        for writers in [1usize, 8] {
            let began = Instant::now();
            let tasks: Vec<_> = (0..writers)
                .map(|n| {
                    let (store, ctx) = (store.clone(), world.nobody());
                    tokio::spawn(async move {
                        let mut done = 0u32;
                        while began.elapsed() < Duration::from_secs(4) {
                            let login = Login::from_json(
                                json!({"username": format!("writer{n}"), "password": "correct horse"}),
                            )
                            .unwrap();
                            store.accounts.login(&ctx, login).await.unwrap();
                            done += 1;
                        }
                        done
                    })
                })
                .collect();
            let mut total = 0;
            for task in tasks {
                total += task.await.unwrap();
            }
            rates.push(f64::from(total) / began.elapsed().as_secs_f64());
        }
        chaining.abort();
        println!(
            "before {before} round {round}: one {:.0}/s, eight {:.0}/s, {:.1} times",
            rates[0],
            rates[1],
            rates[1] / rates[0]
        );
    }
}
