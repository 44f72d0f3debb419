//! Signs further headers into an address that `object_store` has signed: it signs no `Content-Length`, without which an
//! upload could be of any size.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>

use clowder_core::{Error, Result};
use hmac::{Hmac, KeyInit, Mac};
use object_store::aws::AwsCredential;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

/// All but letters, digits and these four is encoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The same address for a request that must also have these headers, whose names are lowercase.
pub fn sign(method: &str, url: &str, headers: &[(&str, &str)], credential: &AwsCredential) -> Result<String> {
    let broken = || Error::internal("an address was signed in another way");
    let (place, query) = url.split_once('?').ok_or_else(broken)?;
    let (_, place_of_host) = place.split_once("://").ok_or_else(broken)?;
    let (host, path) = place_of_host.split_at(place_of_host.find('/').ok_or_else(broken)?);

    let mut headers: Vec<_> = headers.iter().copied().chain([("host", host)]).collect();
    headers.sort_unstable();
    let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();

    let (mut date, mut scope, mut pairs) = (String::new(), String::new(), Vec::new());
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let value = match &*name {
            "X-Amz-Signature" => continue,
            "X-Amz-SignedHeaders" => names.clone(),
            _ => value.into_owned(),
        };
        match &*name {
            "X-Amz-Date" => date.clone_from(&value),
            // The id of the key, and then the scope.
            "X-Amz-Credential" => scope = value.split_once('/').ok_or_else(broken)?.1.to_owned(),
            _ => {}
        }
        pairs.push(format!("{}={}", utf8_percent_encode(&name, ENCODED), utf8_percent_encode(&value, ENCODED)));
    }
    pairs.sort_unstable();
    let query = pairs.join("&");

    let request = format!("{method}\n{path}\n{query}\n{lines}\n{names}\nUNSIGNED-PAYLOAD");
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex(&Sha256::digest(request)));
    let secret = format!("AWS4{}", credential.secret_key).into_bytes();
    // The date, the region, the service and a fixed word.
    let key = scope.split('/').try_fold(secret, |key, part| mac(&key, part))?;
    Ok(format!("{place}?{query}&X-Amz-Signature={}", hex(&mac(&key, &text)?)))
}

fn mac(key: &[u8], text: &str) -> Result<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|error| Error::internal(format!("HMAC: {error}")))?;
    mac.update(text.as_bytes());
    Ok(mac.finalize().into_bytes().to_vec())
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
