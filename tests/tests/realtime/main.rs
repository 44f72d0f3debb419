//! The live channel: who may open it, what it sends in which order, and that a drop loses nothing.

mod canary;
mod chaos;
mod closing;
mod cluster;
mod connections;
mod events;
mod failover;
mod finding;
mod following;
mod frames;
mod heartbeat;
mod limits;
mod nodes;
mod opening;
mod order;
mod polls;
mod pooler;
mod presence;
mod property;
mod replica;
mod resume;
mod slow_readers;
mod streams;
