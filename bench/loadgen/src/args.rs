//! The command line: `--name value` pairs.
use std::collections::HashMap;

pub struct Args(pub HashMap<String, String>);
impl Args {
    pub fn parse() -> Args {
        let mut m = HashMap::new();
        let mut it = std::env::args().skip(1);
        while let Some(k) = it.next() {
            let k = k.strip_prefix("--").unwrap_or_else(|| panic!("expected --name, got {k}")).to_string();
            let v = it.next().unwrap_or_else(|| panic!("--{k} needs a value"));
            m.insert(k, v);
        }
        Args(m)
    }
    pub fn s(&self, k: &str, d: &str) -> String {
        self.0.get(k).cloned().unwrap_or_else(|| d.into())
    }
    pub fn n<T: std::str::FromStr>(&self, k: &str, d: T) -> T {
        self.0.get(k).map(|v| v.parse().ok().unwrap_or_else(|| panic!("--{k}: bad number"))).unwrap_or(d)
    }
}
