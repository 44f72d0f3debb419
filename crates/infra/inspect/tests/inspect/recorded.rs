//! What real programs have recorded and taken (samples/README.md), looked at by a process in its sandbox.

use std::{env, fs, path::PathBuf};

use clowder_infra_inspect::{Inspected, Inspector, Limits, PEAKS};
use tempfile::TempDir;

use crate::{made::*, processes::stand_in};

fn sample(name: &str) -> Vec<u8> {
    fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/inspect/samples").join(name)).unwrap()
}

/// As a server without, or with, an `ffmpeg` does it.
async fn look(content: &[u8], media_type: &str, ffmpeg: Option<PathBuf>) -> (Inspected, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let (file, into) = (folder.path().join("file"), folder.path().join("into"));
    fs::write(&file, content).unwrap();
    fs::create_dir(&into).unwrap();
    let inspector = Inspector::new(stand_in(), ffmpeg, Limits::default(), 1);
    (inspector.inspect(&file, media_type, &into).await.unwrap(), folder)
}

/// The first half is silent, and the second half a tone.
#[tokio::test]
async fn voice_notes_have_duration_and_waveform_without_ffmpeg() {
    for (name, media_type, codec) in [
        ("chromium.webm", "audio/webm", "opus"),
        ("chromium.mp4", "audio/mp4", "opus"),
        ("firefox.webm", "audio/webm", "opus"),
        ("firefox.ogg", "audio/ogg", "opus"),
        ("aac.mp4", "audio/mp4", "aac"),
        ("note.flac", "audio/flac", "flac"),
        ("note.mp3", "audio/mpeg", "mp3"),
    ] {
        let (found, _) = look(&sample(name), media_type, None).await;
        assert_eq!((found.media_type.as_str(), found.codecs.as_slice()), (media_type, [codec.to_owned()].as_slice()));
        let duration = found.duration_ms.unwrap();
        // A recorder of a browser begins and ends a little late.
        assert!(duration.abs_diff(3000) <= 100, "{name}: {duration}");
        let waveform = found.waveform.unwrap();
        assert_eq!(waveform.len(), PEAKS, "{name}");
        // The recorder of Chromium has some of the recording before in its first packet.
        assert!(waveform[4..45].iter().all(|peak| *peak < 5), "{name}: {waveform:?}");
        assert!(waveform[55..].iter().all(|peak| *peak > 20), "{name}: {waveform:?}");
    }
}

/// A browser that records has no length to write. What it has written when it ends is all there is.
#[tokio::test]
async fn a_voice_note_that_is_cut_off_has_what_is_there() {
    let whole = sample("chromium.webm");
    let (found, _) = look(&whole[..whole.len() * 3 / 4], "audio/webm", None).await;
    let duration = found.duration_ms.unwrap();
    assert!((1500..2900).contains(&duration), "{duration}");
}

#[tokio::test]
async fn photos_in_heic_and_avif_lose_their_metadata_and_stay_photos() {
    for (name, media_type, is_turned) in [("photo.heic", "image/heic", true), ("photo.avif", "image/avif", true)] {
        let content = sample(name);
        assert!(contains(&content, b"SECRETCAMERA") && contains(&content, b"SECRETPERSON"), "{name}");
        let (found, folder) = look(&content, media_type, None).await;
        let size = if is_turned { (64, 96) } else { (96, 64) };
        assert_eq!((found.width, found.height), (Some(size.0), Some(size.1)), "{name}");
        assert!(found.thumbnails.is_empty() && found.blurhash.is_none(), "nothing decodes them");
        let clean = fs::read(folder.path().join("into").join(found.clean.unwrap().file)).unwrap();
        assert_eq!(clean.len(), content.len(), "{name}");
        assert!(!contains(&clean, b"SECRET"), "{name}");
        // Other libraries refuse a picture whose item of Exif is none. Nothing is in this one.
        let at = clean.windows(4).position(|part| part == b"MM\0*").unwrap();
        assert_eq!(clean[at - 4..at + 14], *b"\0\0\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0", "{name}");
        assert!(contains(&clean, b"<x:xmpmeta xmlns:x=\"adobe:ns:meta/\"/>  "), "{name}");
        // The picture is the same, octet by octet.
        let pixels = |content: &[u8]| content.windows(4).position(|part| part == b"mdat").unwrap();
        assert_eq!(pixels(&clean), pixels(&content));
        let changed = clean.iter().zip(&content).filter(|(after, before)| after != before).count();
        assert!((300..500).contains(&changed), "{name}: {changed}");
    }
}

/// `scripts/with-services` says where one is. Without it, the test fails.
fn ffmpeg() -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "tests are told where things are by whoever runs them")]
    let given = env::var_os("TEST_FFMPEG");
    given.expect("TEST_FFMPEG is not set: run `make test`, or `make services` for a shell").into()
}

#[tokio::test]
async fn a_real_ffmpeg_makes_posters_within_the_sandbox() {
    let ffmpeg = ffmpeg();
    let (found, folder) = look(&sample("video.mp4"), "video/mp4", Some(ffmpeg.clone())).await;
    assert_eq!((found.width, found.height, found.codecs), (Some(160), Some(120), vec!["h264".to_owned()]));
    assert!(found.blurhash.is_some());
    let sizes: Vec<_> = found.thumbnails.iter().map(|it| (it.size, it.width, it.height)).collect();
    assert_eq!(sizes, [(64, 64, 48), (64, 64, 48), (128, 128, 96), (128, 128, 96), (256, 160, 120), (256, 160, 120)]);
    for made in &found.thumbnails {
        let picture = decoded(&fs::read(folder.path().join("into").join(&made.written.file)).unwrap()).to_rgb8();
        // The test pattern has many colours.
        let colours: std::collections::HashSet<_> = picture.pixels().map(|pixel| pixel.0.map(|it| it / 64)).collect();
        assert!(colours.len() > 5, "{made:?}: {colours:?}");
    }
    let found = Inspector::new(stand_in(), Some(ffmpeg), Limits::default(), 1).self_test().await.unwrap();
    assert!(found.contained.is_whole() && found.reached.is_empty() && found.lost.is_empty(), "{found:?}");
}
