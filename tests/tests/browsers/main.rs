//! What pages can do in a real browser: on another origin, behind a proxy that serves the server below a path, and with a
//! microphone.

mod origins;
mod pages;
mod prefix;
mod recordings;
