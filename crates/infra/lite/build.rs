//! The migrations are compiled in, so this crate is rebuilt when one is added.

fn main() {
    println!("cargo:rerun-if-changed=../../../migrations/sqlite");
}
