//! The guarantees of `Privacy` about exports: complete, encrypted, and for nobody else.

use std::{
    collections::BTreeMap,
    io::{Cursor, Read},
    time::Duration,
};

use clowder_accounts::model::{Export, ExportId, ExportStatus};
use clowder_core::{Input, PageRequest};
use clowder_infra::privacy::registered;
use clowder_media::FileFilter;
use serde_json::{Value, json};
use zip::ZipArchive;

use crate::{
    media::{new, upload},
    privacy::{DAY, emails, export, known, system, work},
    world::{Person, World, code, on_both},
};

/// The zip file behind an export's link.
async fn archive(world: &World, export: &Export) -> ZipArchive<Cursor<Vec<u8>>> {
    let token = export.url.as_ref().unwrap().split_once("token=").unwrap().1.to_owned();
    let nobody = world.nobody();
    let file = world.store.privacy.download(&nobody, export.id, &token).await.unwrap();
    let mut octets = Vec::new();
    let mut number = 0;
    while let Some(piece) = world.store.privacy.chunk(&file, number).await.unwrap() {
        assert!(piece.len() <= clowder_accounts::privacy::CHUNK);
        octets.extend(piece);
        number += 1;
    }
    assert_eq!(file.size, octets.len() as u64);
    ZipArchive::new(Cursor::new(octets)).unwrap()
}

/// What is in it besides the content of files: name → text.
pub async fn fetch(world: &World, export: &Export) -> BTreeMap<String, String> {
    let mut archive = archive(world, export).await;
    let mut files = BTreeMap::new();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).unwrap();
        if file.name().unwrap().starts_with("files/") {
            continue;
        }
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        files.insert(file.name().unwrap().into_owned(), text);
    }
    files
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

