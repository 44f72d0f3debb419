//! Merges the sources of settings and collects all their faults.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs, io,
    path::{Path, PathBuf},
};

use super::{
    Config,
    settings::{SETTINGS, Setting},
    suggest,
};

const PREFIX: &str = "CLOWDER__";

/// All faults of the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(pub Vec<String>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the settings are invalid:")?;
        self.0.iter().try_for_each(|fault| writeln!(f, "  {fault}"))
    }
}

impl std::error::Error for Faults {}

/// The merged sources; each overrides those before it.
#[derive(Default)]
pub struct Layers {
    config: Config,
    faults: Vec<String>,
    /// The settings that already have a reported fault, for which later checks are skipped.
    wrong: BTreeSet<String>,
}

impl Layers {
    /// All sources in order, for the program itself. `arguments` are pairs of `section.key` and value.
    pub fn load(file: Option<PathBuf>, arguments: &[(String, String)]) -> Result<Config, Faults> {
        let mut dotenv = BTreeMap::new();
        let mut layers = Self::default();
        // Some editors begin a file with a byte order mark.
        let read = fs::read_to_string(".env").map(|text| without_mark(&text).to_owned());
        match read {
            Ok(text) => {
                for pair in dotenvy::from_read_iter(text.as_bytes()) {
                    match pair {
                        Ok((name, value)) => drop(dotenv.insert(name, value)),
                        Err(error) => layers.faults.push(format!(".env: {error}")),
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => layers.faults.push(format!(".env: {error}")),
        }
        let mut environment = BTreeMap::new();
        for (name, value) in std::env::vars_os() {
            let Ok(name) = name.into_string() else { continue };
            match value.into_string() {
                Ok(value) => drop(environment.insert(name, value)),
                Err(_) if is_known(&name) => layers.faults.push(format!("environment: {name}: must be UTF-8")),
                Err(_) => {}
            }
        }
        let named = |variables: &BTreeMap<String, String>| {
            variables.get("CLOWDER_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from)
        };
        let default = Path::new("config/default.toml");
        if default.exists() {
            layers = layers.file(default);
        }
        if let Some(path) = file.or_else(|| named(&environment)).or_else(|| named(&dotenv)) {
            layers = layers.file(&path);
        }
        layers.variables(".env", &dotenv).variables("environment", &environment).arguments(arguments).check()
    }

    /// A TOML file, which must exist.
    pub fn file(mut self, path: &Path) -> Self {
        match fs::read_to_string(path) {
            Ok(text) => self.toml(&path.display().to_string(), without_mark(&text)),
            Err(error) => {
                self.faults.push(format!("{}: {error}", path.display()));
                self
            }
        }
    }

    pub fn toml(mut self, source: &str, text: &str) -> Self {
        match text.parse::<toml::Table>() {
            Ok(table) => self.table(source, "", &table),
            Err(error) => self.faults.push(format!("{source}: {}", error.message())),
        }
        self
    }

    fn table(&mut self, source: &str, section: &str, table: &toml::Table) {
        for (key, value) in table {
            let known = SETTINGS.iter().find(|setting| setting.section == section && setting.key == key);
            match (known, value) {
                (None, toml::Value::Table(inner)) if section.is_empty() && has_section(key) => {
                    self.table(source, key, inner);
                }
                (Some(setting), value) => match text_of(value) {
                    Some(text) => self.set(setting, &text, source, &setting.path()),
                    None => {
                        self.wrong.insert(setting.path());
                        self.faults.push(format!("{source}: {} cannot be a {}", setting.path(), value.type_str()));
                    }
                },
                (None, _) => {
                    let dot = if section.is_empty() { "" } else { "." };
                    let name = format!("{section}{dot}{key}");
                    let meant = match value {
                        toml::Value::Table(_) => suggest::closest(key, sections()).map(|known| format!("[{known}]")),
                        _ => suggest::path(&name),
                    };
                    self.faults.push(format!("{source}: unknown setting {name}{}", suggest::question(meant)));
                }
            }
        }
    }

    /// The environment variables. Those of other programs are ignored, and an empty one counts as unset.
    pub fn variables(mut self, source: &str, variables: &BTreeMap<String, String>) -> Self {
        let mut ours = Vec::new();
        for setting in SETTINGS.iter() {
            for name in [setting.name.to_owned(), setting.long_name()].into_iter().filter(|name| !name.is_empty()) {
                if setting.secret {
                    let file_name = format!("{name}_FILE");
                    if let Some(path) = variables.get(&file_name).filter(|path| !path.is_empty()) {
                        self.set_from_file(setting, path, source, &file_name);
                        if variables.get(&name).is_some_and(|text| !text.is_empty()) {
                            self.faults.push(format!("{source}: {name}: must not be set together with {file_name}"));
                        }
                    }
                    ours.push(file_name);
                }
                if let Some(text) = variables.get(&name).filter(|text| !text.is_empty()) {
                    self.set(setting, text, source, &name);
                }
                ours.push(name);
            }
        }
        for (name, value) in variables {
            if name.starts_with(PREFIX) && !ours.contains(name) {
                let meant = suggest::long_name(name);
                self.faults.push(format!("{source}: unknown setting {name}{}", suggest::question(meant)));
            } else if let Some(meant) = suggest::variable(name, value, variables) {
                self.faults.push(format!(
                    "{source}: {name} is not a setting; did you mean {meant}? (If another program needs it, unset it here.)"
                ));
            }
        }
        self
    }

    /// A secret in a file: its text without the final line break.
    fn set_from_file(&mut self, setting: &Setting, path: &str, source: &str, name: &str) {
        let fault =
            match fs::read_to_string(path).map(|text| without_mark(&text).trim_end_matches(['\r', '\n']).to_owned()) {
                Ok(text) if text.is_empty() => "must not be empty".to_owned(),
                Ok(text) => return self.set(setting, &text, source, name),
                Err(error) => error.to_string(),
            };
        self.wrong.insert(setting.path());
        self.faults.push(format!("{source}: {name}: {path}: {fault}"));
    }

    /// `section.key` and value, as given on the command line.
    pub fn arguments(mut self, arguments: &[(String, String)]) -> Self {
        for (path, text) in arguments {
            match SETTINGS.iter().find(|setting| setting.path() == *path) {
                Some(setting) => self.set(setting, text, "arguments", path),
                None => {
                    let meant = suggest::question(suggest::path(path));
                    self.faults.push(format!("arguments: unknown setting {path}{meant}"));
                }
            }
        }
        self
    }

    /// The settings, or all their faults.
    pub fn check(mut self) -> Result<Config, Faults> {
        if self.config.debug && self.config.server.cors_allowed_origins.is_empty() {
            let hosts = ["localhost", "127.0.0.1"].into_iter();
            let usual = hosts.flat_map(|host| [3000, 5173, 8080].map(|port| format!("http://{host}:{port}")));
            self.config.server.cors_allowed_origins = usual.filter_map(|origin| origin.parse().ok()).collect();
        }
        self.faults.extend(self.config.faults(&|paths| paths.iter().any(|path| self.wrong.contains(*path))));
        if self.faults.is_empty() { Ok(self.config) } else { Err(Faults(self.faults)) }
    }

    fn set(&mut self, setting: &Setting, text: &str, source: &str, name: &str) {
        // A later source overrides this one, and its value may be valid.
        self.wrong.remove(&setting.path());
        if let Err(fault) = setting.take(&mut self.config, text) {
            self.wrong.insert(setting.path());
            let shown = if setting.secret { String::new() } else { format!("`{text}` ") };
            self.faults.push(format!("{source}: {name}: {shown}{fault}"));
        }
    }
}

/// The text without the byte order mark that some editors write at the start of a file.
pub fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

fn is_known(name: &str) -> bool {
    name.starts_with(PREFIX) || SETTINGS.iter().any(|setting| setting.name == name)
}

fn sections() -> impl Iterator<Item = &'static str> {
    SETTINGS.iter().map(|setting| setting.section).filter(|section| !section.is_empty())
}

fn has_section(name: &str) -> bool {
    SETTINGS.iter().any(|setting| setting.section == name)
}

/// Scalars and lists of scalars, spelled as in the environment.
fn text_of(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Boolean(flag) => Some(flag.to_string()),
        toml::Value::Array(items) => items.iter().map(text_of).collect::<Option<Vec<_>>>().map(|items| items.join(",")),
        toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

#[cfg(test)]
mod tests;
