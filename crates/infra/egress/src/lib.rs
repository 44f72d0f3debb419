//! Safe egress: the one HTTP client for addresses that people give. It resolves a name itself, checks every address that
//! the name has, connects to one of those it has checked, and bounds time, octets, redirects and connections.
//!
//! Nothing else of the server calls a place that a person has named: webhooks, push endpoints, previews of links and
//! checks of profile links all use [`Egress::call`].

mod address;
mod call;
mod connection;
mod destination;
mod egress;
mod exchange;
mod network;
mod options;
mod page;
mod pool;
mod proxy;
mod resolve;
mod tls;

pub use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
pub use url::Url;

pub use address::why_closed;
pub use call::{Answer, Bounds, Call, Failure};
pub use egress::Egress;
pub use network::{Network, networks};
pub use options::Options;
pub use page::{NoPage, Page};
pub use proxy::Proxy;
pub use resolve::{Resolve, System};
