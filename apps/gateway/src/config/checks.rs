//! What the text of a setting must be, beyond its type. Each says what would be right, and shows no secret. Where a
//! setting may be left out, an empty text is right.

use std::path::Path;

use clowder_infra::{DatabaseUrl, mail, seal::KeyRing};
use tracing_subscriber::EnvFilter;

use super::suggest::closest;

type Checked = Result<(), String>;

/// The same limiter serves everything between a strict test and a load test.
pub fn factor(text: &str) -> Checked {
    let number = text.parse().ok().filter(|number: &f64| (0.001..=1_000_000.0).contains(number));
    number.map(drop).ok_or_else(|| "must be a number from 0.001 to 1000000".to_owned())
}

pub fn folder(text: &str) -> Checked {
    if text.is_empty() {
        return Ok(());
    }
    let path = Path::new(text);
    if text.trim() != text {
        return Err("must be a path without spaces at its ends".to_owned());
    }
    if path.exists() && !path.is_dir() {
        return Err("must be a folder, but this is a file".to_owned());
    }
    Ok(())
}

pub fn log_file(text: &str) -> Checked {
    if text.is_empty() {
        return Ok(());
    }
    let path = Path::new(text);
    if text.ends_with('/') || path.file_name().is_none() || path.is_dir() {
        return Err("must be the path of a file, but this is a folder".to_owned());
    }
    Ok(())
}

pub fn database_url(text: &str) -> Checked {
    if text.is_empty() {
        return Ok(());
    }
    let right = "must begin with `postgres://` (such as postgres://user:password@host:5432/clowder) or `sqlite:` (such \
                 as sqlite:data/clowder.db)";
    let text = expect_scheme(text, &["postgres://", "postgresql://", "sqlite:"], right)?;
    DatabaseUrl::parse(text).map_err(|error| reason(&error.to_string(), "DATABASE_URL"))?;
    match text.split_once("://") {
        // libpq takes several hosts, and a URL without any means the socket of this machine.
        Some((scheme, rest)) if scheme != "sqlite" => authority(rest, true),
        _ if DatabaseUrl::parse(text).is_ok_and(|url| matches!(url, DatabaseUrl::Sqlite(path) if path.is_dir())) => {
            Err("must name a file, but this is a folder".to_owned())
        }
        _ => Ok(()),
    }
}

pub fn redis_url(text: &str) -> Checked {
    if text.is_empty() {
        return Ok(());
    }
    let right = "must begin with `redis://` or `rediss://` (TLS), such as redis://host:6379";
    let text = expect_scheme(text, &["redis://", "rediss://"], right)?;
    authority(text.split_once("://").map_or("", |(_, rest)| rest), false)
}

pub fn smtp_url(text: &str) -> Checked {
    if text.is_empty() {
        return Ok(());
    }
    let right = "must begin with `smtp://` or `smtps://` (TLS), such as smtp://user:password@host:587?tls=required";
    let text = expect_scheme(text, &["smtp://", "smtps://"], right)?;
    authority(text.split_once("://").map_or("", |(_, rest)| rest), false)?;
    mail::check(&mail::Route::Smtp(text.to_owned()))
        .map_err(|error| format!("{right}: {}", reason(&error.to_string(), "SMTP_URL")))
}

pub fn sender(text: &str) -> Checked {
    let right = "must be an address, such as `Clowder <clowder@chat.example>`";
    mail::sender(text).map(drop).map_err(|_| right.to_owned())
}

pub fn page(text: &str) -> Checked {
    if text.is_empty() {
        return Ok(());
    }
    let right = "must begin with `https://` or `http://`, such as https://chat.example/account";
    let text = expect_scheme(text, &["https://", "http://"], right)?;
    authority(text.split_once("://").map_or("", |(_, rest)| rest), false)
}

pub fn encryption_keys(text: &str) -> Checked {
    KeyRing::parse(text)
        .map(drop)
        .map_err(|fault| format!("{fault}; must be `id/base64` of 32 octets each, separated by commas"))
}

const LEVELS: &[&str] = &["off", "error", "warn", "info", "debug", "trace"];

/// Our own parts; those of libraries cannot all be known.
const PARTS: &[&str] = &[
    "clowder",
    "clowder_gateway",
    "clowder_infra",
    "clowder_infra_base",
    "clowder_infra_pg",
    "clowder_infra_lite",
    "clowder_accounts",
    "clowder_messaging",
    "clowder_core",
];

