//! Whether a page to which a profile links belongs to the same person: it links back to the profile with `rel="me"`, which
//! only who writes the page can do.

use clowder_core::UserId;

use crate::model::Link;

/// Where the profile of a person is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileAddresses(Vec<String>);

impl ProfileAddresses {
    /// `server` is the address of this server, without a trailing slash; `template` is that of the page of a profile, with
    /// `{username}` in it, or empty.
    pub fn of(server: &str, template: &str, user: UserId, username: &str) -> Self {
        let at = |rest: &str| same_for_all(&format!("{server}/{rest}"));
        let mut all = vec![
            at(&format!("@{username}")),
            at(&format!("api/usernames/{username}")),
            at(&format!("api/users/{user}")),
        ];
        if !template.is_empty() {
            all.push(same_for_all(&template.replace("{username}", username)));
        }
        Self(all)
    }

    /// Whether one of these links of a page leads there.
    pub fn are_named_by(&self, links: &[String]) -> bool {
        links.iter().any(|link| self.0.contains(&same_for_all(link)))
    }
}

/// People write usernames in upper or lower case, and addresses with a slash at the end or without.
fn same_for_all(address: &str) -> String {
    let address = address.split('#').next().unwrap_or_default();
    address.trim_end_matches('/').to_lowercase()
}

/// The links of a profile after some of their pages were looked at. A page that did not answer proves nothing, so its link
/// stays as it is.
pub fn after_look(links: &[Link], looked: &[(String, Option<bool>)]) -> Vec<Link> {
    let seen = |link: &Link| looked.iter().find(|(url, _)| *url == link.url).and_then(|(_, seen)| *seen);
    links.iter().map(|link| Link { verified: seen(link).unwrap_or(link.verified), ..link.clone() }).collect()
}

#[cfg(test)]
mod tests {
    use clowder_core::{Id, Timestamp};

    use super::*;

    #[test]
    fn pages_name_the_profile() {
        let user: UserId = Id::new(Timestamp::from_micros(7));
        let addresses = ProfileAddresses::of("https://chat.example", "https://ada.example/u/{username}", user, "ada");
        for (link, expected) in [
            ("https://chat.example/@ada", true),
            ("https://chat.example/@Ada/", true),
            ("HTTPS://Chat.Example/@ada#top", true),
            ("https://chat.example/api/usernames/ada", true),
            (&format!("https://chat.example/api/users/{user}"), true),
            ("https://ada.example/u/ada", true),
            ("https://chat.example/@ada2", false),
            ("https://chat.example/@bob", false),
            ("https://chat.example/", false),
            ("http://chat.example/@ada", false),
            ("https://chat.example.evil.example/@ada", false),
            ("https://ada.example/u/{username}", false),
            ("", false),
        ] {
            let page = ["https://other.example/".to_owned(), link.to_owned()];
            assert_eq!(addresses.are_named_by(&page), expected, "{link}");
        }
        assert!(!addresses.are_named_by(&[]));
        let without = ProfileAddresses::of("https://chat.example", "", user, "ada");
        assert!(!without.are_named_by(&[String::new()]));
    }

    #[test]
    fn what_was_seen_counts() {
        let link = |url: &str, verified| Link { label: "x".into(), url: url.into(), verified };
        let links = [link("a", false), link("b", true), link("c", true), link("d", false)];
        let looked =
            [("a".into(), Some(true)), ("b".into(), Some(false)), ("c".into(), None), ("z".into(), Some(true))];
        let after = after_look(&links, &looked);
        assert_eq!(after, [link("a", true), link("b", false), link("c", true), link("d", false)]);
    }
}
