//! Clients and nodes of an earlier version understand the frames of this one: what a frame ever had, it keeps, and what a
//! command could do without, it can still do without.
//!
//! All that there ever was is in `tests/data/frames.txt`; `UPDATE_FRAMES=1` adds what is new there. Nothing takes a line away
//! but somebody who knows that no client needs it any more.

use std::{collections::BTreeSet, fs};

use clowder_tests::{World, documents::AsyncApi, root, setting};
use serde_json::{Value, json};

use super::documents;

/// What the server tells, and what it takes.
const TOLD: &str = "told";
const TAKEN: &str = "taken";

const COMMAND: &str = "UPDATE_FRAMES=1 cargo nextest run -p clowder-tests --test documents frames";

/// Which members frames have, by their path: with their types, and whether they are always there. What a schema has that
/// several frames have in them is written once.
struct Members<'d> {
    document: &'d Value,
    /// What the server tells, or what it takes.
    way: &'static str,
    seen: BTreeSet<String>,
    /// Schemas to look at, and what they are called.
    open: Vec<(String, &'d Value)>,
    found: BTreeSet<String>,
}

impl<'d> Members<'d> {
    fn of(document: &'d Value, way: &'static str, frames: Vec<(String, &'d Value)>) -> BTreeSet<String> {
        let mut members = Self { document, way, seen: BTreeSet::new(), open: frames, found: BTreeSet::new() };
        while let Some((name, schema)) = members.open.pop() {
            if members.seen.insert(name.clone()) {
                members.look(&format!("{name}:"), schema);
            }
        }
        members.found
    }

    fn look(&mut self, path: &str, schema: &'d Value) {
        if let Some((name, target)) = self.target(schema) {
            self.open.push((name, target));
            return;
        }
        for either in ["allOf", "anyOf", "oneOf"] {
            for schema in schema[either].as_array().into_iter().flatten() {
                // What is added to another schema is as if it stood here.
                self.look(path, if either == "allOf" { resolved(self.document, schema) } else { schema });
            }
        }
        if schema["items"].is_object() {
            self.note(&format!("{path}[]"), &schema["items"]);
        }
        for (name, member) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{name}");
            let presence = if has(&schema["required"], name) { "always" } else { "sometimes" };
            self.found.insert(format!("{} {path} {presence}", self.way));
            self.note(&path, member);
        }
    }

    fn note(&mut self, path: &str, schema: &'d Value) {
        for kind in self.kinds(schema) {
            self.found.insert(format!("{} {path} {kind}", self.way));
        }
        self.look(path, schema);
    }

    /// The name of the schema that one refers to, and that schema.
    fn target(&self, schema: &Value) -> Option<(String, &'d Value)> {
        let target = schema["$ref"].as_str()?;
        let found = self.document.pointer(&target[1..]).unwrap_or_else(|| panic!("{target} is missing"));
        Some((target.rsplit('/').next().unwrap().to_owned(), found))
    }

    /// The types that a value may have, and the schemas.
    fn kinds(&self, schema: &Value) -> BTreeSet<String> {
        let mut kinds = types(schema);
        // Whoever knows only the type of a value is not disturbed when that gets a name.
        if let Some((name, target)) = self.target(schema) {
            kinds.insert(name);
            kinds.extend(types(target));
        }
        for either in ["allOf", "anyOf", "oneOf"] {
            kinds.extend(schema[either].as_array().into_iter().flatten().flat_map(|schema| self.kinds(schema)));
        }
        kinds
    }
}

/// The types that a schema itself names.
fn types(schema: &Value) -> BTreeSet<String> {
    match &schema["type"] {
        Value::String(kind) => BTreeSet::from([kind.clone()]),
        Value::Array(all) => all.iter().filter_map(|kind| kind.as_str().map(str::to_owned)).collect(),
        _ => BTreeSet::new(),
    }
}

fn resolved<'d>(document: &'d Value, schema: &'d Value) -> &'d Value {
    schema["$ref"].as_str().and_then(|target| document.pointer(&target[1..])).unwrap_or(schema)
}

fn has(list: &Value, name: &str) -> bool {
    list.as_array().is_some_and(|list| list.contains(&json!(name)))
}

