//! The laws of this project that no compiler checks: which packages may depend on which, what a source file looks like,
//! whether links work and tables in the documents are complete. Runs without a server, in `make check`.

mod floors;
mod links;
mod sources;
mod tables;
