//! Places that mean no good, over real sockets of this machine: names that change their address, redirects to the inside,
//! answers without end, floods, and connections that hang.

mod bodies;
mod heads;
mod places;
mod proxies;
mod server;
mod sharing;
mod tls;
