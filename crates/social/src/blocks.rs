//! Blocks, mutes and notes: what somebody decides about another person, for themselves.
//!
//! A block ends what connects the two and hides each from the other; the blocked person cannot tell it from absence. A
//! mute only spares its owner notifications, and a note is read by its author alone. None of them is ever shown to the
//! person that it is about.

pub mod change;
mod model;
pub mod policy;
mod port;
pub mod refusals;
pub mod scopes;

pub use change::Change;
pub use model::{Block, Mute, NewBlock, NewMute, NewNote, Note};
pub use port::Blocks;
