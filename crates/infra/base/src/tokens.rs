//! Access tokens (JWT, RFC 7519, HS256) and the chain of refresh tokens.

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

use crate::{
    keys::{Keys, mac, random, sha256},
    standings::Standings,
};

const ISSUER: &str = "clowder";
/// How far the clocks of nodes may be apart.
const CLOCKS_APART: Duration = Duration::from_secs(300);

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: UserId,
    sid: SessionId,
    /// For clients; we go by what is known now.
    role: Role,
    /// Named as simplejwt names it: clients look for it.
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
    /// Sessions that were ended while an access token of theirs may still be good, and until when it may be. What counts
    /// is the time that passes, not what clocks say: that of the node that ended it may be wrong.
    ended: RwLock<HashMap<SessionId, Instant>>,
    /// A token says which role its holder had; which one they have is said here.
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

    /// How long an access token is good.
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
        // A token from the future was issued by a clock that was ahead, and would live for as long as that was.
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

    /// Where an account stands that was just read: newer, perhaps, than what the journal has told so far.
    pub fn learn(&self, own: &Own) {
        self.standings.keep(own);
    }

    pub fn is_ended(&self, session: SessionId) -> bool {
        self.ended.read().unwrap_or_else(PoisonError::into_inner).contains_key(&session)
    }

    /// From now on the access tokens of this session are refused. Forgets those that have expired anyway.
    pub fn end(&self, session: SessionId) {
        let mut ended = self.ended.write().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if ended.len() % 1024 == 1023 {
            ended.retain(|_, until| *until > now);
        }
        ended.insert(session, now + self.remembered_for());
    }

    /// For how long an ended session must be known. Longer than its tokens live, for nodes may not agree on the time.
    pub fn remembered_for(&self) -> Duration {
        self.access_for + CLOCKS_APART
    }

    /// Learns from the journal what other nodes ended.
    pub fn note(&self, recorded: &Recorded) {
        if let (clowder_accounts::change::SESSION_ENDED, Some(session)) = (&*recorded.name, recorded.subject) {
            self.end(SessionId::from_uuid(session));
        }
    }

    /// The first refresh token of a session.
    pub fn first_refresh(&self) -> Result<String> {
        let mut token = [0; 32];
        random(&mut token)?;
        Ok(URL_SAFE_NO_PAD.encode(token))
    }

    /// The token that follows `token`. Whoever presents the old one can be given the same successor again, while the
    /// database, which keeps hashes and salts only, cannot tell what it is.
    pub fn successor(&self, token: &str, salt: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(mac(&self.chain, &[salt, token.as_bytes()]))
    }

    /// Under which hash a refresh token is stored.
    pub fn stored(token: &str) -> Vec<u8> {
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
    fn a_token_has_one_successor_per_salt() {
        let tokens = Tokens::new(&Keys::new("one"), Duration::from_secs(600), Arc::default());
        let first = tokens.first_refresh().unwrap();
        assert_eq!(tokens.successor(&first, b"salt"), tokens.successor(&first, b"salt"));
        assert_ne!(tokens.successor(&first, b"salt"), tokens.successor(&first, b"pepper"));
        assert_ne!(first, tokens.first_refresh().unwrap());
    }
}
