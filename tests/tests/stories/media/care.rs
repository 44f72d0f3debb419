//! An operator cleans up files, compares them with the database, and moves them to a bucket while the server runs.

use std::{
    fs,
    io::{Cursor, Read},
    path::{Path, PathBuf},
};

use clowder_tests::{World, answer, command::Said, on_both, recorded::png, unique};
use serde_json::{Value, json};

use super::{examined, needed, path, upload};

on_both!(cleaned_and_compared, moved_to_a_bucket, exported);
on_both!(with [("CLAMD_URL", &*super::needed("TEST_CLAMD_URL"))]; quarantined);

/// All files below a folder.
fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(below(&entry.path())),
            false => found.push(entry.path()),
        }
    }
    found
}

fn files(world: &World, arguments: &[&str], settings: &[(&str, &str)]) -> (Said, Value) {
    let said = world.command(&[&["files"], arguments, &["--json"]].concat(), settings);
    let document = said.json();
    (said, document)
}

async fn cleaned_and_compared(world: World) {
    let ada = world.user("ada").await;
    upload(&ada, "a.txt", b"first").await;
    let second = upload(&ada, "b.txt", b"second").await;
    examined(&ada, "", "; filename=\"photo.png\"", &png(300, 200, "")).await;
    let (said, found) = files(&world, &["check", "--hashes"], &[]);
    assert!(said.well && found["ok"] == true && said.code == Some(0), "{found}");
    // Two texts, and a picture with four thumbnails in two formats.
    assert_eq!((&found["wanted"]["count"], &found["wrong"]["count"]), (&json!(11), &json!(0)));
    ada.delete(&path(&second, "")).await.expect(204);
    let (said, planned) = files(&world, &["clean", "--dry-run"], &[]);
    assert!(said.well && planned["dry_run"] == true, "{planned}");
    assert_eq!(planned["cleaned"]["waiting"], json!({"count": 1, "octets": 6}));
    let said = world.command(&["files", "clean"], &[]);
    assert!(said.well && said.out.contains("1 object, 6 octets  of deleted files that stay"), "{}", said.text);

    // Somebody takes a file away, and changes another one.
    let folder = world.database.folder.path().join("media/files");
    let all = below(&folder);
    let with = |content: &[u8]| all.iter().find(|file| fs::read(file).unwrap() == content).unwrap();
    fs::write(with(b"first"), b"FIRST").unwrap();
    let (said, found) = files(&world, &["check"], &[]);
    assert!(said.well, "the size is the same: {found}");
    let (said, found) = files(&world, &["check", "--hashes"], &[]);
    assert_eq!((said.code, &found["listed"][0]["wrong"]), (Some(1), &json!("content")), "{found}");
    // Something new that nothing asks for may belong to an upload that has not finished.
    let second = with(b"second");
    let name = second.file_name().unwrap().to_str().unwrap();
    let other = if name.ends_with('0') { '1' } else { '0' };
    fs::copy(second, second.with_file_name(format!("{}{other}", &name[..name.len() - 1]))).unwrap();
    let (_, after) = files(&world, &["check"], &[]);
    assert_eq!(after["young"]["count"], found["young"]["count"].as_i64().unwrap() + 1, "{after}");
    assert_eq!(after["strays"]["count"], 0, "{after}");
    fs::remove_file(with(b"FIRST")).unwrap();
    let said = world.command(&["files", "check"], &[]);
    assert!(said.code == Some(1) && said.out.contains("missing  files/"), "{}", said.text);
    assert!(said.out.contains(", in 1 file\n"), "{}", said.text);
    assert!(said.out.contains("wrong: 1 object, 5 octets\nasked for by nothing: 0\nnot judged: "), "{}", said.text);
}

