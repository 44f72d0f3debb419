//! What pages can do in a real browser: on another origin, and behind a proxy that keeps the server below a path.

#[path = "browsers/origins.rs"]
mod origins;
#[path = "browsers/pages.rs"]
mod pages;
#[path = "browsers/prefix.rs"]
mod prefix;
