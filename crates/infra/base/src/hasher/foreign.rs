//! Password hashes of other systems, for imports: those of Django (`pbkdf2_sha256$…`, `argon2$…`, `bcrypt_sha256$…`,
//! `bcrypt$…`) and argon2 in PHC format (`$argon2id$…`).

use argon2::{Argon2, PasswordVerifier};
use base64::{Engine, engine::general_purpose::STANDARD};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The maximum cost of verifying a hash, so that imported ones cannot hold up the others.
const MAX_ITERATIONS: u32 = 5_000_000;
const MAX_MEMORY_KIB: u32 = 256 * 1024;
const MAX_BCRYPT_COST: u32 = 16;

/// A hash of a known format and acceptable cost.
pub enum Foreign<'h> {
    Pbkdf2Sha256 {
        iterations: u32,
        salt: &'h str,
        hash: Vec<u8>,
    },
    Argon2(String),
    /// Django hashes the password to hex first, so that bcrypt sees all of it.
    BcryptSha256(&'h str),
    Bcrypt(&'h str),
}

impl<'h> Foreign<'h> {
    pub fn parse(stored: &'h str) -> Option<Self> {
        if let Some(rest) = stored.strip_prefix("pbkdf2_sha256$") {
            let mut parts = rest.split('$');
            let (iterations, salt, hash) = (parts.next()?.parse().ok()?, parts.next()?, parts.next()?);
            let hash = STANDARD.decode(hash).ok()?;
            let affordable = (1..=MAX_ITERATIONS).contains(&iterations);
            let whole = parts.next().is_none() && hash.len() == 32;
            return (affordable && whole).then_some(Self::Pbkdf2Sha256 { iterations, salt, hash });
        }
        if let Some(bcrypt) = stored.strip_prefix("bcrypt_sha256$") {
            return affordable(bcrypt).then_some(Self::BcryptSha256(bcrypt));
        }
        if let Some(bcrypt) = stored.strip_prefix("bcrypt$") {
            return affordable(bcrypt).then_some(Self::Bcrypt(bcrypt));
        }
        // Django writes `argon2$argon2id$v=…`; everybody else begins with a `$`.
        let phc = stored.strip_prefix("argon2").filter(|rest| rest.starts_with("$argon2")).unwrap_or(stored);
        let hash = argon2::PasswordHash::new(phc).ok()?;
        let params = argon2::Params::try_from(&hash).ok()?;
        let affordable = params.m_cost() <= MAX_MEMORY_KIB && params.t_cost() <= 100 && params.p_cost() <= 16;
        affordable.then(|| Self::Argon2(phc.to_owned()))
    }

    pub fn verify(&self, password: &str) -> bool {
        match self {
            Self::Pbkdf2Sha256 { iterations, salt, hash } => {
                let mut found = [0; 32];
                pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), salt.as_bytes(), *iterations, &mut found);
                found.ct_eq(hash.as_slice()).into()
            }
            Self::Argon2(phc) => Argon2::default().verify_password(password.as_bytes(), phc.as_str()).is_ok(),
            Self::BcryptSha256(hash) => {
                let hex = HEXLOWER.encode(&Sha256::digest(password.as_bytes()));
                bcrypt::verify(hex, hash).unwrap_or(false)
            }
            Self::Bcrypt(hash) => bcrypt::verify(password, hash).unwrap_or(false),
        }
    }
}

fn affordable(bcrypt: &str) -> bool {
    bcrypt.parse::<bcrypt::HashParts>().is_ok_and(|parts| parts.get_cost() <= MAX_BCRYPT_COST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_other_systems_hashed_is_verified() {
        // Made by Django 5, the second also in argon2's own format.
        for stored in [
            "pbkdf2_sha256$1000$seasalt2$CyPDFwPidlBqxNgJJqNSMGuJ5rsdFklnTF1oObL5ZzA=",
            "argon2$argon2id$v=19$m=64,t=1,p=1$c2Vhc2FsdDJzZWFzYWx0Mg$pGN2OwhfvtyPVhAiBst6py8IU2t9sFlMj2Czgd60j4U",
            "$argon2id$v=19$m=64,t=1,p=1$c2Vhc2FsdDJzZWFzYWx0Mg$pGN2OwhfvtyPVhAiBst6py8IU2t9sFlMj2Czgd60j4U",
            "bcrypt_sha256$$2b$04$RXBXVeARAd3aZvN5elTXm.IKLUBkW8MfFiYYlQMPEUBTt0wAmIb/6",
            "bcrypt$$2b$04$w/2TB8wOZ6c/He9r55fnneChs7HWd54TSMiRd0viKw51srhZiwAS.",
        ] {
            let foreign = Foreign::parse(stored).unwrap_or_else(|| panic!("{stored}"));
            assert!(foreign.verify("correct horse béttery"), "{stored}");
            assert!(!foreign.verify("correct horse bettery"), "{stored}");
        }
    }

    #[test]
    fn what_is_none_of_these_or_costs_too_much_is_not_known() {
        for wrong in [
            "",
            "plain",
            "pbkdf2_sha256$",
            "pbkdf2_sha256$x$salt$aGFzaA==",
            "pbkdf2_sha256$1000$salt$aGFzaA==",
            "pbkdf2_sha256$99999999$salt$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "$argon2id$v=19$m=99999999,t=2,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "bcrypt$$2b$31$abcdefghijklmnopqrstuuAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "md5$salt$hash",
        ] {
            assert!(Foreign::parse(wrong).is_none(), "{wrong}");
        }
    }
}
