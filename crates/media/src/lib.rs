//! Media: files that people upload, who may see them, and where their bytes are.
//!
//! What a file is, its content says ([`sniff`]). Its bytes are an object in a store ([`blobs`]). Before others see them, a
//! virus scanner may read them ([`scanner`]).

pub mod blobs;
pub mod scanner;
pub mod sniff;

pub use blobs::{Blobs, Key};
pub use scanner::{Scanner, Verdict};
