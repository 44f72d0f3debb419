//! The live channel: who may open it, what comes out of it and in which order, and that a drop loses nothing.

mod closing;
mod events;
mod following;
mod frames;
mod heartbeat;
mod limits;
mod opening;
mod order;
mod property;
mod replica;
mod resume;
