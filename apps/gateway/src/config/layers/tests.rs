//! Merging of layers, and an invalid value of every setting.

use super::*;
use crate::config::{Secret, WRONG};

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
        "f.toml: server.bind: `x` must be an IP address",
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

/// The shipped file equals the built-in defaults; regenerate it with `clowder config default`.
#[test]
fn the_shipped_default_is_what_is_built_in() {
    let shipped = include_str!("../../../../../config/default.toml");
    assert_eq!(shipped, Config::default().print());
    assert_eq!(Layers::default().toml("default.toml", shipped).check().unwrap(), Config::default());
}

#[test]
fn the_shipped_samples_are_right() {
    for sample in
        [include_str!("../../../../../config/production.toml"), include_str!("../../../../../config/staging.toml")]
    {
        let layers =
            Layers::default().toml("sample", sample).variables("environment", &variables(&[("SECRET_KEY", STRONG)]));
        layers.check().unwrap();
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

/// Every fault names the setting, says what would be valid, and is reported once.
#[test]
fn a_wrong_value_of_every_setting_stops_the_start() {
    let wrong = || WRONG.iter().copied().flatten();
    let told = |result: Result<Config, Faults>, name: &str, value: &str| {
        let Err(Faults(faults)) = result else { panic!("{name}={value} starts") };
        assert_eq!(faults.len(), 1, "{name}={value}: {faults:?}");
        assert!(faults[0].contains(name), "{name}={value}: {}", faults[0]);
        assert!(
            ["must", "is weak", "is not allowed", "network"].iter().any(|right| faults[0].contains(right)),
            "{name}={value}: {}",
            faults[0]
        );
    };
    for setting in SETTINGS.iter() {
        let path = setting.path();
        let wrong = wrong().find(|(known, _)| *known == path).map_or(&[][..], |(_, values)| values);
        assert!(wrong.iter().any(|value| !value.is_empty()), "no wrong value of {path} is in the WRONG of its section");
        for value in wrong {
            // Conflicts and unsafe values are reported by the name that users know.
            let shown = setting.shown_name();
            let by_argument = Layers::default().arguments(&[(path.clone(), (*value).to_owned())]).check();
            let named = by_argument.as_ref().err().is_some_and(|faults| faults.to_string().contains(&path));
            told(by_argument, if named { &path } else { &shown }, value);
            if !value.is_empty() {
                for name in [shown, setting.long_name()] {
                    let by_variable = from(&[(&name, value)]);
                    let named = by_variable.as_ref().err().is_some_and(|faults| faults.to_string().contains(&name));
                    told(by_variable, if named { &name } else { setting.name }, value);
                }
            }
        }
    }
    assert_eq!(wrong().count(), SETTINGS.len(), "WRONG has a setting that is not there");
}

/// Every setting accepts the values that it claims to accept; whether they fit together is another matter.
#[test]
fn both_bounds_of_every_setting_are_right() {
    let mut bounded = 0;
    for setting in SETTINGS.iter() {
        let Some((least, most)) = setting.within else { continue };
        bounded += 1;
        for value in [least, most] {
            let checked = Layers::default().arguments(&[(setting.path(), value.to_string())]).check();
            let faults = checked.err().map(|faults| faults.to_string()).unwrap_or_default();
            assert!(
                faults.is_empty() || faults.contains("must not be less than"),
                "{}={value}: {faults}",
                setting.path()
            );
        }
    }
    assert!(bounded > 10, "{bounded}");
}

#[test]
fn settings_go_together() {
    for (pairs, says) in [
        (
            &[("ACCESS_TOKEN_SECONDS", "3600"), ("REFRESH_TOKEN_SECONDS", "1800")][..],
            "REFRESH_TOKEN_SECONDS: `1800` must not be less than ACCESS_TOKEN_SECONDS (3600)",
        ),
        (&[("ACCESS_TOKEN_SECONDS", "3600"), ("SESSION_SECONDS", "1800")], "SESSION_SECONDS"),
        (&[("BIND", "0.0.0.0:80"), ("PORT", "90"), ("METRICS_BIND", "0.0.0.0:90")], "METRICS_BIND"),
        (&[("DATA_DIR", "/srv/x"), ("MEDIA_ROOT", "/srv/x")], "MEDIA_ROOT"),
        (&[("DATABASE_URL", "postgres://db/c")], "SECRET_KEY: is missing"),
        (&[("SECRET_KEY", STRONG), ("SECRET_KEY_FILE", "/nowhere")], "SECRET_KEY: must not be set together"),
    ] {
        let faults = from(pairs).unwrap_err();
        assert!(faults.0.iter().any(|fault| fault.contains(says)), "{faults}");
    }
    assert!(from(&[("BIND", "127.0.0.1:0"), ("METRICS_BIND", "127.0.0.1:0")]).is_ok());
    // A value that is invalid by itself is reported once.
    let faults = from(&[("ACCESS_TOKEN_SECONDS", "x"), ("REFRESH_TOKEN_SECONDS", "300")]).unwrap_err();
    assert_eq!(faults.0.len(), 1, "{faults}");
    let faults = from(&[("DATABASE_URL", "postgres://db/c"), ("SECRET_KEY_FILE", "/nowhere")]).unwrap_err();
    assert_eq!(faults.0.len(), 1, "{faults}");
}

#[test]
fn a_slip_is_told_with_what_was_meant() {
    let faults = Layers::default()
        .toml("f.toml", "bind = '127.0.0.1:1'\n[servr]\nbind = 'x'\n[server]\nbnd = 'x'\n[mail]\nSMTP_URL = 'x'")
        .variables(
            "environment",
            &variables(&[
                ("CLOWDER__SERVER__BNID", "1"),
                ("CLOWDER_SECRET_KEY", "1"),
                ("DATABASE_URI", "postgres://u:s3cret@db/c"),
                ("SMTP_URL", "smtp.example.org"),
            ]),
        )
        .arguments(&[("server.prot".to_owned(), "1".to_owned())])
        .check()
        .unwrap_err()
        .to_string();
    for named in [
        "f.toml: unknown setting bind; did you mean server.bind?",
        "f.toml: unknown setting servr; did you mean [server]?",
        "f.toml: unknown setting server.bnd; did you mean server.bind?",
        "f.toml: unknown setting mail.SMTP_URL; did you mean mail.smtp_url?",
        "unknown setting CLOWDER__SERVER__BNID; did you mean CLOWDER__SERVER__BIND?",
        "CLOWDER_SECRET_KEY is not a setting; did you mean SECRET_KEY?",
        "DATABASE_URI is not a setting; did you mean DATABASE_URL?",
        "environment: SMTP_URL: must begin with `smtp://`",
        "did you mean `smtp://smtp.example.org`?",
        "arguments: unknown setting server.prot; did you mean server.port?",
    ] {
        assert!(faults.contains(named), "{named} in {faults}");
    }
    assert!(!faults.contains("s3cret"), "{faults}");
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_value() {
    let folder = tempfile::tempdir().unwrap();
    let (file, key) = (folder.path().join("clowder.toml"), folder.path().join("key"));
    fs::write(&file, "\u{feff}data_dir = 'a'").unwrap();
    fs::write(&key, format!("\u{feff}{STRONG}\r\n")).unwrap();
    let config = Layers::default()
        .file(&file)
        .variables("environment", &variables(&[("SECRET_KEY_FILE", key.to_str().unwrap())]))
        .check()
        .unwrap();
    assert_eq!(config.data_dir.to_str(), Some("a"));
    assert_eq!(config.auth.secret_key.as_ref().map(Secret::expose), Some(STRONG));
    fs::write(&key, "\u{feff}\n").unwrap();
    let faults = from(&[("SECRET_KEY_FILE", key.to_str().unwrap())]).unwrap_err();
    assert!(faults.0[0].contains("must not be empty"), "{faults}");
}
