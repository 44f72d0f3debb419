//! Checks of setting values beyond their types, for several sections. Each says what a valid value is and shows no
//! secret. If a setting is optional, an empty text is valid.

use std::path::Path;

use super::suggest::closest;

pub type Checked = Result<(), String>;

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

/// The reason in an error of a lower layer, without what the caller already says.
pub fn reason(error: &str, name: &str) -> String {
    let text = error.trim_start_matches("internal: ");
    text.strip_prefix(name).map_or(text, |rest| rest.trim_start_matches(':').trim_start()).to_owned()
}

/// Returns the text if it begins with one of these prefixes; otherwise an error that says what is valid and, for a
/// typo, what was probably meant.
pub fn expect_scheme<'t>(text: &'t str, schemes: &[&str], right: &str) -> Result<&'t str, String> {
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
        // A bare host, which contains no secret.
        None if is_host(text) => schemes.first().map(|scheme| format!("{scheme}{text}")),
        None => None,
    };
    Err(meant.map_or_else(|| right.to_owned(), |meant| format!("{right}; did you mean `{meant}`?")))
}

/// `smtp.example.org` or `db:5432`: typical values when the scheme was forgotten.
fn is_host(text: &str) -> bool {
    let (name, port) = text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port)));
    let label =
        |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok());
    is_port && name.split('.').all(label) && (name.contains('.') || port.is_some() || name == "localhost")
}

/// Hosts and ports, after the scheme and credentials.
pub fn authority(rest: &str, may_be_local: bool) -> Checked {
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
            // A `/` in a password ends the authority too early, and the rest looks like a port.
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
    use crate::config::SETTINGS;

    fn check(path: &str, text: &str) -> Checked {
        let setting = SETTINGS.iter().find(|setting| setting.path() == path).unwrap();
        setting.check.unwrap()(text)
    }

    #[test]
    fn urls_say_what_would_be_right() {
        let cases: &[(&str, &str, Option<&str>)] = &[
            ("database.url", "postgres://u:p@db:5432/clowder", None),
            ("database.url", "postgresql://u:p@a:1,b:2/clowder?target_session_attrs=read-write", None),
            ("database.url", "postgres:///clowder", None),
            ("database.url", "postgres://u@[::1]:5432/clowder", None),
            ("database.url", "sqlite:data/clowder.db", None),
            ("database.url", "postgress://db/clowder", Some("did you mean `postgres://`?")),
            ("database.url", "postgre://db/clowder", Some("did you mean `postgres://`?")),
            ("database.url", "POSTGRES://db/clowder", Some("did you mean `postgres://`?")),
            ("database.url", "postgres:/db/clowder", Some("did you mean `postgres://`?")),
            ("database.url", "sqllite://clowder.db", Some("did you mean `sqlite:`?")),
            ("database.url", "db.example.org:5432", Some("did you mean `postgres://db.example.org:5432`?")),
            ("database.url", "mysql://db/clowder", Some("must begin with `postgres://`")),
            ("database.url", "postgres://u:p/w@db/clowder", Some("%2F")),
            ("database.url", "postgres://u:p@db:54a2/clowder", Some("port from 1 to 65535")),
            ("database.url", "sqlite:src", Some("must name a file")),
            ("database.url", "sqlite::memory:", Some("must name a file")),
            ("database.url", "sqlite://clowder.db?mode=rwc", Some("must name a file")),
            ("redis.url", "redis://:p@host:6379/0", None),
            ("redis.url", "rediss://:p@a:1,b:2,c", None),
            ("redis.url", "redis+sentinel://:p@a,b:26380/main/2?sentinel_password=s", None),
            ("redis.url", "redis+sentinel://a,b?x=/main", Some("must name the primary")),
            ("redis.url", "redis+sentinal://a/main", Some("did you mean `redis+sentinel://`?")),
            ("redis.url", "reddis://host", Some("did you mean `redis://`?")),
            ("redis.url", "localhost:6379", Some("did you mean `redis://localhost:6379`?")),
            ("redis.url", "redis://", Some("must name a host")),
            ("mail.smtp_url", "smtp://u:p@host:587?tls=required", None),
            ("mail.smtp_url", "smtp.example.org", Some("did you mean `smtp://smtp.example.org`?")),
            ("mail.smtp_url", "stmp://host", Some("did you mean `smtp://`?")),
            ("mail.smtp_url", "smtp://host:587?tls=maybe", Some("tls=required")),
            ("mail.smtp_url", "smtp:///", Some("must name a host")),
            ("mail.smtp_url", "gopher://u:p@host", Some("must begin with `smtp://`")),
            ("mail.account_url", "https://chat.example/account", None),
            ("mail.account_url", "chat.example", Some("did you mean `https://chat.example`?")),
            ("log.filter", "warn,clowder_gateway=debug", None),
            ("log.filter", "INFO", None),
            ("log.filter", "clowder_gateway=trace,clowder_infra::repo=off,hyper=warn", None),
            ("log.filter", "warn,clowder_gateway[call{id=1}]=debug", None),
            ("log.filter", "", Some("has no level")),
            ("log.filter", "loud", Some("`loud` has no level")),
            ("log.filter", "info,loud", Some("`loud` has no level")),
            ("log.filter", "info,", Some("`` has no level")),
            ("log.filter", "clowder_gateway", Some("`clowder_gateway` has no level")),
            ("log.filter", "warn,clowder_gatway=debug", Some("there is no `clowder_gatway`")),
            ("log.filter", "info,hyper=loud", Some("`hyper=loud` has no level")),
            ("log.filter", "warn,[call{id=1}]", Some("has no level")),
            ("log.filter", "inof", Some("did you mean `info`")),
            ("log.filter", "info,clowder_gateway=debgu", Some("did you mean `debug`")),
            ("log.filter", "a=b=c", Some("must be a level")),
            ("mail.from", "Clowder <clowder@chat.example>", None),
            ("mail.from", "nobody", Some("must be an address")),
            ("server.rate_limit_factor", "0.5", None),
            ("server.rate_limit_factor", "0", Some("must be a number from")),
        ];
        for (path, text, says) in cases {
            let said = check(path, text).err();
            let right = said.as_deref().map_or(says.is_none(), |said| says.is_some_and(|says| said.contains(says)));
            assert!(right, "{text}: {said:?}");
        }
    }

    #[test]
    fn no_password_is_shown() {
        for (path, text) in [
            ("database.url", "postgress://u:s3cret@db/c"),
            ("database.url", "u:s3cret@db:5432"),
            ("database.url", "postgres://u:s3cret/more@db/c"),
            ("mail.smtp_url", "smtp://u:s3cret@host:x"),
            ("mail.smtp_url", "u:s3cret@host"),
            ("redis.url", ":s3cret@host:6379"),
        ] {
            let said = check(path, text).unwrap_err();
            assert!(!said.contains("s3cret"), "{said}");
        }
    }
}
