//! What pages can do in a real browser: on another origin, and behind a proxy that serves the server below a path.

mod origins;
mod pages;
mod prefix;