on_both! {
    async fn a_copy_holds_what_is_known_and_no_secret(world: World) {
        let (ada, bob, chat) = known(&world).await;
        let privacy = &world.store.privacy;
        emails(&world).await;
        world.meddle("UPDATE users SET email_verified_at = created_at WHERE username = 'peculiar'").unwrap();
        // What waits of other domains.
        work(&world, &world.store).await;
        let asked = privacy.export(&world.ctx(&ada)).await.unwrap();
        assert_eq!((asked.status, asked.progress, asked.url.as_ref(), asked.size), (ExportStatus::Queued, 0.0, None, None));
        assert_eq!(privacy.export(&world.ctx(&ada)).await.unwrap().id, asked.id, "one at a time");
        assert_eq!(work(&world, &world.store).await, 1);
        let ready = privacy.one_export(&world.ctx(&ada), asked.id).await.unwrap();
        assert_eq!((ready.status, ready.progress), (ExportStatus::Ready, 1.0));
        assert_eq!(privacy.export(&world.ctx(&ada)).await.unwrap().id, asked.id, "a fresh one is as good as new");
        assert_eq!(privacy.exports(&world.ctx(&ada), PageRequest::default()).await.unwrap().items.len(), 1);
        assert_eq!(code(privacy.one_export(&world.ctx(&bob), asked.id).await), "export.unknown");
        assert!(privacy.exports(&world.ctx(&bob), PageRequest::default()).await.unwrap().items.is_empty());

        let files = fetch(&world, &ready).await;
        let names: Vec<_> = files.keys().map(String::as_str).collect();
        let mut registered: Vec<_> = registered(&world.options.url).into_iter().flat_map(|part| part.files).collect();
        registered.push("README.txt");
        registered.sort_unstable();
        assert_eq!(names, registered);
        assert!(names[1..].iter().all(|name| files["README.txt"].contains(name)));
        let empty: Vec<_> = names.iter().filter(|name| ["", "[]", "{}", "null"].contains(&files[**name].trim())).collect();
        assert!(empty.is_empty(), "`keeps` of a domain writes nothing into {empty:?}");
        let parsed = |name: &str| serde_json::from_str::<Value>(&files[name]).unwrap();
        assert_eq!(parsed("account.json")["email"], "peculiar@example.org");
        assert_eq!(parsed("sessions.json")[0]["address"], "203.0.113.77");
        // The private one, four groups, and the chat of the community.
        assert_eq!(parsed("chats.json").as_array().unwrap().len(), 7);
        assert_eq!(parsed("chats.json")[0]["peer"]["username"], "bob");
        for (file, card) in [("friends.json", "user"), ("friend_requests.json", "from"), ("friend_requests.json", "to")] {
            assert!(parsed(file)[0][card]["username"].is_string(), "{file} names people");
        }
        assert!(names.iter().all(|name| !name.contains('-')), "{names:?}");
        assert!(parsed("security.json").as_array().unwrap().iter().any(|event| event["action"] == "profile.changed"));
        let said = lines(&files["messages.ndjson"]);
        assert_eq!((said.len(), &said[0]["content"], &said[0]["chat_id"]), (3, &json!("what I first said"), &json!(chat)));
        assert_eq!(lines(&files["edits.ndjson"])[0]["content"], "what I frist said");
        let all: String = files.values().map(String::as_str).collect();
        for secret in ["a secret of bob", "bob@example.org", "$2b$", "correct horse"] {
            assert!(!all.contains(secret), "{secret}");
        }
        assert!(!world.holds(b"messages.ndjson"), "pieces lie sealed");

        let email = emails(&world).await.pop().unwrap();
        assert_eq!(email.address, "peculiar@example.org");
        assert!(email.text.contains(&format!("/api/exports/{}/download?token=", asked.id)), "{}", email.text);
        assert!(!email.text.contains("what I"));
    }

    async fn a_copy_has_the_content_of_files(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let long: Vec<u8> = (0..700_001_u32).flat_map(|n| n.wrapping_mul(0x9E37_79B9).to_be_bytes().into_iter().take(1)).collect();
        let mut expected = BTreeMap::new();
        for (name, content) in [("a.txt", b"zqcontent".as_slice()), ("käse?.bin", &long), ("again.txt", b"zqcontent")] {
            let file = upload(&world, &world.ctx(&ada), new(name), content).await.unwrap();
            expected.insert(format!("files/{}-{}", file.id, file.name), content.to_vec());
        }
        upload(&world, &world.ctx(&bob), new("his.txt"), b"of bob").await.unwrap();
        std::mem::forget(world.store.media.begin_upload(&world.ctx(&ada), new("arriving")).await.unwrap());
        let ready = export(&world, &ada).await;
        assert_eq!(ready.status, ExportStatus::Ready);
        let contents = async || {
            let mut archive = archive(&world, &ready).await;
            let mut contents = BTreeMap::new();
            for index in 0..archive.len() {
                let mut file = archive.by_index(index).unwrap();
                let name = file.name().unwrap().into_owned();
                let mut octets = Vec::new();
                let read = file.read_to_end(&mut octets);
                if name.starts_with("files/") {
                    contents.insert(name, read.map(|_| octets).ok());
                } else {
                    read.unwrap();
                }
            }
            contents
        };
        let all: BTreeMap<_, _> = expected.iter().map(|(name, octets)| (name.clone(), Some(octets.clone()))).collect();
        assert!(contents().await == all);
        assert!(!world.holds(b"zqcontent"), "it is not in the database");
        let listed: Value = serde_json::from_str(&fetch(&world, &ready).await["files.json"]).unwrap();
        assert_eq!(listed.as_array().unwrap().len(), 4, "also the one that has no content yet");

        // As long as the link is good, what is deleted meanwhile is in it.
        let files = world.store.media.files(&world.ctx(&ada), FileFilter::default(), PageRequest::default()).await.unwrap().items;
        let gone = files.iter().find(|file| file.size > 1_000).unwrap();
        world.store.media.delete_file(&world.ctx(&ada), gone.id).await.unwrap();
        world.wait(6 * DAY);
        work(&world, &world.store).await;
        assert!(contents().await == all);
        // If it had to go earlier, it is damaged, and all others are whole.
        world.meddle("UPDATE file_objects SET purge_at = created_at WHERE refs = 0").unwrap();
        world.store.care.clean(&system(&world), false).await.unwrap();
        let mut damaged = all.clone();
        damaged.insert(format!("files/{}-{}", gone.id, gone.name), None);
        let now = contents().await;
        assert!(now == damaged, "{:?}", now.keys());
        // The same if a virus was found in it.
        world.meddle("UPDATE file_objects SET virus = 'Test' WHERE size = 9").unwrap();
        assert!(contents().await.values().all(Option::is_none));

        // Once it has expired, nothing of it is left.
        world.wait(2 * DAY);
        while world.store.upkeep.sweep(&system(&world), std::time::Duration::MAX).await.unwrap() > 0 {}
        assert_eq!(world.meddle("DELETE FROM export_files").unwrap(), 0);
    }

    async fn a_link_is_good_for_one_copy_and_for_a_while(world: World) {
        let [ada] = world.people(["ada"]).await;
        let privacy = &world.store.privacy;
        let ready = export(&world, &ada).await;
        let token = ready.url.as_ref().unwrap().split_once("token=").unwrap().1.to_owned();
        let other = ExportId::new(world.now());
        for (export, token) in [(ready.id, ""), (ready.id, "AAAA"), (ready.id, &token[1..]), (other, token.as_str()), (ready.id, "\u{0}")] {
            assert_eq!(code(privacy.download(&world.nobody(), export, token).await), "export.unknown", "{token}");
        }
        world.wait(7 * DAY - Duration::from_secs(60));
        let file = privacy.download(&world.nobody(), ready.id, &token).await.unwrap();
        world.wait(Duration::from_secs(60));
        assert_eq!(code(privacy.download(&world.nobody(), ready.id, &token).await), "export.gone");
        let past = privacy.one_export(&world.ctx(&ada), ready.id).await.unwrap();
        assert_eq!((past.status, past.url), (ExportStatus::Expired, None));
        while world.store.upkeep.sweep(&system(&world), std::time::Duration::MAX).await.unwrap() > 0 {}
        assert!(privacy.chunk(&file, 0).await.unwrap().is_none(), "swept");
    }

    async fn ended_links_lead_nowhere_and_cut_off_downloads(world: World) {
        let ada = world.register("ada").await;
        let person = Person { id: ada.user.id, actor: world.by(&ada.access).actor };
        let ready = export(&world, &person).await;
        let token = |export: &Export| export.url.as_ref().unwrap().split_once("token=").unwrap().1.to_owned();
        let privacy = &world.store.privacy;
        let old = token(&ready);
        let file = privacy.download(&world.nobody(), ready.id, &old).await.unwrap();
        assert!(privacy.chunk(&file, 0).await.unwrap().is_some());
        world.store.accounts.logout_all(&world.by(&ada.access), false).await.unwrap();
        assert!(privacy.chunk(&file, 0).await.unwrap().is_none(), "it was being fetched");
        assert_eq!(code(privacy.download(&world.nobody(), ready.id, &old).await), "export.gone");
        // After signing in again, the user gets another link to the same export.
        let again = crate::credentials::login(&world, "ada", crate::credentials::OLD).await.unwrap();
        let shown = privacy.one_export(&world.by(&again.access), ready.id).await.unwrap();
        assert_ne!(token(&shown), old);
        privacy.download(&world.nobody(), ready.id, &token(&shown)).await.unwrap();
    }

    async fn the_link_is_told_to_those_only_who_show_who_they_are(world: World) {
        let [ada] = world.people(["ada"]).await;
        emails(&world).await;
        let ready = export(&world, &ada).await;
        assert!(ready.url.is_some());
        let email = emails(&world).await.pop().unwrap();
        assert_eq!(email.subject, "Your data is ready");
        let unconfirmed = email.text.contains("token=") || email.html.contains("token=");
        assert!(!unconfirmed && email.text.contains("Sign in to download it"), "{}", email.text);
        world.wait(Duration::from_secs(11 * 60));
        let privacy = &world.store.privacy;
        let one = privacy.one_export(&world.ctx(&ada), ready.id).await.unwrap();
        assert_eq!((one.status, one.size, one.url), (ExportStatus::Ready, ready.size, None));
        assert_eq!(privacy.exports(&world.ctx(&ada), PageRequest::default()).await.unwrap().items[0].url, None);
        let again = Input::from_json(json!({"password": "correct horse"})).unwrap();
        world.store.two_factor.reauthenticate(&world.ctx(&ada), again).await.unwrap();
        assert!(privacy.exports(&world.ctx(&ada), PageRequest::default()).await.unwrap().items[0].url.is_some());
    }

    async fn copies_are_few_and_need_a_recent_authentication(world: World) {
        let [ada] = world.people(["ada"]).await;
        let privacy = &world.store.privacy;
        let again = async || {
            let reauthentication = Input::from_json(json!({"password": "correct horse"})).unwrap();
            world.store.two_factor.reauthenticate(&world.ctx(&ada), reauthentication).await.unwrap();
        };
        for number in 0..3 {
            again().await;
            assert_eq!(export(&world, &ada).await.status, ExportStatus::Ready);
            assert_eq!(privacy.exports(&world.ctx(&ada), PageRequest::default()).await.unwrap().items.len(), number + 1);
            world.wait(Duration::from_secs(2 * 3600));
        }
        assert_eq!(code(privacy.export(&world.ctx(&ada)).await), "authentication.stale");
        again().await;
        let refused = privacy.export(&world.ctx(&ada)).await.unwrap_err();
        let clowder_core::Error::TooMany { retry_after, .. } = refused else { panic!("{refused}") };
        world.wait(retry_after);
        again().await;
        assert_eq!(export(&world, &ada).await.status, ExportStatus::Ready);
    }

    async fn a_copy_that_nobody_makes_has_failed(world: World) {
        let [ada] = world.people(["ada"]).await;
        let asked = world.store.privacy.export(&world.ctx(&ada)).await.unwrap();
        let _lost = world.store.jobs.take(&system(&world), vec!["account.export"], 1).await.unwrap();
        world.meddle("UPDATE exports SET status = 'running'").unwrap();
        world.meddle("DELETE FROM jobs").unwrap();
        world.wait(2 * DAY);
        let again = Input::from_json(json!({"password": "correct horse"})).unwrap();
        world.store.two_factor.reauthenticate(&world.ctx(&ada), again).await.unwrap();
        let lost = world.store.privacy.one_export(&world.ctx(&ada), asked.id).await.unwrap();
        assert_eq!(lost.status, ExportStatus::Failed);
        let next = export(&world, &ada).await;
        assert_eq!((next.id == asked.id, next.status), (false, ExportStatus::Ready));
    }

    async fn a_copy_is_made_while_things_are_said_and_workers_die(world: World) {
        let [ada, bob] = world.people(["ada", "bob"]).await;
        let chat = world.group(&ada, &[&bob]).await.id;
        // Random data, which cannot be compressed, so that there are several chunks.
        let noise = |number: usize| {
            let words: Vec<_> = (0..60).map(|word| format!("{:016x}", (number * 7919 + word * 104_729 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15))).collect();
            format!("{number} {}", words.join(" "))
        };
        for start in (0..1_200).step_by(100) {
            let said = (start..start + 100).map(|number| {
                let (world, ada) = (world.clone(), Person { id: ada.id, actor: ada.actor });
                let text = noise(number);
                async move { world.say(&ada, chat, &text).await }
            });
            futures_util::future::join_all(said).await;
        }
        let asked = world.store.privacy.export(&world.ctx(&ada)).await.unwrap();
        let kinds = vec!["account.export"];
        let job = world.store.jobs.take(&system(&world), kinds, 1).await.unwrap().pop().unwrap();
        let worker = world.store.workers.iter().find(|worker| worker.kind() == job.kind).unwrap();
        let talking = async {
            for number in 0..50 {
                world.say(&bob, chat, "meanwhile").await;
                world.say(&ada, chat, &noise(number)).await;
            }
        };
        let dying = async {
            let (mut deaths, mut patience) = (0, Duration::from_millis(20));
            while tokio::time::timeout(patience, worker.work(&system(&world), &job)).await.map(|done| done.unwrap()).is_err() {
                deaths += 1;
                patience *= 2;
            }
            deaths
        };
        let ((), deaths) = tokio::join!(talking, dying);
        assert!(deaths > 0, "a worker died on the way");
        let ready = world.store.privacy.one_export(&world.ctx(&ada), asked.id).await.unwrap();
        assert_eq!(ready.status, ExportStatus::Ready);
        assert!(ready.size.unwrap() > 2 * clowder_accounts::privacy::CHUNK as i64, "{ready:?}");
        let said = lines(&fetch(&world, &ready).await["messages.ndjson"]);
        let early: Vec<_> = said.iter().filter_map(|said| said["seq"].as_i64()).take(1_200).collect();
        assert_eq!(early, (1..=1_200).collect::<Vec<_>>(), "each once and in order");
        // Another worker that comes late finds nothing to do.
        worker.work(&system(&world), &job).await.unwrap();
        assert_eq!(world.store.privacy.one_export(&world.ctx(&ada), asked.id).await.unwrap().size, ready.size);
    }
}
