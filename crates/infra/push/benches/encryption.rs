//! How fast a payload is encrypted for a browser, beside what cannot be spared: a key for one message, the secret of the two,
//! and AES-GCM. Both in turn in one run, so that the ratio does not depend on the machine.

use std::time::{Duration, Instant};

use aes_gcm::{Aes128Gcm, KeyInit, aead::Aead};
use clowder_infra_push::{Ephemeral, encrypt, new_key};
use clowder_notifications::push::WebTarget;
use p256::{PublicKey, SecretKey, ecdh::diffie_hellman};

const ROUNDS: usize = 40;
const EACH: usize = 50;
/// What a notification takes.
const OCTETS: usize = 400;
/// Of the bare primitive's speed.
const LEAST: f64 = 0.5;

fn timed(work: impl Fn()) -> Duration {
    let began = Instant::now();
    (0..EACH).for_each(|_| work());
    began.elapsed()
}

fn main() {
    // `cargo test --benches` only checks that it runs.
    let rounds = if std::env::args().any(|argument| argument == "--bench") { ROUNDS } else { 1 };
    let Ok(theirs) = new_key() else { return };
    let to = WebTarget { endpoint: "https://push.example/".into(), p256dh: theirs.public, auth: [7; 16] };
    let plain = vec![b'x'; OCTETS];
    let whole = || {
        let sealed = Ephemeral::new().and_then(|ephemeral| encrypt(&to, &plain, &ephemeral));
        std::hint::black_box(sealed.is_ok());
    };
    let bare = || {
        let Ok(point) = PublicKey::from_sec1_bytes(&to.p256dh) else { return };
        let Ok(secret) = new_key().and_then(|key| {
            SecretKey::from_slice(&key.secret).map_err(|_| clowder_core::Error::internal("no key"))
        }) else {
            return;
        };
        let shared = diffie_hellman(secret.to_nonzero_scalar(), point.as_affine());
        let key: [u8; 16] = std::array::from_fn(|index| shared.raw_secret_bytes()[index]);
        let nonce = [0_u8; 12];
        std::hint::black_box(Aes128Gcm::new((&key).into()).encrypt((&nonce).into(), plain.as_slice()).is_ok());
    };
    let (mut took, mut took_bare) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        took.push(timed(whole));
        took_bare.push(timed(bare));
    }
    let median = |mut times: Vec<Duration>| {
        times.sort();
        times[times.len() / 2].as_secs_f64() / EACH as f64
    };
    let (took, took_bare) = (median(took), median(took_bare));
    let ratio = took_bare / took;
    println!("push encryption: {:.0}/s, bare {:.0}/s, ratio {ratio:.2} (at least {LEAST})", 1.0 / took, 1.0 / took_bare);
    if rounds > 1 && ratio < LEAST {
        eprintln!("push encryption is slower than it may be");
        std::process::abort();
    }
}
