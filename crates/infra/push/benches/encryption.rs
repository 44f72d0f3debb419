//! How fast a payload is encrypted for a browser, beside what cannot be spared: a key for one message, the secret of the two,
//! and AES-GCM. Both in turn in one run, so that the ratio does not depend on the machine.
//!
//!     cargo bench -p clowder-infra-push
//!
//! Prints one JSON line per figure, in the format that `bench/ratios.py` reads.

#![allow(clippy::unwrap_used, reason = "a benchmark may be blunt")]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use aes_gcm::{Aes128Gcm, KeyInit, aead::Aead};
use clowder_infra_push::{Ephemeral, encrypt, new_key};
use clowder_notifications::push::WebTarget;
use p256::{PublicKey, SecretKey, ecdh::diffie_hellman};

const ROUNDS: usize = 40;
const EACH: u32 = 50;
/// What a notification takes.
const OCTETS: usize = 400;

fn timed(work: &dyn Fn()) -> Duration {
    let began = Instant::now();
    (0..EACH).for_each(|_| work());
    began.elapsed() / EACH
}

fn main() {
    // Otherwise it is only checked that it runs.
    let rounds = if std::env::args().any(|argument| argument == "--bench") { ROUNDS } else { 1 };
    let theirs = new_key().unwrap();
    let to = WebTarget { endpoint: "https://push.example/".into(), p256dh: theirs.public, auth: [7; 16] };
    let plain = vec![b'x'; OCTETS];
    let whole = || drop(black_box(encrypt(&to, &plain, &Ephemeral::new().unwrap()).unwrap()));
    let bare = || {
        let point = PublicKey::from_sec1_bytes(&to.p256dh).unwrap();
        let ours = new_key().unwrap();
        let secret = SecretKey::from_slice(&ours.secret).unwrap();
        let shared = diffie_hellman(secret.to_nonzero_scalar(), point.as_affine());
        let key: [u8; 16] = std::array::from_fn(|index| shared.raw_secret_bytes()[index]);
        let sealed = Aes128Gcm::new((&key).into()).encrypt((&[0_u8; 12]).into(), plain.as_slice());
        drop(black_box(sealed.unwrap()));
    };
    let (mut took, mut took_bare) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        took.push(timed(&whole));
        took_bare.push(timed(&bare));
    }
    for (peer, mut times) in [("ours", took), ("bare", took_bare)] {
        times.sort();
        let rate = 1.0 / times[times.len() / 2].as_secs_f64();
        println!(r#"{{"workload": "push-encryption", "peer": "push-{peer}", "ok_per_s": {rate:.0}}}"#);
    }
}