/// Each directive is a level, or says which level a part of the program has. A word alone that is no level would name a
/// part, and silence all others.
pub fn log_filter(text: &str) -> Checked {
    let right = "must be a level (off, error, warn, info, debug, trace) or directives such as \
                 `warn,clowder_gateway=debug`";
    for directive in text.split(',').map(str::trim) {
        let (part, word) = match directive.rfind('=').filter(|at| !directive[*at..].contains(']')) {
            Some(at) => (directive[..at].trim(), directive[at + 1..].trim()),
            None => ("", directive),
        };
        if !LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word)) {
            let slip = closest(&word.to_lowercase(), LEVELS.iter().copied())
                .or_else(|| (word.eq_ignore_ascii_case("warning")).then_some("warn"));
            let meant = slip.map_or_else(String::new, |slip| format!("; did you mean `{slip}`?"));
            return Err(format!("{right}; `{directive}` has no level{meant}"));
        }
        let own = part.split([':', '[']).next().unwrap_or_default();
        if own.starts_with("clowder") && !PARTS.contains(&own) {
            return Err(format!("{right}; the parts are {}; there is no `{own}`", PARTS.join(", ")));
        }
    }
    EnvFilter::try_new(text).map(drop).map_err(|error| format!("{right}: {error}"))
}

/// The reason in an error of the floors below, without what the caller says itself.
fn reason(error: &str, name: &str) -> String {
    let text = error.trim_start_matches("internal: ");
    text.strip_prefix(name).map_or(text, |rest| rest.trim_start_matches(':').trim_start()).to_owned()
}

/// The text, if it begins with one of these; otherwise what would be right and, for a slip, what was meant.
fn expect_scheme<'t>(text: &'t str, schemes: &[&str], right: &str) -> Result<&'t str, String> {
    if schemes.iter().any(|scheme| text.starts_with(scheme)) {
        return Ok(text);
    }
    let meant = match text.split_once(':').filter(|(_, rest)| rest.starts_with('/')) {
        Some((scheme, _)) => {
            let plain: Vec<_> = schemes.iter().map(|scheme| scheme.trim_end_matches(['/', ':'])).collect();
            let scheme = scheme.to_lowercase();
            let same = plain.iter().position(|known| *known == scheme);
            let near =
                || closest(&scheme, plain.iter().copied()).and_then(|near| plain.iter().position(|p| *p == near));
            same.or_else(near).map(|at| schemes[at].to_owned())
        }
        // A bare host, which shows no secret.
        None if is_host(text) => schemes.first().map(|scheme| format!("{scheme}{text}")),
        None => None,
    };
    Err(meant.map_or_else(|| right.to_owned(), |meant| format!("{right}; did you mean `{meant}`?")))
}

/// `smtp.example.org` or `db:5432`: what people write who forget the scheme.
fn is_host(text: &str) -> bool {
    let (name, port) = text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port)));
    let label =
        |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok());
    is_port && name.split('.').all(label) && (name.contains('.') || port.is_some() || name == "localhost")
}

