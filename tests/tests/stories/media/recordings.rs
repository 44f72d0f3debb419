//! Recordings and photos that real programs have made, as clients see them: voice notes without an `ffmpeg`, posters of
//! videos with one, and photos that nothing here decodes.

use clowder_tests::{World, files::examined, on_both, recorded::png, root};
use serde_json::json;

use super::{needed, path};

on_both!(shared; voice_notes, photos, posters_of_ones_own);
on_both!(with [("FFMPEG", &*super::needed("TEST_FFMPEG"))]; posters);

fn sample(name: &str) -> Vec<u8> {
    std::fs::read(root().join("crates/infra/inspect/tests/inspect/samples").join(name)).unwrap()
}

async fn voice_notes(world: World) {
    let ada = world.user("ada").await;
    for (name, media_type, codec) in [
        ("chromium.webm", "audio/webm", "opus"),
        ("chromium.mp4", "audio/mp4", "opus"),
        ("firefox.webm", "audio/webm", "opus"),
        ("firefox.ogg", "audio/ogg", "opus"),
        ("aac.mp4", "audio/mp4", "aac"),
        ("note.flac", "audio/flac", "flac"),
        ("note.mp3", "audio/mpeg", "mp3"),
    ] {
        let note = examined(&ada, "?purpose=voice", &format!("; filename=\"{name}\""), &sample(name)).await;
        let found = (&note["status"], &note["type"], &note["codecs"]);
        assert_eq!(found, (&json!("ready"), &json!(media_type), &json!([codec])), "{name}: {note:#}");
        let duration = note["duration_ms"].as_u64().unwrap();
        assert!(duration.abs_diff(3000) <= 100, "{name}: {duration}");
        let loudest = note["waveform"].as_array().unwrap()[50..].iter().filter_map(serde_json::Value::as_u64).max();
        assert!(note["waveform"].as_array().unwrap().len() == 100 && loudest > Some(20), "{name}: {note:#}");
    }
}

async fn photos(world: World) {
    let ada = world.user("ada").await;
    for (name, media_type) in [("photo.heic", "image/heic"), ("photo.avif", "image/avif")] {
        let content = sample(name);
        assert!(String::from_utf8_lossy(&content).contains("SECRETCAMERA"));
        let photo = examined(&ada, "", &format!("; filename=\"{name}\""), &content).await;
        let found = (&photo["status"], &photo["type"], &photo["width"], &photo["height"], &photo["thumbnails"]);
        assert_eq!(found, (&json!("ready"), &json!(media_type), &json!(64), &json!(96), &json!([])), "{photo:#}");
        let shown = ada.get(&path(&photo, "/content")).await;
        assert!(shown.status == 200 && !shown.text.contains("SECRET"), "{name}");
        ada.get(&path(&photo, "/thumbnail")).await.refused(404, "file.no_thumbnail");
    }
}

async fn posters_of_ones_own(world: World) {
    let ada = world.user("ada").await;
    let video = examined(&ada, "?purpose=video", "; filename=\"video.mp4\"", &sample("video.mp4")).await;
    assert_eq!((&video["poster_id"], &video["thumbnails"]), (&json!(null), &json!([])), "{video:#}");
    let picture = examined(&ada, "", "; filename=\"poster.png\"", &png(300, 200, "")).await;
    let with = ada.patch(&path(&video, ""), json!({"poster_id": picture["id"]})).await.expect(200);
    assert_eq!((&with["poster_id"], &with["thumbnails"][0]["size"]), (&picture["id"], &json!(64)), "{with:#}");
    let poster = ada.get(&path(&video, "/thumbnail?size=64")).await;
    assert_eq!((poster.status, poster.header("content-type")), (200, "image/jpeg"));
    let without = ada.patch(&path(&video, ""), json!({"poster_id": null})).await.expect(200);
    assert_eq!((&without["poster_id"], &without["thumbnails"]), (&json!(null), &json!([])), "{without:#}");
}

async fn posters(world: World) {
    let ada = world.user("ada").await;
    let video = examined(&ada, "?purpose=video", "; filename=\"video.mp4\"", &sample("video.mp4")).await;
    let found = (&video["status"], &video["width"], &video["height"], &video["duration_ms"]);
    assert_eq!(found, (&json!("ready"), &json!(160), &json!(120), &json!(1000)), "{video:#}");
    assert!(video["blurhash"].is_string() && video["thumbnails"][0].is_object(), "{video:#}");
    let poster = ada.get(&path(&video, "/thumbnail?size=64")).await;
    assert_eq!((poster.status, poster.header("content-type")), (200, "image/jpeg"));
    // The program that was started could reach nothing else.
    let said = world.command(&["doctor", "--json"], &[("FFMPEG", &*needed("TEST_FFMPEG")), ("PORT", "0")]);
    let report = said.json();
    let sandbox = report["findings"].as_array().unwrap().iter().find(|finding| finding["name"] == "file sandbox");
    assert_eq!(sandbox.unwrap()["status"], "ok", "{report:#}");
}
