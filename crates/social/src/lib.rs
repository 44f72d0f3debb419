//! Social: how people are connected.
//!
//! The rules are in one file per family of use cases and its `policy`; their refusals are in its `refusals`; what an
//! implementation must guarantee is documented on the ports.

pub mod groups;

pub use groups::port::Groups;
