//! Mail of notifications.

mod emails;
mod links;
mod rows;
mod schema;
mod sending;

pub use emails::{Item, Letter, What};
pub use links::Links;
pub use rows::*;
pub use schema::*;
pub use sending::{NoticeSender, Post};

#[derive(Debug, Clone)]
pub struct Options {
    /// How many such emails one person gets in an hour; then what waits is put together.
    pub an_hour: usize,
    /// The page that shows a thing: emails link to it with `#message=…` and the like.
    pub open_url: String,
}

impl Default for Options {
    fn default() -> Self {
        Self { an_hour: 20, open_url: "http://127.0.0.1:8080/".to_owned() }
    }
}
