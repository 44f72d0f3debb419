//! Responses about setting up a second factor.

use serde_json::{Value, json};

pub fn of(name: &str) -> Option<Value> {
    Some(match name {
        "Enrolment" => json!({
            "secret": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
            "otpauth_url": "otpauth://totp/Clowder:ada?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Clowder",
            "qr_svg": "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 45 45\"/>"
        }),
        "RecoveryCodes" => json!({ "recovery_codes": ["k3v9d-2m7qx", "8w4tn-z6hpb"] }),
        _ => return None,
    })
}
