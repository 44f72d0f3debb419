//! Somebody enables two-factor authentication, loses the phone, and disables it again.

use clowder_tests::{User, World, authenticator::Authenticator, on_both, world::PASSWORD};
use serde_json::{Value, json};

on_both!(shared; a_second_factor, a_lost_phone, bad_input);

/// Enables two-factor authentication; returns the authenticator and the recovery codes.
async fn protect(ada: &User) -> (Authenticator, Vec<String>) {
    let made = ada.post("/api/auth/2fa/setup", json!({})).await.expect(200);
    let secret = made["secret"].as_str().unwrap();
    let label = format!("otpauth://totp/Clowder:{}?secret=", ada.name.replace('-', "%2D"));
    assert!(made["otpauth_url"].as_str().unwrap().starts_with(&label), "{made}");
    assert!(made["otpauth_url"].as_str().unwrap().contains(secret));
    assert!(made["qr_svg"].as_str().unwrap().contains("<svg"));
    let mut phone = Authenticator::new(secret);
    let enabled = ada.post("/api/auth/2fa/enable", json!({"otp": phone.code()})).await.expect(200);
    (phone, serde_json::from_value(enabled["recovery_codes"].clone()).unwrap())
}

fn login(user: &User, otp: impl Into<Value>) -> Value {
    json!({"username": user.name, "password": PASSWORD, "otp": otp.into()})
}

async fn a_second_factor(world: World) {
    let ada = world.user("ada").await;
    assert_eq!(ada.get("/api/auth/me").await.expect(200)["two_factor"], false);
    let (mut phone, _) = protect(&ada).await;
    let me = ada.get("/api/auth/me").await;
    assert_eq!((me.header("etag"), &me.body["two_factor"]), ("\"2\"", &json!(true)));

    let nobody = world.nobody();
    for path in ["/api/auth/login", "/api/token"] {
        let answer = nobody.post(path, login(&ada, Value::Null)).await;
        assert!(answer.header("www-authenticate").contains("otp.required"));
        answer.refused(401, "otp.required");
    }
    let wrong = json!({"username": ada.name, "password": "not the password", "otp": phone.same()});
    nobody.post("/api/auth/login", wrong).await.refused(401, "credentials.invalid");
    nobody.post("/api/auth/login", login(&ada, phone.same())).await.refused(401, "otp.invalid");
    let signed_in = nobody.post("/api/auth/login", login(&ada, phone.code())).await.expect(200);
    assert_eq!(signed_in["user"]["two_factor"], true);
    nobody.post("/api/token", login(&ada, phone.same())).await.refused(401, "otp.invalid");

    let seen = ada.get("/api/users/me/security").await.expect(200);
    let seen: Vec<_> = seen["items"].as_array().unwrap().iter().map(|e| e["action"].as_str().unwrap()).collect();
    for action in ["two_factor.prepared", "two_factor.enabled", "otp.refused", "session.opened", "session.refused"] {
        assert!(seen.contains(&action), "{action} in {seen:?}");
    }
}

async fn a_lost_phone(world: World) {
    let ada = world.user("ada").await;
    let (_, codes) = protect(&ada).await;
    assert_eq!(codes.len(), 10);
    let nobody = world.nobody();
    nobody.post("/api/auth/login", login(&ada, codes[0].as_str())).await.expect(200);
    nobody.post("/api/auth/login", login(&ada, codes[0].as_str())).await.refused(401, "otp.invalid");
    let pair = nobody.post("/api/token", login(&ada, codes[1].to_uppercase())).await.expect(200);
    assert_eq!(pair.as_object().unwrap().len(), 2);

    let again = |otp: Value| json!({"password": PASSWORD, "otp": otp});
    assert_eq!(ada.post("/api/auth/reauthenticate", again(json!(null))).await.wrong_fields(), ["/otp"]);
    ada.post("/api/auth/reauthenticate", json!({"password": "not the password"})).await.refused(403, "password.wrong");
    ada.post("/api/auth/reauthenticate", again(json!(codes[1]))).await.refused(403, "otp.wrong");
    ada.post("/api/auth/reauthenticate", again(json!(codes[2]))).await.expect(204);

    let fresh = ada.post("/api/auth/2fa/recovery-codes", json!({})).await.expect(200)["recovery_codes"].clone();
    let disable = |password: &str, otp: &Value| json!({"password": password, "otp": otp});
    let path = "/api/auth/2fa/disable";
    ada.post(path, disable(PASSWORD, &json!(codes[3]))).await.refused(403, "otp.wrong");
    ada.post(path, disable("not the password", &fresh[0])).await.refused(403, "password.wrong");
    assert_eq!(ada.post(path, json!({"password": PASSWORD})).await.wrong_fields(), ["/otp"]);
    ada.post(path, disable(PASSWORD, &fresh[0])).await.expect(204);
    ada.post(path, disable(PASSWORD, &fresh[1])).await.refused(409, "two_factor.off");
    nobody.post("/api/auth/login", login(&ada, Value::Null)).await.expect(200);
}

async fn bad_input(world: World) {
    let ada = world.user("ada").await;
    ada.post("/api/auth/2fa/enable", json!({"otp": "123456"})).await.refused(409, "two_factor.off");
    ada.post("/api/auth/2fa/setup", json!({})).await.expect(200);
    let mut wait = 0;
    for otp in ["000000", "000001", "x", "'; DROP TABLE two_factor; --", "１２３４５６", "0".repeat(64).as_str()]
    {
        let answer = ada.post("/api/auth/2fa/enable", json!({"otp": otp})).await;
        wait += usize::from(answer.status == 429);
        assert!(matches!(answer.status, 403 | 429), "{otp}: {}", answer.text);
    }
    assert!(wait > 0, "guesses get slower");
    for otp in [json!(123_456), json!(""), json!(" - "), json!(null), json!(["1"]), json!("0".repeat(65))] {
        let answer = ada.post("/api/auth/2fa/enable", json!({"otp": otp})).await;
        assert_eq!(answer.wrong_fields(), ["/otp"], "{otp}");
    }
    world.nobody().post("/api/auth/2fa/setup", json!({})).await.refused(401, "token.missing");
}
