//! Search: what a message is found by, what somebody seeks, and how what is found is shown and ordered.
//!
//! There is one way to cut a text into [`tokens`](tokens::tokens), for messages and for searches. The databases index nothing but
//! these tokens, so both find the same in any language. What a message says is indexed within seconds after it was sent, and
//! its tokens go with it when it is edited, deleted or disappears.

pub mod highlight;
pub mod input;
pub mod marks;
pub mod matching;
pub mod port;
pub mod query;
pub mod rank;
mod scripts;
mod titles;
pub mod tokens;
pub mod volumes;

pub use input::{Found, FoundChat, Has, Mentioned, Order, Progress, Search, Whom};
pub use titles::title_words;

/// Among how many of the newest messages that fit the best are looked for.
pub const RANKED: usize = 500;
