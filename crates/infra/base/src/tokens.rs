//! Access tokens (JWT, RFC 7519, HS256), and refresh tokens by generation.

mod uses;

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clowder_accounts::{
    Identity, Own,
    refusals::{SESSION_ENDED, TOKEN_EXPIRED, TOKEN_INVALID},
};
use clowder_core::{Actor, Recorded, Result, Role, SessionId, Timestamp, UserId, Via};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::{
    keys::{Keys, mac, sha256},
    standings::Standings,
};

pub use uses::Uses;

const ISSUER: &str = "clowder";
/// The maximum difference between the clocks of nodes.
const CLOCKS_APART: Duration = Duration::from_secs(300);

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: UserId,
    sid: SessionId,
    /// For clients; the server uses the current role.
    role: Role,
    /// The name that simplejwt uses, because clients look for it.
    token_type: String,
    iat: i64,
    exp: i64,
}

pub struct Tokens {
    sign: EncodingKey,
    check: DecodingKey,
    validation: Validation,
    access_for: Duration,
    chain: [u8; 32],
    /// Recently ended sessions whose access tokens may still be valid, and until when. The time is measured, not read
    /// from clocks: that of the node that ended the session may be wrong.
    ended: RwLock<HashMap<SessionId, Instant>>,
    /// A token contains the role its holder had; this is the one they have.
    standings: Arc<Standings>,
}

impl Tokens {
    pub fn new(keys: &Keys, access_for: Duration, standings: Arc<Standings>) -> Self {
        let secret = keys.derive("access tokens");
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[ISSUER]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        // The library would read a clock of its own; expiry is checked below, against the time of the call.
        validation.validate_exp = false;
        Self {
            sign: EncodingKey::from_secret(&secret),
            check: DecodingKey::from_secret(&secret),
            validation,
            access_for,
            chain: keys.derive("refresh tokens"),
            ended: RwLock::default(),
            standings,
        }
    }

    /// How long an access token is valid.
    pub const fn access_for(&self) -> Duration {
        self.access_for
    }

    pub fn access(&self, user: UserId, session: SessionId, role: Role, now: Timestamp) -> Result<String> {
        let claims = Claims {
            iss: ISSUER.into(),
            aud: ISSUER.into(),
            sub: user,
            sid: session,
            role,
            token_type: "access".into(),
            iat: now.as_seconds(),
            exp: now.plus(self.access_for).as_seconds(),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.sign)
            .map_err(|error| clowder_core::Error::internal(format!("jwt: {error}")))
    }

    pub fn identify(&self, access: &str, now: Timestamp) -> Result<Identity> {
        let claims =
            jsonwebtoken::decode::<Claims>(access, &self.check, &self.validation).map_err(|_| TOKEN_INVALID)?.claims;
        if claims.token_type != "access" {
            return Err(TOKEN_INVALID.into());
        }
        let expires_at = Timestamp::from_micros(claims.exp.saturating_mul(1_000_000));
        // A token from the future was issued by a clock that was ahead, and would be valid for too long.
        let issued_at = Timestamp::from_micros(claims.iat.saturating_mul(1_000_000));
        if expires_at <= now || issued_at > now.plus(CLOCKS_APART) {
            return Err(TOKEN_EXPIRED.into());
        }
        if self.is_ended(claims.sid) {
            return Err(SESSION_ENDED.into());
        }
        let role = self.standings.of(claims.sub, now).role;
        let actor = Actor::User { id: claims.sub, via: Via::Session(claims.sid), role };
        Ok(Identity { actor, expires_at, scopes: None })
    }

    /// The standing of an account that was just read; it may be newer than what the journal has shown.
    pub fn learn(&self, own: &Own) {
        self.standings.keep(own);
    }

    pub fn is_ended(&self, session: SessionId) -> bool {
        self.ended.read().unwrap_or_else(PoisonError::into_inner).contains_key(&session)
    }

    /// Refuses the access tokens of this session from now on. Drops sessions whose tokens have expired anyway.
    pub fn end(&self, session: SessionId) {
        let mut ended = self.ended.write().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if ended.len() % 1024 == 1023 {
            ended.retain(|_, until| *until > now);
        }
        ended.insert(session, now + self.remembered_for());
    }

    /// These sessions have ended, and no others but those that this process has ended since it `began` to look.
    pub fn replace_ended(&self, sessions: &[SessionId], began: Instant) {
        sessions.iter().for_each(|session| self.end(*session));
        let mut ended = self.ended.write().unwrap_or_else(PoisonError::into_inner);
        ended.retain(|_, until| *until >= began + self.remembered_for());
    }

    /// How long an ended session must be remembered: longer than its tokens live, because nodes may disagree on the
    /// time.
    pub fn remembered_for(&self) -> Duration {
        self.access_for + CLOCKS_APART
    }

