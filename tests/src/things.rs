//! Values for path parameters: each domain registers its thing once, and every walk over the routes uses it.

use std::{collections::BTreeMap, pin::Pin};

use crate::{User, World, domains::DOMAINS};

/// The owner of the things.
#[derive(Clone, Copy)]
pub struct Stage<'w> {
    pub world: &'w World,
    pub owner: &'w User,
    /// Another user, who is in the same chats.
    pub friend: &'w User,
}

/// The id of the thing, as a future.
pub type Making<'w> = Pin<Box<dyn Future<Output = String> + Send + 'w>>;

/// What a path parameter names.
pub struct Thing {
    /// The name of the parameter in the OpenAPI document.
    pub name: &'static str,
    pub comes: Comes,
}

impl Thing {
    pub fn is_made(&self) -> bool {
        matches!(self.comes, Comes::Made(_))
    }
}

/// Where a thing comes from.
pub enum Comes {
    /// It is created for each use, so that no call spoils the next.
    Made(for<'w> fn(Stage<'w>) -> Making<'w>),
    /// There is none in a walk. Callers with access get this code.
    Never { unknown: &'static str },
}

/// An id that does not exist.
pub const NOTHING: &str = "01993c4e-7a2b-7c31-9a51-3f0c8a8f2d10";

/// All of them.
pub fn registered() -> impl Iterator<Item = &'static Thing> {
    DOMAINS.iter().flat_map(|domain| domain.things)
}

/// The parameter names of a path.
pub fn parameters(template: &str) -> impl Iterator<Item = &str> {
    template.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

/// Whether a code means that a thing does not exist in any walk.
pub fn is_of_nothing(code: &str) -> bool {
    registered().any(|thing| matches!(thing.comes, Comes::Never { unknown } if unknown == code))
}

/// Things by parameter name.
#[derive(Default)]
pub struct Things(BTreeMap<&'static str, String>);

impl Things {
    /// Those that these paths need.
    pub async fn of<'t>(stage: Stage<'_>, templates: impl IntoIterator<Item = &'t str>) -> Self {
        let mut things = Self::default();
        for name in templates.into_iter().flat_map(parameters) {
            if things.0.contains_key(name) {
                continue;
            }
            let Some(thing) = registered().find(|thing| thing.name == name) else {
                panic!("which {name}? Its domain registers it in tests/src/domains")
            };
            let id = match thing.comes {
                Comes::Made(make) => make(stage).await,
                Comes::Never { .. } => NOTHING.to_owned(),
            };
            things.0.insert(thing.name, id);
        }
        things
    }

    /// The id of what stands for this parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The same with one value replaced.
    pub fn with(mut self, name: &'static str, id: &str) -> Self {
        self.0.insert(name, id.to_owned());
        self
    }

    /// A path with its ids filled in.
    pub fn fill(&self, template: &str) -> String {
        self.0.iter().fold(template.to_owned(), |path, (name, id)| path.replace(&format!("{{{name}}}"), id))
    }
}
