//! Private keys as Google and Apple hand them out: PKCS#8 in PEM (RFC 7468).

use data_encoding::BASE64;

/// The octets between the lines that begin and end a private key.
pub fn private_key(text: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once("-----BEGIN PRIVATE KEY-----")?;
    let (body, _) = rest.split_once("-----END PRIVATE KEY-----")?;
    let body: Vec<u8> = body.bytes().filter(|octet| !octet.is_ascii_whitespace()).collect();
    BASE64.decode(&body).ok().filter(|octets| !octets.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_key_table() {
        let key = |body: &str| format!("-----BEGIN PRIVATE KEY-----\r\n{body}\n-----END PRIVATE KEY-----\n");
        for (text, octets) in [
            (key("AAEC\nAwQF"), Some(vec![0, 1, 2, 3, 4, 5])),
            (format!("a comment\n{}", key("AAEC")), Some(vec![0, 1, 2])),
            (key("A*EC"), None),
            (key(""), None),
            ("-----BEGIN PRIVATE KEY-----\nAAEC".into(), None),
            ("-----BEGIN RSA PRIVATE KEY-----\nAAEC\n-----END RSA PRIVATE KEY-----".into(), None),
            (String::new(), None),
        ] {
            assert_eq!(private_key(&text), octets, "{text}");
        }
    }
}
