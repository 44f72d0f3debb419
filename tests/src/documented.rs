//! Every JSON answer and every frame that a test sees must be as the OpenAPI and AsyncAPI documents say.
//!
//! A test is a process of its own, and whole documents would take it longer than most stories. So the first test takes the
//! documents of the binary apart, into one small file per operation and message with the schemas that it needs, and each
//! test reads the few that it meets.

use std::{
    collections::{BTreeSet, HashMap},
    fs::{self, File, OpenOptions},
    hash::{DefaultHasher, Hash, Hasher},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use jsonschema::Validator;
use serde_json::{Map, Value, json};

use crate::{
    Answer,
    documents::{self, OpenApi, needed, resolved, validator},
    server, setting,
};

/// The folder with the parts.
static PARTS: LazyLock<PathBuf> = LazyLock::new(take_apart);
/// Method, path template and id of each operation.
static OPERATIONS: LazyLock<Vec<[String; 3]>> = LazyLock::new(|| serde_json::from_value(part("operations")).unwrap());
/// The key of each message.
static MESSAGES: LazyLock<Vec<String>> = LazyLock::new(|| serde_json::from_value(part("messages")).unwrap());
/// What this process has compiled, by the name of the part and the place of the schema in it.
static COMPILED: Mutex<Option<HashMap<String, Arc<Validator>>>> = Mutex::new(None);
/// What was seen, for `scripts/test-documented`.
static SEEN: LazyLock<Option<Mutex<Seen>>> = LazyLock::new(|| {
    let file = PathBuf::from(setting("TEST_SEEN")?).join(std::process::id().to_string());
    let file = OpenOptions::new().create(true).append(true).open(file).unwrap();
    Some(Mutex::new(Seen { file, noted: BTreeSet::new() }))
});

struct Seen {
    file: File,
    noted: BTreeSet<String>,
}

/// Notes what was seen.
pub(crate) fn seen(what: &str) {
    let Some(seen) = &*SEEN else { return };
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    if seen.noted.insert(what.to_owned()) {
        seen.file.write_all(format!("{what}\n").as_bytes()).unwrap();
    }
}

/// Fails if an answer is not as documented.
pub(crate) fn check_answer(method: &str, path: &str, answer: &Answer) {
    // Answers without a body say what the others do.
    if method == "HEAD" {
        return;
    }
    let Some(operation) = operation(method, path) else {
        // Preflights are not operations.
        let exists = answer.status < 400 && path.starts_with("/api/") && method != "OPTIONS";
        assert!(!exists, "{method} {path} is not documented: {answer:?}");
        return;
    };
    let told = wrong(operation, answer);
    assert!(told.is_empty(), "not as documented: {method} {path} {}: {told:#?}\n{}", answer.status, answer.text);
    seen(&format!("{operation} {}", answer.status));
}

/// The id of an operation. Fixed segments win, whatever the path supports.
fn operation(method: &str, path: &str) -> Option<&'static str> {
    let asked: Vec<_> = path.trim_end_matches('/').split('/').collect();
    let fits = |template: &str| {
        let mut segments = template.trim_end_matches('/').split('/');
        let all = asked.iter().all(|asked| segments.next().is_some_and(|it| it.starts_with('{') || it == *asked));
        all && segments.next().is_none()
    };
    let found = OPERATIONS.iter().map(|[_, template, _]| template).filter(|template| fits(template));
    let found = found.min_by_key(|template| template.matches('{').count())?;
    OPERATIONS.iter().find(|[verb, template, _]| verb == method && template == found).map(|[.., id]| id.as_str())
}

/// How an answer differs from its operation.
fn wrong(operation: &str, answer: &Answer) -> Vec<String> {
    let name = format!("operation.{operation}");
    let status = answer.status.to_string();
    let media = answer.header("content-type").split(';').next().unwrap_or_default().trim();
    let place = format!("{status} {media}");
    if media.ends_with("json")
        && let Some(known) = compiled(&name, &place)
    {
        return documents::wrong(&known, &answer.body);
    }
    let operation = part(&name);
    let response = &operation["responses"][&status];
    match response["content"].as_object() {
        _ if !response.is_object() => vec!["the status is not documented".to_owned()],
        None if answer.text.is_empty() => Vec::new(),
        None => vec!["a body, where none is documented".to_owned()],
        Some(content) => match content.get(media) {
            // Whatever somebody has uploaded, which may be JSON, too.
            None if content.contains_key("*/*") => Vec::new(),
            None => vec![format!("`{media}` is not documented")],
            Some(_) if !media.ends_with("json") => Vec::new(),
            Some(content) => documents::wrong(&compile(&name, &place, &operation, &content["schema"]), &answer.body),
        },
    }
}

