//! Suggests the setting that an unknown name probably meant.

use std::collections::BTreeMap;

use super::settings::{SETTINGS, Setting};

/// The known word that is close enough to be explained by a typo.
pub fn closest<'k>(text: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    // A word of another length is too far away. So a long text, which clients can send, is compared with nothing.
    let length = text.chars().count();
    let known = known.filter(|word| word.len().abs_diff(length) * 3 <= word.len().min(text.len()));
    let near = known.map(|word| (strsim::osa_distance(text, word), word)).min_by_key(|(distance, _)| *distance);
    near.filter(|(distance, word)| *distance * 3 <= word.len().min(text.len())).map(|(_, word)| word)
}

/// The path of the setting that this one probably meant: a typo, a key without its section, or its other name.
pub fn path(wrong: &str) -> Option<String> {
    let key = wrong.rsplit('.').next().unwrap_or(wrong);
    let known = |is: &dyn Fn(&Setting) -> bool| {
        let mut found = SETTINGS.iter().filter(|setting| is(setting));
        // If several fit, none is suggested.
        found.next().filter(|_| found.next().is_none()).map(Setting::path)
    };
    let paths: Vec<_> = SETTINGS.iter().map(Setting::path).collect();
    known(&|setting| setting.name.eq_ignore_ascii_case(key) || setting.long_name().eq_ignore_ascii_case(key))
        .or_else(|| known(&|setting| setting.key == key))
        .or_else(|| closest(wrong, paths.iter().map(String::as_str)).map(str::to_owned))
}

/// `; did you mean …?`, or nothing.
pub fn question(meant: Option<impl std::fmt::Display>) -> String {
    meant.map_or_else(String::new, |meant| format!("; did you mean {meant}?"))
}

/// Names that other programs use for our settings.
const ALIASES: &[(&str, &str)] = &[
    ("DATABASE_DSN", "DATABASE_URL"),
    ("DB_URL", "DATABASE_URL"),
    ("DJANGO_SECRET_KEY", "SECRET_KEY"),
    ("EMAIL_URL", "SMTP_URL"),
    ("MAIL_URL", "SMTP_URL"),
    ("POSTGRES_URL", "DATABASE_URL"),
    ("POSTGRESQL_URL", "DATABASE_URL"),
];

/// Below this many letters, too many unrelated words differ by one letter.
const TOO_SHORT: usize = 8;

/// The name without word separators.
fn squeezed(name: &str) -> String {
    name.replace(['_', '-'], "").to_uppercase()
}

/// The `CLOWDER__SECTION__KEY` that was probably meant.
pub fn long_name(wrong: &str) -> Option<String> {
    let known: Vec<_> = SETTINGS.iter().map(Setting::long_name).collect();
    let upper = wrong.to_uppercase();
    let rest = upper.trim_start_matches("CLOWDER__");
    let by_name = SETTINGS.iter().find(|setting| setting.name == rest).map(|setting| setting.name.to_owned());
    let squeezed = |name: &str| name.replace("__", "_");
    by_name
        .or_else(|| known.iter().find(|name| squeezed(name) == squeezed(&upper)).cloned())
        .or_else(|| closest(&upper, known.iter().map(String::as_str)).map(str::to_owned))
}

