//! What the tasks of a run count.
use crate::http::Error;
use crate::stats::{hist, markers, now_us, Hist};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

/// What the tasks of a run count; nothing counts until `on` is set.
pub struct Run {
    pub on: AtomicBool,
    pub stop: AtomicBool,
    pub ok: AtomicU64,
    pub err: AtomicU64,
    pub bytes: AtomicU64,
    pub delivered: AtomicU64,
    /// The longest payload of a delivery.
    pub octets: AtomicU64,
    pub first_err: Mutex<String>,
    pub lat: Vec<Mutex<Hist>>,
    pub del: Vec<Mutex<Hist>>,
}
impl Run {
    pub fn new() -> Arc<Run> {
        let shards = || (0..16).map(|_| Mutex::new(hist())).collect();
        Arc::new(Run {
            on: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            ok: AtomicU64::new(0),
            err: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            delivered: AtomicU64::new(0),
            octets: AtomicU64::new(0),
            first_err: Mutex::new(String::new()),
            lat: shards(),
            del: shards(),
        })
    }
    pub fn done(&self, who: usize, since_us: u64, r: Result<usize, Error>) {
        if !self.on.load(Relaxed) {
            if let Err(e) = r {
                self.note(e);
            }
            return;
        }
        match r {
            Ok(n) => {
                self.ok.fetch_add(1, Relaxed);
                self.bytes.fetch_add(n as u64, Relaxed);
                self.lat[who % 16].lock().unwrap().saturating_record((now_us() - since_us).max(1));
            }
            Err(e) => {
                self.err.fetch_add(1, Relaxed);
                self.note(e);
            }
        }
    }
    pub fn note(&self, e: Error) {
        let mut f = self.first_err.lock().unwrap();
        if f.is_empty() {
            *f = e.to_string();
        }
    }
    pub fn deliver(&self, who: usize, payload: &[u8]) {
        let on = self.on.load(Relaxed);
        markers(payload, |t| {
            if on {
                self.del[who % 16].lock().unwrap().saturating_record(now_us().saturating_sub(t).max(1));
                self.delivered.fetch_add(1, Relaxed);
                self.octets.fetch_max(payload.len() as u64, Relaxed);
            }
        });
    }
    pub fn merged(shards: &[Mutex<Hist>]) -> Hist {
        let mut h = hist();
        for s in shards {
            h.add(&*s.lock().unwrap()).unwrap();
        }
        h
    }
}