/// Fails if a frame is not as documented. `commands` are those to which an answer may be.
pub(crate) fn check_frame(frame: &Value, commands: &[String]) {
    let kind = frame["type"].as_str().unwrap_or_default();
    let keys: Vec<_> = match kind {
        "ack" if commands.is_empty() => MESSAGES.iter().filter(|key| key.starts_with("ack.")).cloned().collect(),
        "ack" => commands.iter().map(|command| format!("ack.{command}")).collect(),
        kind => vec![kind.to_owned()],
    };
    let mut told = Vec::new();
    for key in keys {
        if !MESSAGES.contains(&key) {
            told.push(format!("`{key}` is not documented"));
            continue;
        }
        let name = format!("message.{key}");
        let known = compiled(&name, "payload").unwrap_or_else(|| {
            let message = part(&name);
            compile(&name, "payload", &message, &message["payload"])
        });
        match documents::wrong(&known, frame) {
            none if none.is_empty() => return seen(&key),
            some => told.extend(some),
        }
    }
    panic!("not as documented: {frame}: {told:#?}");
}

fn compiled(part: &str, place: &str) -> Option<Arc<Validator>> {
    let compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    compiled.as_ref()?.get(&format!("{part} {place}")).cloned()
}

fn compile(part: &str, place: &str, document: &Value, schema: &Value) -> Arc<Validator> {
    let compiled = Arc::new(validator(document, schema));
    let mut all = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    all.get_or_insert_default().insert(format!("{part} {place}"), Arc::clone(&compiled));
    compiled
}

fn part(name: &str) -> Value {
    serde_json::from_slice(&fs::read(PARTS.join(format!("{name}.json"))).unwrap()).unwrap()
}

/// Writes the parts, if no test has done so for this binary.
fn take_apart() -> PathBuf {
    let binary = server::binary();
    let about = fs::metadata(binary).unwrap();
    let mut hasher = DefaultHasher::new();
    (binary, about.len(), about.modified().unwrap()).hash(&mut hasher);
    // The test binary is in target/debug/deps.
    let here = std::env::current_exe().unwrap();
    let folder = here.ancestors().nth(2).unwrap().join("documents");
    fs::create_dir_all(&folder).unwrap();
    let lock = File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    let parts = folder.join(format!("{:016x}", hasher.finish()));
    if !parts.exists() {
        // Those of earlier binaries.
        for old in fs::read_dir(&folder).unwrap().flatten().filter(|old| old.path().is_dir()) {
            let _ = fs::remove_dir_all(old.path());
        }
        let building = tempfile::tempdir_in(&folder).unwrap();
        write(building.path());
        fs::rename(building.keep(), &parts).unwrap();
    }
    parts
}

fn write(folder: &Path) {
    let write = |name: &str, part: &Value| {
        fs::write(folder.join(format!("{name}.json")), part.to_string()).unwrap();
    };
    let api = OpenApi(printed("openapi", folder));
    let index: Vec<_> = (api.operations().iter())
        .map(|(method, template, operation)| json!([method, template, operation["operationId"]]))
        .collect();
    write("operations", &index.into());
    for (.., operation) in api.described() {
        let responses = operation["responses"].as_object().unwrap().iter();
        let responses: Map<_, _> = responses
            .map(|(status, response)| {
                let content = &resolved(&api.0, response)["content"];
                (status.clone(), if content.is_null() { json!({}) } else { json!({"content": schemas_alone(content)}) })
            })
            .collect();
        let responses = Value::from(responses);
        let part = json!({"components": needed(&api.0, &responses), "responses": responses});
        write(&format!("operation.{}", operation["operationId"].as_str().unwrap()), &part);
    }
    let api = printed("asyncapi", folder);
    let messages = api["components"]["messages"].as_object().unwrap();
    write("messages", &messages.keys().cloned().collect::<Vec<_>>().into());
    for (key, message) in messages {
        let part = json!({"components": needed(&api, &message["payload"]), "payload": message["payload"]});
        write(&format!("message.{key}"), &part);
    }
}

/// A document as the binary prints it.
fn printed(what: &str, folder: &Path) -> Value {
    let mut command = Command::new(server::binary());
    command.arg(what).current_dir(folder).env_clear().envs(server::SETTINGS.iter().copied());
    let out = command.env("DATA_DIR", folder).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

/// Without examples, which nothing needs.
fn schemas_alone(content: &Value) -> Value {
    let media = content.as_object().unwrap().iter();
    media.map(|(media, content)| (media.clone(), json!({"schema": content["schema"]}))).collect::<Map<_, _>>().into()
}
