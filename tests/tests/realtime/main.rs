//! The live channel: who may open it, what comes out of it and in which order, and that a drop loses nothing.

#[path = "realtime/closing.rs"]
mod closing;
#[path = "realtime/events.rs"]
mod events;
#[path = "realtime/following.rs"]
mod following;
#[path = "realtime/frames.rs"]
mod frames;
#[path = "realtime/heartbeat.rs"]
mod heartbeat;
#[path = "realtime/limits.rs"]
mod limits;
#[path = "realtime/opening.rs"]
mod opening;
#[path = "realtime/order.rs"]
mod order;
#[path = "realtime/property.rs"]
mod property;
#[path = "realtime/replica.rs"]
mod replica;
#[path = "realtime/resume.rs"]
mod resume;
