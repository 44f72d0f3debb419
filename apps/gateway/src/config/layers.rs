//! Lays the sources of settings over each other and collects every fault of all of them.

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
};

use super::{
    Config,
    settings::{SETTINGS, Setting},
};

const PREFIX: &str = "CLOWDER__";

/// Everything that is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(pub Vec<String>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the settings are wrong:")?;
        self.0.iter().try_for_each(|fault| writeln!(f, "  {fault}"))
    }
}

impl std::error::Error for Faults {}

/// The sources, each laid over those before it.
#[derive(Default)]
pub struct Layers {
    config: Config,
    faults: Vec<String>,
}

impl Layers {
    /// All sources in their order, for the program itself. `arguments` are `section.key` and value.
    pub fn load(file: Option<PathBuf>, arguments: &[(String, String)]) -> Result<Config, Faults> {
        let mut dotenv = BTreeMap::new();
        let mut layers = Self::default();
        match dotenvy::from_path_iter(".env") {
            Ok(pairs) => {
                for pair in pairs {
                    match pair {
                        Ok((name, value)) => drop(dotenv.insert(name, value)),
                        Err(error) => layers.faults.push(format!(".env: {error}")),
                    }
                }
            }
            Err(error) if error.not_found() => {}
            Err(error) => layers.faults.push(format!(".env: {error}")),
        }
        let environment: BTreeMap<_, _> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
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
            Ok(text) => self.toml(&path.display().to_string(), &text),
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
                    None => self.faults.push(format!("{source}: {} cannot be a {}", setting.path(), value.type_str())),
                },
                (None, _) => {
                    let dot = if section.is_empty() { "" } else { "." };
                    self.faults.push(format!("{source}: unknown setting {section}{dot}{key}"));
                }
            }
        }
    }

    /// The variables of an environment. Those of others are nobody's business, and an empty one is not set.
    pub fn variables(mut self, source: &str, variables: &BTreeMap<String, String>) -> Self {
        let mut ours = Vec::new();
        for setting in SETTINGS {
            for name in [setting.name.to_owned(), setting.long_name()].into_iter().filter(|name| !name.is_empty()) {
                if setting.secret {
                    let file_name = format!("{name}_FILE");
                    if let Some(path) = variables.get(&file_name).filter(|path| !path.is_empty()) {
                        match fs::read_to_string(path) {
                            Ok(text) => self.set(setting, text.trim_end_matches(['\r', '\n']), source, &file_name),
                            Err(error) => self.faults.push(format!("{source}: {file_name}: {path}: {error}")),
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
        let unknown = variables.keys().filter(|name| name.starts_with(PREFIX) && !ours.contains(name));
        self.faults.extend(unknown.map(|name| format!("{source}: unknown setting {name}")));
        self
    }

    /// `section.key` and value, as given on the command line.
    pub fn arguments(mut self, arguments: &[(String, String)]) -> Self {
        for (path, text) in arguments {
            match SETTINGS.iter().find(|setting| setting.path() == *path) {
                Some(setting) => self.set(setting, text, "arguments", path),
                None => self.faults.push(format!("arguments: unknown setting {path}")),
            }
        }
        self
    }

    /// The settings, or everything that is wrong with them.
    pub fn check(mut self) -> Result<Config, Faults> {
        if self.config.debug && self.config.server.cors_allowed_origins.is_empty() {
            let usual = ["http://localhost:3000", "http://localhost:5173", "http://localhost:8080"];
            self.config.server.cors_allowed_origins = usual.iter().filter_map(|origin| origin.parse().ok()).collect();
        }
        self.faults.extend(self.config.faults());
        if self.faults.is_empty() { Ok(self.config) } else { Err(Faults(self.faults)) }
    }

    fn set(&mut self, setting: &Setting, text: &str, source: &str, name: &str) {
        if let Err(wrong) = (setting.of)(&mut self.config).set(text) {
            let shown = if setting.secret { String::new() } else { format!("`{text}` ") };
            self.faults.push(format!("{source}: {name}: {shown}{wrong}"));
        }
    }
}

fn has_section(name: &str) -> bool {
    SETTINGS.iter().any(|setting| setting.section == name)
}

/// Scalars and lists of them, in the spelling of the environment.
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
mod tests {
    use super::*;
    use crate::config::Secret;

    const STRONG: &str = "t3YkV0zq9mUe7LwXc2RbNf8hJp4sGd6a";

    fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn from(pairs: &[(&str, &str)]) -> Result<Config, Faults> {
        Layers::default().variables("environment", &variables(pairs)).check()
    }

    #[test]
    fn nothing_set_is_enough() {
        assert_eq!(from(&[]).unwrap(), Config::default());
        assert_eq!(from(&[("HOME", "/root"), ("CLOWDERX", "1"), ("PORT", "")]).unwrap(), Config::default());
    }

    #[test]
    fn later_layers_win_setting_by_setting() {
        let config = Layers::default()
            .toml("a.toml", "data_dir = 'a'\n[server]\nbind = '0.0.0.0:1'\nworkers = 1\n[log]\nformat = 'json'")
            .toml("b.toml", "[server]\nbind = '0.0.0.0:2'\nallowed_hosts = ['a', 'b']")
            .variables(".env", &variables(&[("BIND", "0.0.0.0:3"), ("PORT", "4")]))
            .variables("environment", &variables(&[("CLOWDER__SERVER__PORT", "5")]))
            .arguments(&[("server.workers".to_owned(), "6".to_owned())])
            .check()
            .unwrap();
        assert_eq!(config.address(), "0.0.0.0:5".parse().unwrap());
        assert_eq!((config.server.workers, config.data_dir.to_str()), (6, Some("a")));
        assert_eq!(config.server.allowed_hosts, ["a", "b"].map(|name| name.parse().unwrap()));
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let faults = Layers::default()
            .toml("f.toml", "color = 1\n[server]\nbnd = 'x'\nbind = 'x'\n[colors]\nred = 1\n[log]\nformat = { a = 1 }")
            .variables(
                "environment",
                &variables(&[
                    ("CLOWDER__SERVER__BNID", "1"),
                    ("BCRYPT_COST", "3"),
                    ("DEBUG", "maybe"),
                    ("ACCESS_TOKEN_SECONDS", "86401"),
                ]),
            )
            .arguments(&[("server.x".to_owned(), "1".to_owned())])
            .check()
            .unwrap_err()
            .to_string();
        for named in [
            "f.toml: unknown setting color",
            "f.toml: unknown setting server.bnd",
            "f.toml: server.bind: `x` must be an address",
            "f.toml: unknown setting colors",
            "f.toml: log.format cannot be a table",
            "unknown setting CLOWDER__SERVER__BNID",
            "BCRYPT_COST: `3` must be",
            "ACCESS_TOKEN_SECONDS: `86401` must be",
            "DEBUG: `maybe` must be true or false",
            "arguments: unknown setting server.x",
        ] {
            assert!(faults.contains(named), "{named} in {faults}");
        }
    }

    #[test]
    fn addresses_that_could_never_match_are_named_with_what_is_right() {
        for (name, value, says) in [
            ("CORS_ALLOWED_ORIGINS", "https://app.example, localhost:4200", "must be http://localhost:4200"),
            ("CORS_ALLOWED_ORIGINS", "not an origin", "`not an origin` must be an origin"),
            ("ALLOWED_HOSTS", "https://chat.example", "as in chat.example"),
            ("TRUSTED_PROXIES", "10.0.0.0/8, loadbalancer", "`loadbalancer` must be an address or a network"),
            ("PUBLIC_URL", "chat.example", "must begin with https://"),
            ("PUBLIC_URL", "https://chat.example/base?x", "https://chat.example/base"),
        ] {
            let faults = from(&[(name, value)]).unwrap_err();
            let fault = &faults.0[0];
            assert!(faults.0.len() == 1 && fault.contains(name) && fault.contains(says), "{faults}");
        }
        let config = from(&[("PUBLIC_URL", "https://chat.example/base/")]).unwrap();
        assert_eq!(config.account_url(), "https://chat.example/base/account");
    }

    #[test]
    fn what_is_dangerous_in_the_open_is_refused() {
        let postgres = ("DATABASE_URL", "postgres://u:p@db/clowder");
        for (pairs, fault) in [
            (&[("SECRET_KEY", "short")][..], "SECRET_KEY: is weak"),
            (&[postgres], "SECRET_KEY: is missing"),
            (&[("ALLOWED_HOSTS", "*")], "ALLOWED_HOSTS"),
            (&[("CORS_ALLOWED_ORIGINS", "https://a.example, *")], "CORS_ALLOWED_ORIGINS"),
        ] {
            let faults = from(pairs).unwrap_err();
            assert!(faults.0.len() == 1 && faults.0[0].contains(fault), "{faults}");
            let debugging: Vec<_> = pairs.iter().copied().chain([("DEBUG", "true")]).collect();
            assert!(from(&debugging).is_ok(), "{fault}");
        }
        assert!(from(&[postgres, ("SECRET_KEY", STRONG)]).is_ok());
    }

    #[test]
    fn secrets_come_from_files_and_stay_unseen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, format!("{STRONG}\n")).unwrap();
        let config =
            from(&[("SECRET_KEY_FILE", path.to_str().unwrap()), ("DATABASE_URL", "postgres://u:pass@db/c")]).unwrap();
        assert_eq!(config.auth.secret_key.as_ref().map(Secret::expose), Some(STRONG));
        let shown = config.print();
        assert!(!shown.contains(STRONG) && !shown.contains("pass@"), "{shown}");
        let faults = from(&[("SECRET_KEY_FILE", "/nowhere/key")]).unwrap_err();
        assert!(faults.0[0].contains("SECRET_KEY_FILE"), "{faults}");
    }

    /// The shipped file is what is built in; write it anew with `clowder config default`.
    #[test]
    fn the_shipped_default_is_what_is_built_in() {
        let shipped = include_str!("../../../../config/default.toml");
        assert_eq!(shipped, Config::default().print());
        assert_eq!(Layers::default().toml("default.toml", shipped).check().unwrap(), Config::default());
    }

    #[test]
    fn the_shipped_samples_are_right() {
        for sample in
            [include_str!("../../../../config/production.toml"), include_str!("../../../../config/staging.toml")]
        {
            let layers = Layers::default()
                .toml("sample", sample)
                .variables("environment", &variables(&[("SECRET_KEY", STRONG)]));
            layers.check().unwrap();
        }
    }
}