/// The setting that an environment variable was probably meant to be, if that setting is not set itself. Other programs
/// have variables, too, so only names that are hard to explain otherwise count.
pub fn variable(name: &str, value: &str, variables: &BTreeMap<String, String>) -> Option<String> {
    // Kubernetes sets CLOWDER_PORT to such a value for a service called `clowder`.
    if value.is_empty() || value.starts_with("tcp://") || value.starts_with("udp://") {
        return None;
    }
    let files = SETTINGS.iter().filter(|setting| setting.secret).map(|setting| format!("{}_FILE", setting.name));
    let names = SETTINGS.iter().map(|setting| setting.name.to_owned()).chain(files);
    let known: Vec<_> = names.filter(|name| !name.is_empty()).collect();
    if known.iter().any(|own| own == name) {
        return None;
    }
    let prefixed = name.strip_prefix("CLOWDER_").filter(|rest| !rest.starts_with('_'));
    let long = |setting: &Setting| setting.long_name().replace("__", "_") == name;
    let meant = if let Some(rest) = prefixed {
        let long = SETTINGS.iter().find(|setting| long(setting)).map(Setting::long_name);
        known.iter().find(|own| squeezed(own) == squeezed(rest)).cloned().or(long)
    } else {
        let alias = ALIASES.iter().find(|(alias, _)| *alias == name).map(|(_, own)| (*own).to_owned());
        let upper = name.to_uppercase();
        let is_slip =
            |own: &&String| own.len() >= TOO_SHORT && name.len() >= TOO_SHORT && strsim::osa_distance(own, &upper) <= 1;
        // Applies to short names, too: two words without the underscore between them are hard to explain otherwise.
        let is_joined = |own: &&String| own.contains('_') && squeezed(own) == squeezed(name);
        alias.or_else(|| known.iter().find(is_joined).or_else(|| known.iter().find(is_slip)).cloned())
    };
    // A typo is ignored if the correct name is set, too.
    meant.filter(|meant| {
        let file = format!("{meant}_FILE");
        let bare = meant.trim_end_matches("_FILE");
        [meant.as_str(), &file, bare].iter().all(|name| variables.get(*name).is_none_or(String::is_empty))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_variables() {
        let none = BTreeMap::new();
        for (name, value, meant) in [
            ("DATABASE_URI", "postgres://db/c", Some("DATABASE_URL")),
            ("DATABSE_URL", "postgres://db/c", Some("DATABASE_URL")),
            ("database_url", "postgres://db/c", Some("DATABASE_URL")),
            ("DB_URL", "postgres://db/c", Some("DATABASE_URL")),
            ("CLOWDER_DATABASE_URL", "postgres://db/c", Some("DATABASE_URL")),
            ("CLOWDER_SERVER_WORKERS", "2", Some("CLOWDER__SERVER__WORKERS")),
            ("SMTP_URI", "smtp://host", Some("SMTP_URL")),
            ("SECRET_KEYS", "x", Some("SECRET_KEY")),
            ("SECRETKEY_FILE", "/run/secrets/x", Some("SECRET_KEY_FILE")),
            ("SIGNUP", "closed", Some("SIGN_UP")),
            ("sign_up", "closed", Some("SIGN_UP")),
            ("SIGN-UP", "closed", Some("SIGN_UP")),
            ("S_IGNUP", "closed", Some("SIGN_UP")),
            ("CLOWDER_SIGNUP", "closed", Some("SIGN_UP")),
            ("SECRETKEY", "x", Some("SECRET_KEY")),
            ("SECRETKEYFILE", "/run/secrets/x", Some("SECRET_KEY_FILE")),
            ("DATABASEURL", "postgres://db/c", Some("DATABASE_URL")),
            ("DATADIR", "/data", Some("DATA_DIR")),
            ("TRUSTED_PROXYS", "10.0.0.0/8", None),
            ("PORTT", "8080", None),
            // Variables of other programs.
            ("DATABASE_URL", "postgres://db/c", None),
            ("CLOWDER_PORT", "tcp://10.0.0.1:8080", None),
            ("CLOWDER_SERVICE_HOST", "10.0.0.1", None),
            ("CLOWDER_BIN", "/usr/bin/clowder", None),
            ("REDIS_PORT", "6379", None),
            ("POST", "x", None),
            ("LOGS", "x", None),
            ("HOME", "/root", None),
            ("DATABASE_URI", "", None),
        ] {
            assert_eq!(variable(name, value, &none).as_deref(), meant, "{name}");
        }
        for name in SETTINGS.iter().map(|setting| setting.name).filter(|name| name.contains('_')) {
            for wrong in [name.replace('_', ""), name.replace('_', "__"), name.replacen('_', "", 1)] {
                assert_eq!(variable(&wrong, "x", &none).as_deref(), Some(name), "{wrong}");
            }
        }
        let both = BTreeMap::from([("DATABASE_URL".to_owned(), "sqlite:x".to_owned())]);
        assert_eq!(variable("DATABASE_URI", "postgres://db/c", &both), None);
    }

    #[test]
    fn slips_of_paths() {
        for (wrong, meant) in [
            ("server.bnd", Some("server.bind")),
            ("bind", Some("server.bind")),
            ("DATABASE_URL", Some("database.url")),
            // Several settings are called `url`, so none is suggested.
            ("storage.url", None),
            ("colors", None),
        ] {
            assert_eq!(path(wrong).as_deref(), meant, "{wrong}");
        }
        assert_eq!(long_name("CLOWDER__SERVER__BNID").as_deref(), Some("CLOWDER__SERVER__BIND"));
        assert_eq!(long_name("CLOWDER__DATABASE_URL").as_deref(), Some("DATABASE_URL"));
        assert_eq!(long_name("CLOWDER__X"), None);
    }
}
