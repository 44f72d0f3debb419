//! Every route, gathered from all domains into one table. A line says what is asked, what answers it, and everything that
//! the documents, the front and the tests need to know about it.

mod asked;
mod body;
mod endpoint;
mod router;
mod shape;

pub use asked::{Asked, AskedHeader};
pub use endpoint::{Access, Endpoint, Given, Head, Verb, delete, get, options, patch, post, put};
pub use router::{Found, Router};
pub use shape::{Components, Shape};

use crate::domains::{DOMAINS, Domain, operation};

/// `metrics_here` is false if they are served on a port of their own.
pub fn table(metrics_here: bool) -> Vec<Endpoint> {
    let lines =
        |domain: &Domain| (domain.routes)().into_iter().map(|line| line.tagged_as(domain.tag)).collect::<Vec<_>>();
    let mut table: Vec<_> = DOMAINS.iter().flat_map(lines).collect();
    if metrics_here {
        table.push(operation::routes::metrics().tagged_as(operation::DOMAIN.tag));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{front::Policy, grants};

    #[test]
    fn every_line_is_complete() {
        let table = table(true);
        assert!(Router::new(self::table(true)).is_ok());
        for line in &table {
            let (method, path) = (&line.methods[0], line.path);
            assert!(!line.summary.is_empty() && !line.gives.is_empty(), "{method} {path} says too little");
            assert!(!line.name.contains('{') && line.name.contains('.'), "{method} {path} is called {}", line.name);
            // Random tokens and signatures cannot be guessed, so they need no stricter limit.
            let presents = line.name == "token.verify" || line.name.ends_with(".refresh");
            let guesses = line.access == Access::Public && line.takes.is_some() && !presents;
            // Signed-in users could guess a password or a code, or make the server send mail.
            let asks = ["credentials.", "two_factor.", "privacy.erase"].iter().any(|noun| line.name.starts_with(noun))
                && !matches!(line.access, Access::Needs(_));
            assert_eq!(line.policy == Policy::Auth, guesses || asks, "{method} {path}");
        }
        for permission in grants::permissions() {
            let needs = |line: &Endpoint| line.access == Access::Needs(permission) || line.others == Some(permission);
            let named = table.iter().any(needs);
            assert!(named, "no route needs {}", permission.word);
        }
        for line in &table {
            let scope = line.scope.iter().all(|scope| grants::scopes().contains(scope));
            let permission = !matches!(line.access, Access::Needs(permission) if grants::permissions().all(|known| known != permission));
            assert!(scope && permission, "{} needs what is not gathered", line.path);
        }
    }

    #[test]
    fn what_counts_as_auth_is_documented() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/limits.md");
        let text = std::fs::read_to_string(page).unwrap();
        let (_, section) = text.split_once("### Calls that count as `auth`").unwrap();
        let (section, _) = section.split_once("\n## ").unwrap();
        let listed = section.lines().filter(|line| line.starts_with("- "));
        let mut listed: Vec<_> = listed.flat_map(|line| line.split('`').skip(1).step_by(2)).collect();
        let table = table(true);
        let mut counted = Vec::new();
        for line in table.iter().filter(|line| line.policy == Policy::Auth) {
            for path in line.paths() {
                counted.extend(line.methods.iter().map(|method| format!("{method} {path}")));
            }
        }
        listed.sort_unstable();
        counted.sort_unstable();
        assert_eq!(listed, counted);
    }
}
