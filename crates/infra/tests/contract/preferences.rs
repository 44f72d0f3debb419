//! The guarantees of `Preferences`.

pub mod domain;

use clowder_accounts::model::{Audience, Settings, SettingsPatch};
use clowder_core::Input;
use serde_json::{Value, json};

use crate::world::{World, code, on_both};

fn patch(patch: Value) -> SettingsPatch {
    SettingsPatch::from_json(patch).unwrap()
}

on_both! {
    async fn settings_are_the_usual_ones_until_they_are_changed(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let preferences = &world.store.preferences;
        assert_eq!(preferences.settings(&world.ctx(&ada)).await.unwrap(), Settings::default());
        let change = patch(json!({"time_zone": "Asia/Tokyo", "privacy": {"last_seen": "nobody"}}));
        let after = preferences.edit_settings(&world.ctx(&ada), Some(1.into()), change).await.unwrap();
        assert_eq!((after.time_zone.as_str(), after.privacy.last_seen, after.version), ("Asia/Tokyo", Audience::Nobody, 2));
        assert_eq!(world.names().await, ["settings.updated", "presence.updated"]);
        assert_eq!(preferences.settings(&world.ctx(&ada)).await.unwrap(), after);
        assert_eq!(preferences.settings(&world.ctx(&bob)).await.unwrap(), Settings::default());
        let same = json!({"time_zone": "Asia/Tokyo", "privacy": {"last_seen": "nobody"}, "notifications": {}});
        for same in [json!({}), same] {
            assert_eq!(preferences.edit_settings(&world.ctx(&ada), Some(2.into()), patch(same)).await.unwrap(), after);
        }
        let usual = preferences.edit_settings(&world.ctx(&bob), None, patch(json!({"theme": "system"}))).await.unwrap();
        assert_eq!(usual, Settings::default());
        assert!(world.names().await.is_empty(), "what changes nothing is no change");
        let stale = preferences.edit_settings(&world.ctx(&ada), Some(1.into()), patch(json!({"theme": "dark"}))).await;
        assert_eq!(code(stale), "settings.stale");
        assert!(world.names().await.is_empty(), "a refusal writes nothing");
    }

    async fn of_many_who_saw_one_version_one_changes_it(world: World) {
        let [ada] = world.people(["ada"]).await;
        // Other values each time, because an edit without changes is never refused.
        for (version, first) in [(1, 'x'), (2, 'z')] {
            let tries: Vec<_> = (0..6).map(|index| {
                let (store, ctx) = (world.store.clone(), world.ctx(&ada));
                let patch = patch(json!({"language": format!("{first}{}", char::from(b'a' + index))}));
                tokio::spawn(async move { store.preferences.edit_settings(&ctx, Some(version.into()), patch).await })
            }).collect();
            let mut won = 0;
            for tried in tries {
                match tried.await.unwrap() {
                    Ok(_) => won += 1,
                    refused => assert_eq!(code(refused), "settings.stale"),
                }
            }
            assert_eq!(won, 1);
        }
    }
}
