//! How long lists are read: keyset pages, whose cost does not grow with depth.

use serde::Serialize;

use crate::{Error, Id, Result};

/// What a list answers with when nothing is asked for.
pub const DEFAULT_LIMIT: u32 = 50;
/// More than this is not an error, it is this.
pub const MAX_LIMIT: u32 = 200;

/// One page of a list.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Give it back as `?cursor=` for the next page; `null` on the last one.
    pub next_cursor: Option<String>,
}

/// Which page of a list is wanted.
#[derive(Debug, Clone)]
pub struct PageRequest {
    pub limit: u32,
    pub cursor: Option<String>,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self { limit: DEFAULT_LIMIT, cursor: None }
    }
}

impl PageRequest {
    /// One row more than is wanted: its presence says that another page follows.
    pub const fn fetch(&self) -> i64 {
        self.limit as i64 + 1
    }

    /// The id that the page before ended with, for lists whose key is the id.
    pub fn id<T>(&self) -> Result<Option<Id<T>>> {
        let wrong = || Error::field("?cursor", "cursor", "is not one of ours");
        self.cursor.as_deref().map(|cursor| cursor.parse().map_err(|_| wrong())).transpose()
    }
}

impl<T> Page<T> {
    /// Cuts a list that was read with [`PageRequest::fetch`] and names the key after which the next page starts.
    pub fn cut(mut items: Vec<T>, request: &PageRequest, key: impl Fn(&T) -> String) -> Self {
        let more = items.len() > request.limit as usize;
        items.truncate(request.limit as usize);
        let next_cursor = if more { items.last().map(key) } else { None };
        Self { items, next_cursor }
    }

    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(f).collect(), next_cursor: self.next_cursor }
    }
}