    /// Applies sessions ended by other nodes from the journal.
    pub fn note(&self, recorded: &Recorded) {
        if let (clowder_accounts::change::SESSION_ENDED, Some(session)) = (&*recorded.name, recorded.subject) {
            self.end(SessionId::from_uuid(session));
        }
    }

    /// The refresh token of a generation of a session: it names both and is authenticated. So it is the same whenever
    /// it is issued, and the database, which stores only the generation, cannot reveal it.
    pub fn refresh(&self, session: SessionId, generation: i32) -> String {
        let named = [session.uuid().as_bytes().as_slice(), &generation.to_be_bytes()].concat();
        let mac = mac(&self.chain, &[&named]);
        URL_SAFE_NO_PAD.encode([named.as_slice(), &mac].concat())
    }

    /// The session and generation of a refresh token, if this server issued it.
    pub fn read_refresh(&self, token: &str) -> Option<(SessionId, i32)> {
        let octets = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (named, signed) = octets.split_first_chunk::<20>()?;
        if !bool::from(mac(&self.chain, &[named]).ct_eq(signed)) {
            return None;
        }
        let (session, generation) = named.split_first_chunk::<16>()?;
        let generation = i32::from_be_bytes(generation.try_into().ok()?);
        Some((SessionId::from_uuid(uuid::Uuid::from_bytes(*session)), generation))
    }

    /// Before generations were introduced, tokens were random and stored by this hash.
    pub fn legacy(token: &str) -> Vec<u8> {
        sha256(token.as_bytes()).to_vec()
    }
}

#[cfg(test)]
mod tests {
    use clowder_core::{Error, Id};

    use super::*;

    #[test]
    fn only_our_own_fresh_tokens_of_open_sessions_pass() {
        let now = Timestamp::from_micros(1_790_000_000_000_000);
        let tokens = Tokens::new(&Keys::new("one"), Duration::from_secs(600), Arc::default());
        let others = Tokens::new(&Keys::new("two"), Duration::from_secs(600), Arc::default());
        let (user, session) = (Id::new(now), Id::new(now));
        let access = tokens.access(user, session, Role::User, now).unwrap();
        let code = |r: Result<Identity>| match r {
            Ok(_) => "ok",
            Err(Error::Refused(refusal)) => refusal.code,
            Err(_) => "error",
        };
        let unsigned = {
            let parts: Vec<_> = access.split('.').collect();
            format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#), parts[1])
        };
        let after = |seconds| now.plus(Duration::from_secs(seconds));
        assert_eq!(code(tokens.identify(&access, now)), "ok");
        assert_eq!(code(tokens.identify(&access, after(599))), "ok");
        assert_eq!(code(tokens.identify(&access, after(600))), "token.expired");
        assert_eq!(code(tokens.identify(&access, now.minus(Duration::from_secs(299)))), "ok");
        assert_eq!(code(tokens.identify(&access, now.minus(Duration::from_secs(301)))), "token.expired");
        assert_eq!(code(others.identify(&access, now)), "token.invalid");
        assert_eq!(code(tokens.identify(&unsigned, now)), "token.invalid");
        assert_eq!(code(tokens.identify(&access[..access.len() - 2], now)), "token.invalid");
        assert_eq!(code(tokens.identify("", now)), "token.invalid");
        tokens.end(session);
        assert_eq!(code(tokens.identify(&access, now)), "session.ended");
    }

    #[test]
    fn a_refresh_token_names_its_session_and_generation_and_cannot_be_made_up() {
        let tokens = |secret| Tokens::new(&Keys::new(secret), Duration::from_secs(600), Arc::default());
        let (ours, others) = (tokens("one"), tokens("two"));
        let session = Id::new(Timestamp::from_micros(1_790_000_000_000_000));
        for generation in [0, 1, 70_000, i32::MAX] {
            let token = ours.refresh(session, generation);
            assert_eq!(token, ours.refresh(session, generation), "the same whenever it is answered");
            assert_eq!(ours.read_refresh(&token), Some((session, generation)));
            assert_eq!(others.read_refresh(&token), None);
            // Every octet counts: session, generation and MAC.
            let octets = URL_SAFE_NO_PAD.decode(&token).unwrap();
            for place in 0..octets.len() {
                let mut forged = octets.clone();
                forged[place] ^= 1;
                assert_eq!(ours.read_refresh(&URL_SAFE_NO_PAD.encode(forged)), None, "{place}");
            }
            for length in 0..octets.len() {
                assert_eq!(ours.read_refresh(&URL_SAFE_NO_PAD.encode(&octets[..length])), None, "{length}");
            }
        }
        assert_eq!(ours.read_refresh("unheard of"), None);
    }
}
