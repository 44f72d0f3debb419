//! The laws of this project that no compiler checks: who may depend on what, what a file looks like, whether links lead
//! somewhere and tables in the documents are whole. Runs without a server, in `make check`.

mod floors;
mod links;
mod sources;
mod tables;