/// Hosts and ports, after the scheme and a login.
fn authority(rest: &str, may_be_local: bool) -> Checked {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let hosts = authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts);
    if hosts.is_empty() {
        return if may_be_local { Ok(()) } else { Err("must name a host after the `//`".to_owned()) };
    }
    if rest.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("must have no spaces; write them as %20".to_owned());
    }
    for host in hosts.split(',') {
        let after_brackets = host.rsplit_once(']').map_or(host, |(_, port)| port);
        if let Some((_, port)) = after_brackets.rsplit_once(':')
            && !port.parse().is_ok_and(|port: u16| port > 0)
        {
            // A password with a `/` in it ends the authority too early, and looks like a port then.
            return Err(
                "must have a port from 1 to 65535 after the host; write `/`, `@`, `:` and `#` in passwords as \
                        %2F, %40, %3A and %23"
                    .to_owned(),
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Check = fn(&str) -> Checked;

    #[test]
    fn urls_say_what_would_be_right() {
        let cases: &[(Check, &str, Option<&str>)] = &[
            (database_url, "postgres://u:p@db:5432/clowder", None),
            (database_url, "postgresql://u:p@a:1,b:2/clowder?target_session_attrs=read-write", None),
            (database_url, "postgres:///clowder", None),
            (database_url, "postgres://u@[::1]:5432/clowder", None),
            (database_url, "sqlite:data/clowder.db", None),
            (database_url, "postgress://db/clowder", Some("did you mean `postgres://`?")),
            (database_url, "postgre://db/clowder", Some("did you mean `postgres://`?")),
            (database_url, "POSTGRES://db/clowder", Some("did you mean `postgres://`?")),
            (database_url, "postgres:/db/clowder", Some("did you mean `postgres://`?")),
            (database_url, "sqllite://clowder.db", Some("did you mean `sqlite:`?")),
            (database_url, "db.example.org:5432", Some("did you mean `postgres://db.example.org:5432`?")),
            (database_url, "mysql://db/clowder", Some("must begin with `postgres://`")),
            (database_url, "postgres://u:p/w@db/clowder", Some("%2F")),
            (database_url, "postgres://u:p@db:54a2/clowder", Some("port from 1 to 65535")),
            (database_url, "sqlite:src", Some("must name a file")),
            (database_url, "sqlite::memory:", Some("must name a file")),
            (database_url, "sqlite://clowder.db?mode=rwc", Some("must name a file")),
            (redis_url, "redis://:p@host:6379/0", None),
            (redis_url, "reddis://host", Some("did you mean `redis://`?")),
            (redis_url, "localhost:6379", Some("did you mean `redis://localhost:6379`?")),
            (redis_url, "redis://", Some("must name a host")),
            (smtp_url, "smtp://u:p@host:587?tls=required", None),
            (smtp_url, "smtp.example.org", Some("did you mean `smtp://smtp.example.org`?")),
            (smtp_url, "stmp://host", Some("did you mean `smtp://`?")),
            (smtp_url, "smtp://host:587?tls=maybe", Some("tls=required")),
            (smtp_url, "smtp:///", Some("must name a host")),
            (smtp_url, "gopher://u:p@host", Some("must begin with `smtp://`")),
            (page, "https://chat.example/account", None),
            (page, "chat.example", Some("did you mean `https://chat.example`?")),
            (log_filter, "warn,clowder_gateway=debug", None),
            (log_filter, "INFO", None),
            (log_filter, "clowder_gateway=trace,clowder_infra::repo=off,hyper=warn", None),
            (log_filter, "warn,clowder_gateway[call{id=1}]=debug", None),
            (log_filter, "", Some("has no level")),
            (log_filter, "loud", Some("`loud` has no level")),
            (log_filter, "info,loud", Some("`loud` has no level")),
            (log_filter, "info,", Some("`` has no level")),
            (log_filter, "clowder_gateway", Some("`clowder_gateway` has no level")),
            (log_filter, "warn,clowder_gatway=debug", Some("there is no `clowder_gatway`")),
            (log_filter, "info,hyper=loud", Some("`hyper=loud` has no level")),
            (log_filter, "warn,[call{id=1}]", Some("has no level")),
            (log_filter, "inof", Some("did you mean `info`")),
            (log_filter, "info,clowder_gateway=debgu", Some("did you mean `debug`")),
            (log_filter, "a=b=c", Some("must be a level")),
            (sender, "Clowder <clowder@chat.example>", None),
            (sender, "nobody", Some("must be an address")),
            (factor, "0.5", None),
            (factor, "0", Some("must be a number from")),
        ];
        for (check, text, says) in cases {
            let said = check(text).err();
            let right = said.as_deref().map_or(says.is_none(), |said| says.is_some_and(|says| said.contains(says)));
            assert!(right, "{text}: {said:?}");
        }
    }

    #[test]
    fn no_password_is_shown() {
        for (check, text) in [
            (database_url as Check, "postgress://u:s3cret@db/c"),
            (database_url, "u:s3cret@db:5432"),
            (database_url, "postgres://u:s3cret/more@db/c"),
            (smtp_url, "smtp://u:s3cret@host:x"),
            (smtp_url, "u:s3cret@host"),
            (redis_url, ":s3cret@host:6379"),
        ] {
            let said = check(text).unwrap_err();
            assert!(!said.contains("s3cret"), "{said}");
        }
    }
}