async fn moved_to_a_bucket(world: World) {
    let ada = world.user("ada").await;
    let mut kept = vec![upload(&ada, "a.txt", b"first").await];
    let bucket = needed("TEST_S3_URL").replacen('?', &format!("/{}?", unique()), 1);
    let (id, secret) = (needed("TEST_S3_KEY"), needed("TEST_S3_SECRET"));
    let keys = [("STORAGE_OTHER_KEY_ID", id.as_str()), ("STORAGE_OTHER_SECRET_KEY", secret.as_str())];
    let (said, first) = files(&world, &["move", "--to", &bucket], &keys);
    assert!(said.well && first["next"] == "other", "{}", said.text);
    assert_eq!(first["copied"], json!({"count": 1, "octets": 5}));
    // Again, once the servers know the bucket; what is there is not copied again.
    kept.push(upload(&ada, "b.txt", b"second").await);
    let told = [&keys[..], &[("STORAGE_OTHER_URL", &*bucket)]].concat();
    let (said, second) = files(&world, &["move", "--to", &bucket], &told);
    assert!(said.well && second["next"] == "swap", "{}", said.text);
    assert_eq!(second["copied"], json!({"count": 1, "octets": 6}));
    // The stores are exchanged, and the rest follows.
    kept.push(upload(&ada, "c.txt", b"third!!").await);
    let folder = format!("file:{}", world.database.folder.path().join("media").display());
    let of_bucket = [
        ("STORAGE_URL", bucket.as_str()),
        ("AWS_ACCESS_KEY_ID", id.as_str()),
        ("AWS_SECRET_ACCESS_KEY", secret.as_str()),
    ];
    let exchanged = [&of_bucket[..], &[("STORAGE_OTHER_URL", &*folder)]].concat();
    let (said, found) = files(&world, &["check", "--hashes"], &of_bucket);
    assert_eq!((said.code, &found["listed"][0]["wrong"]), (Some(1), &json!("missing")), "not yet");
    assert!(files(&world, &["check", "--hashes"], &exchanged).0.well, "it is in the other one");
    let (said, last) = files(&world, &["move", "--to", &bucket], &exchanged);
    assert!(said.well && last["next"] == "drop", "{}", said.text);
    assert_eq!(last["copied"], json!({"count": 1, "octets": 7}));
    let (said, found) = files(&world, &["check", "--hashes"], &of_bucket);
    assert!(said.well && found["wanted"]["count"] == kept.len(), "{found}");
    // Mistakes are named.
    for (url, settings, says) in
        [("nowhere", &[][..], "--to"), (folder.as_str(), &[], "stored there already"), ("", &[], "--to")]
    {
        let said = world.command(&["files", "move", "--to", url], settings);
        assert!(said.code == Some(1) && said.err.contains(says), "{url}: {}", said.text);
    }
    let same = world.command(&["files", "check"], &[("STORAGE_OTHER_URL", &*folder)]);
    assert!(same.code == Some(1) && same.err.contains("another store"), "{}", same.text);
}

async fn exported(world: World) {
    let ada = world.user("ada").await;
    let long: String = (0..700_000_u64).map(|n| char::from(b'a' + (n * n % 23) as u8)).collect();
    let file = upload(&ada, "lang und käse.txt", long.as_bytes()).await;
    let picture = examined(&ada, "", "; filename=\"photo.png\"", &png(30, 20, "zqplace")).await;
    let asked = ada.post("/api/users/me/export", json!({})).await.expect(202);
    let export = answer("the copy", async || {
        let export = ada.get(&format!("/api/users/me/exports/{}", asked["id"].as_str().unwrap())).await.expect(200);
        (export["status"] == "ready").then_some(export)
    });
    let export = export.await;
    let sent = world.nobody().request("GET", export["url"].as_str().unwrap()).send().await.unwrap();
    let octets = sent.error_for_status().unwrap().bytes().await.unwrap();
    assert_eq!(octets.len() as u64, export["size"].as_u64().unwrap());
    let mut archive = zip::ZipArchive::new(Cursor::new(octets)).unwrap();
    let mut content = |file: &Value, name: &str| {
        let mut octets = Vec::new();
        let name = format!("files/{}-{name}", file["id"].as_str().unwrap());
        archive.by_name(&name).unwrap().read_to_end(&mut octets).unwrap();
        octets
    };
    assert!(content(&file, "lang und käse.txt") == long.as_bytes());
    let picture = content(&picture, "photo.png");
    assert!(picture.starts_with(b"\x89PNG") && !picture.windows(7).any(|part| part == b"zqplace"));
}

async fn quarantined(world: World) {
    let (ada, root) = (world.user("ada").await, world.staff("rita", "moderator").await);
    // The test file of EICAR, in two halves, because scanners would also find it here.
    let eicar = format!("{}{}", r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD", "-ANTIVIRUS-TEST-FILE!$H+H*");
    let bad = examined(&ada, "", "; filename=\"a.com\"", eicar.as_bytes()).await;
    let good = examined(&ada, "", "; filename=\"a.txt\"", b"harmless").await;
    ada.get("/api/admin/files").await.refused(403, "permission.denied");
    assert_eq!(root.get("/api/admin/files?status=ready").await.wrong_fields(), ["?status"]);
    for query in ["", "?status=quarantined"] {
        let listed = root.get(&format!("/api/admin/files{query}")).await.expect(200)["items"].clone();
        let [listed] = listed.as_array().unwrap().as_slice() else { panic!("{listed}") };
        assert_eq!((&listed["id"], &listed["uploaded_by"]["id"]), (&bad["id"], &json!(ada.id)));
        assert!(listed["virus"].as_str().is_some_and(|virus| !virus.is_empty()), "{listed}");
    }
    root.get(&path(&bad, "/content")).await.refused(404, "file.unknown");
    let at = |file: &Value| format!("/api/admin/files/{}", file["id"].as_str().unwrap());
    root.delete(&at(&good)).await.refused(404, "file.not_quarantined");
    ada.delete(&at(&bad)).await.refused(403, "permission.denied");
    let mut socket = ada.socket().await;
    root.delete(&at(&bad)).await.expect(204);
    assert_eq!(socket.until("file.deleted").await["data"]["id"], bad["id"]);
    ada.get(&path(&bad, "")).await.refused(404, "file.unknown");
    root.delete(&at(&bad)).await.refused(404, "file.not_quarantined");
    assert_eq!(root.get("/api/admin/files").await.expect(200)["items"], json!([]));
}