/// The members of all frames that the server tells and takes.
fn all(api: &AsyncApi) -> BTreeSet<String> {
    let (mut told, mut taken) = (Vec::new(), Vec::new());
    for operation in api.0["operations"].as_object().unwrap().values() {
        let frames = |messages: &Value| -> Vec<_> {
            let keys = messages.as_array().into_iter().flatten().map(|message| message["$ref"].as_str().unwrap());
            let keys = keys.map(|target| target.rsplit('/').next().unwrap().to_owned());
            keys.map(|key| (key.clone(), api.payload(&key))).collect()
        };
        // Its actions are those of the server.
        let way = if operation["action"] == "receive" { &mut taken } else { &mut told };
        way.extend(frames(&operation["messages"]));
        told.extend(frames(&operation["reply"]["messages"]));
    }
    let (mut all, taken) = (Members::of(&api.0, TOLD, told), Members::of(&api.0, TAKEN, taken));
    all.extend(taken);
    all
}

/// What somebody who knows the frames of before does not understand. The server `tells` what is always there, and may tell
/// more; it takes what may be left out, and may need less.
fn broken(before: &BTreeSet<String>, now: &BTreeSet<String>) -> Vec<String> {
    let takes = |line: &str| line.split(' ').next() == Some(TAKEN);
    let gone = before.difference(now).filter(|line| match line.rsplit_once(' ') {
        // A member that clients need not send any more, and one that is always told from now on.
        Some((member, "always")) => !(takes(line) && now.contains(&format!("{member} sometimes"))),
        Some((member, "sometimes")) => takes(line) || !now.contains(&format!("{member} always")),
        _ => true,
    });
    let gone = gone.map(|line| format!("gone: {line}"));
    // A command that was known gets a member that every client would have to send.
    let known = |line: &str| {
        let command = line.split(':').next().unwrap_or_default();
        before.iter().any(|line| line.starts_with(&format!("{command}:")))
    };
    let is_inside_new = |member: &str| {
        let parent = member.rsplit_once('.').map_or("", |(parent, _)| parent.trim_end_matches("[]"));
        !parent.ends_with(':') && !before.iter().any(|line| line.starts_with(&format!("{parent} ")))
    };
    let demanded = now.difference(before).filter(|line| {
        let Some((member, "always")) = line.rsplit_once(' ') else { return false };
        takes(line) && known(line) && !is_inside_new(member)
    });
    gone.chain(demanded.map(|line| format!("demanded: {line}"))).collect()
}

#[tokio::test]
async fn frames_stay_as_earlier_versions_know_them() {
    let world = World::shared_on_sqlite(&[]).await;
    let (_, api) = documents(&world).await;
    let now = all(&api);
    let file = root().join("tests/data/frames.txt");
    let recorded = fs::read_to_string(&file).unwrap_or_default();
    let before: BTreeSet<String> = recorded.lines().map(str::to_owned).collect();
    let broken = broken(&before, &now);
    assert!(broken.is_empty(), "earlier clients and nodes do not understand this: {broken:#?}");
    let new: BTreeSet<_> = now.difference(&before).cloned().collect();
    if setting("UPDATE_FRAMES").is_some() {
        let all: Vec<_> = before.union(&new).cloned().collect();
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, all.join("\n") + "\n").unwrap();
        return;
    }
    assert!(new.is_empty(), "new in the frames: run `{COMMAND}` and commit what it writes: {new:#?}");
}

#[test]
fn what_breaks_earlier_clients_is_noticed() {
    let set = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<BTreeSet<_>>();
    let before = set(&["told a:.x string", "told a:.x always", "taken b:.y string", "taken b:.y always"]);
    let with = |lines: &[&str]| before.union(&set(lines)).cloned().collect::<BTreeSet<_>>();
    let but = |from: &str, to: &[&str]| {
        let mut now = with(to);
        assert!(now.remove(from), "{from}");
        now
    };
    for (now, what) in [
        (before.clone(), ""),
        (with(&["told a:.z string", "told a:.z always", "taken b:.z sometimes"]), ""),
        (with(&["taken c:.z always", "told d:.z always"]), ""),
        (with(&["taken b:.z object", "taken b:.z sometimes", "taken b:.z.w always"]), ""),
        (but("taken b:.y always", &["taken b:.y sometimes"]), ""),
        (but("told a:.x always", &["told a:.x sometimes"]), "gone: told a:.x always"),
        (but("told a:.x string", &["told a:.x number"]), "gone: told a:.x string"),
        (but("taken b:.y string", &["taken b:.y number"]), "gone: taken b:.y string"),
        (with(&["taken b:.z always"]), "demanded: taken b:.z always"),
    ] {
        let broken = broken(&before, &now);
        assert_eq!(broken.join("; "), what);
    }
}
