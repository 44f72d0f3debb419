//! Previews of the pages to which a message links: which links have one, and what is kept of it.
//!
//! The server fetches the pages after the message was sent, so that whoever reads the message calls nobody.

use clowder_core::Picture;
use serde::{Deserialize, Serialize};

use crate::{
    Message, MessageType,
    entities::{Entity, EntityType},
};

/// How many links of a message have a preview.
pub const MOST: usize = 3;
/// Longer addresses have none.
const LONGEST: usize = 2048;

/// What a page to which a message links says of itself. The texts are those of the page, for which nobody here vouches:
/// plain text on one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LinkPreview {
    /// The link, as it stands in the message.
    #[schema(example = "https://example.org/menu")]
    pub url: String,
    #[schema(max_length = 200, example = "The menu of today", required = true)]
    #[serde(default)]
    pub title: Option<String>,
    #[schema(max_length = 500, required = true)]
    #[serde(default)]
    pub description: Option<String>,
    #[schema(max_length = 100, example = "Example", required = true)]
    #[serde(default)]
    pub site_name: Option<String>,
    /// In this version always `null`: pictures of pages are not fetched.
    #[schema(required = true)]
    #[serde(default)]
    pub image: Option<Picture>,
}

/// What is kept of a page.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site_name: Option<String>,
}

impl Told {
    /// Without a title or a description, there is nothing to show.
    pub fn shows_something(&self) -> bool {
        self.title.is_some() || self.description.is_some()
    }

    pub fn of(preview: &LinkPreview) -> Self {
        let LinkPreview { title, description, site_name, .. } = preview.clone();
        Self { title, description, site_name }
    }

    pub fn preview(self, url: String) -> LinkPreview {
        let Self { title, description, site_name } = self;
        LinkPreview { url, title, description, site_name, image: None }
    }
}

/// The links of a message that get a preview: the first ones of a text, each once. A link between `<` and `>` gets none,
/// because its author wants it so; neither does anything that is no text of a person.
pub fn wanted(message: &Message) -> Vec<String> {
    let is_text = message.kind == MessageType::Text && message.deleted_at.is_none();
    let Some(text) = message.content.as_deref().filter(|_| is_text) else { return Vec::new() };
    links(text, &message.entities)
}

fn links(text: &str, entities: &[Entity]) -> Vec<String> {
    let mut wanted: Vec<String> = Vec::new();
    for Entity { kind, offset, length, url, .. } in entities {
        let Some(url) = url.as_ref().filter(|url| *kind == EntityType::Link && url.len() <= LONGEST) else { continue };
        if !is_apart(text, *offset as usize, *length as usize) && !wanted.contains(url) {
            wanted.push(url.clone());
        }
        if wanted.len() == MOST {
            break;
        }
    }
    wanted
}

/// Whether a part of a text stands between `<` and `>`.
fn is_apart(text: &str, offset: usize, length: usize) -> bool {
    let before = offset.checked_sub(1).and_then(|at| text.chars().nth(at));
    before == Some('<') && text.chars().nth(offset + length) == Some('>')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mentions::{Marks, Wanted};

    fn links_of(text: &str) -> Vec<String> {
        let marks = Marks::resolve(text, &Wanted::of(text, &[], str::to_owned), |_| None, |_| false, false);
        links(text, &marks.entities)
    }

    #[test]
    fn the_first_links_have_previews() {
        let long = format!("https://a.example/{}", "x".repeat(2100));
        let table: [(&str, &[&str]); 9] = [
            ("hello", &[]),
            ("see https://a.example/x, and http://b.example", &["https://a.example/x", "http://b.example"]),
            ("https://a.example https://a.example", &["https://a.example"]),
            (
                "https://a.example https://b.example https://c.example https://d.example",
                &["https://a.example", "https://b.example", "https://c.example"],
            ),
            ("<https://a.example> https://b.example", &["https://b.example"]),
            ("ä<https://a.example>", &[]),
            ("https://a.example> x", &["https://a.example"]),
            ("ada@a.example #tag @ada", &[]),
            (&long, &[]),
        ];
        for (text, expected) in table {
            assert_eq!(links_of(text), expected, "{text}");
        }
    }

    #[test]
    fn a_page_without_words_shows_nothing() {
        let site_name = Some("Example".to_owned());
        assert!(!Told { site_name: site_name.clone(), ..Told::default() }.shows_something());
        let told = Told { title: Some("Menu".to_owned()), site_name, ..Told::default() };
        assert!(told.shows_something());
        assert_eq!(Told::of(&told.clone().preview("https://a.example".to_owned())), told);
    }
}
