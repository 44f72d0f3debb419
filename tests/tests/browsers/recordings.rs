//! Voice notes as browsers record them, uploaded by the page that records them: the server finds duration and waveform
//! without an `ffmpeg`.

use std::time::Duration;

use clowder_tests::{Browser, Database, Firefox, PATIENCE, Site, User, World};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

/// Records in each format that the browser has, the first half silent and the second half a tone, and uploads it. The name
/// of a file says how long the recording was. What goes wrong is uploaded, too.
const RECORDER: &str = r#"<script type="module">
const [api, token] = location.hash.slice(1).split(",");
const upload = async (purpose, name, blob) => {
    const form = new FormData();
    form.append("file", blob, name);
    const headers = { authorization: `Bearer ${token}` };
    const answer = await fetch(`${api}/api/files/upload?purpose=${purpose}`, { method: "POST", headers, body: form });
    if (!answer.ok) throw new Error(`${name}: ${answer.status} ${await answer.text()}`);
};
const pause = (milliseconds) => new Promise((next) => setTimeout(next, milliseconds));
// The microphone of Firefox hums. Chromium without a screen asks nobody for one.
const microphone = async () => {
    const [track] = (await navigator.mediaDevices.getUserMedia({ audio: true })).getAudioTracks();
    return [new MediaStream([track]), (on) => { track.enabled = on; }];
};
const instrument = async () => {
    const context = new AudioContext();
    await context.resume();
    const [tone, gain, out] = [context.createOscillator(), context.createGain(), context.createMediaStreamDestination()];
    tone.connect(gain).connect(out);
    tone.start();
    return [out.stream, (on) => { gain.gain.value = on ? 0.5 : 0; }];
};
const record = async (stream, sounds, type) => {
    const [recorder, pieces] = [new MediaRecorder(stream, { mimeType: type }), []];
    recorder.ondataavailable = ({ data }) => pieces.push(data);
    const [started, stopped] = ["onstart", "onstop"].map((event) => new Promise((done) => { recorder[event] = done; }));
    sounds(false);
    recorder.start(250);
    await started;
    const begun = performance.now();
    await pause(1500);
    sounds(true);
    const half = performance.now();
    // As long again, however late this page is.
    await pause(half - begun);
    const length = Math.round(performance.now() - begun);
    recorder.stop();
    await stopped;
    return [new Blob(pieces, { type: recorder.mimeType }), length];
};
try {
    const [stream, sounds] = await (navigator.userAgent.includes("Firefox") ? microphone() : instrument());
    const types = ["audio/webm;codecs=opus", "audio/ogg;codecs=opus", "audio/mp4;codecs=opus"];
    let recorded = 0;
    for (const type of types.filter((type) => MediaRecorder.isTypeSupported(type))) {
        const [note, length] = await record(stream, sounds, type);
        await upload("voice", `${length}.${type.slice(6, type.indexOf(";"))}`, note);
        recorded += 1;
    }
    await upload("attachment", "done.txt", new Blob([`${recorded} recordings`]));
} catch (error) {
    await upload("attachment", "error.txt", new Blob([String(error)]));
}
</script>"#;

/// A site with the recorder, and a server at which it may upload.
async fn studio() -> (Site, World) {
    let site = Site::with(RECORDER).await;
    let world = World::with(Database::sqlite(), &[("CORS_ALLOWED_ORIGINS", &*site.origin)]).await;
    (site, world)
}

fn address(site: &Site, world: &World, user: &User) -> String {
    format!("{}/#http://{},{}", site.origin, world.server.address, user.token())
}

/// The voice notes that a page has uploaded, when they are examined.
async fn uploaded(user: &User) -> Vec<Value> {
    let begun = Instant::now();
    loop {
        let files = user.get("/api/files").await.expect(200)["items"].as_array().unwrap().clone();
        if let Some(failed) = files.iter().find(|file| file["name"] == "error.txt") {
            let path = format!("/api/files/{}/content", failed["id"].as_str().unwrap());
            panic!("the page says: {}", user.get(&path).await.text);
        }
        let is_done = files.iter().any(|file| file["name"] == "done.txt");
        if is_done && files.iter().all(|file| file["status"] != "scanning") {
            return files.into_iter().filter(|file| file["purpose"] == "voice").collect();
        }
        assert!(begun.elapsed() < PATIENCE * 3, "the page does not come to an end: {files:#?}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// A voice note of this type, whose second half can be heard.
fn assert_is_heard(notes: &[Value], media_type: &str) {
    let note = notes.iter().find(|note| note["type"] == media_type);
    let note = note.unwrap_or_else(|| panic!("{media_type}: {notes:#?}"));
    assert_eq!((&note["status"], &note["codecs"]), (&json!("ready"), &json!(["opus"])), "{note:#}");
    let (length, _) = note["name"].as_str().unwrap().split_once('.').unwrap();
    let (length, duration) = (length.parse::<u64>().unwrap(), note["duration_ms"].as_u64().unwrap());
    // A recorder starts and stops a little before or after it says so.
    assert!(duration.abs_diff(length) <= 400, "{duration} of {length} ms: {note:#}");
    let waveform: Vec<u64> = note["waveform"].as_array().unwrap().iter().map(|peak| peak.as_u64().unwrap()).collect();
    assert_eq!(waveform.len(), 100, "{note:#}");
    let (silent, loud) = (&waveform[10..35], &waveform[65..90]);
    assert!(silent.iter().all(|peak| *peak < 5) && loud.iter().all(|peak| *peak > 10), "{media_type}: {waveform:?}");
    assert!(note["width"].is_null() && note["blurhash"].is_null(), "{note:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn voice_notes_of_chromium() {
    let (site, world) = studio().await;
    let ada = world.user("ada").await;
    let mut browser = Browser::start().await;
    browser.open(&address(&site, &world, &ada)).await;
    let notes = uploaded(&ada).await;
    for media_type in ["audio/webm", "audio/mp4"] {
        assert_is_heard(&notes, media_type);
    }
    assert_eq!(browser.failures, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn voice_notes_of_firefox() {
    let (site, world) = studio().await;
    let ada = world.user("ada").await;
    let _firefox = Firefox::start(&address(&site, &world, &ada));
    let notes = uploaded(&ada).await;
    for media_type in ["audio/webm", "audio/ogg"] {
        assert_is_heard(&notes, media_type);
    }
}
