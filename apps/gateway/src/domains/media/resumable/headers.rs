//! The headers of tus: what requests say, and what answers say.

use std::time::{Duration, SystemTime};

use actix_web::{
    HttpMessage, HttpRequest,
    http::header::{self, HeaderName, HeaderValue, HttpDate},
};
use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use clowder_core::{Error, Timestamp, Word, text::Flaw};
use clowder_media::{NewFile, NewResumable, Purpose, Resumable, policy::may_have, purpose::MOST_OCTETS};

use super::checksum::Checksum;
use crate::{
    front::other_type,
    problem::{Answer, Problem},
    refusals,
    routes::AskedHeader,
};

pub use crate::front::{TUS_RESUMABLE as RESUMABLE, TUS_VERSION as VERSION};

/// What the server can do beyond the core of the protocol.
pub const OFFERED: &str = "creation,creation-with-upload,expiration,termination,checksum";

pub const VERSIONS: HeaderName = HeaderName::from_static("tus-version");
pub const EXTENSIONS: HeaderName = HeaderName::from_static("tus-extension");
pub const CHECKSUMS: HeaderName = HeaderName::from_static("tus-checksum-algorithm");
pub const MAX_SIZE: HeaderName = HeaderName::from_static("tus-max-size");
pub const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
pub const LENGTH: HeaderName = HeaderName::from_static("upload-length");
pub const METADATA: HeaderName = HeaderName::from_static("upload-metadata");
pub const EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
pub const FILE_ID: HeaderName = HeaderName::from_static("clowder-file-id");
const DEFERRED: HeaderName = HeaderName::from_static("upload-defer-length");
const CONCAT: HeaderName = HeaderName::from_static("upload-concat");
const CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");

/// The type of the body that is a part of an upload.
pub const OCTETS: &str = "application/offset+octet-stream";

/// The longest metadata, in octets.
const LONGEST: usize = 4 << 10;

/// Some clients omit the padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

const ASKED_VERSION: AskedHeader = AskedHeader {
    name: "Tus-Resumable",
    says: "The version of the protocol: `1.0.0`. Any other is 412 `tus.version`",
    pattern: r"^1\.0\.0$",
    most: 5,
    required: true,
    example: "1.0.0",
};
const ASKED_CHECKSUM: AskedHeader = AskedHeader {
    name: "Upload-Checksum",
    says: "An algorithm (`sha1`, `sha256`) and the checksum of this body in base64. If it does not match, nothing of the body is kept (460 `checksum.mismatch`)",
    pattern: "^sha(1 [A-Za-z0-9+/]{27}=|256 [A-Za-z0-9+/]{43}=)$",
    most: 51,
    required: false,
    example: "sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0=",
};

pub const ASKED_TO_END: &[AskedHeader] = &[ASKED_VERSION];
pub const ASKED_TO_APPEND: &[AskedHeader] = &[
    ASKED_VERSION,
    AskedHeader {
        name: "Upload-Offset",
        says: "How many octets have arrived before",
        pattern: "^(0|[1-9][0-9]{0,8})$",
        most: 9,
        required: true,
        example: "0",
    },
    ASKED_CHECKSUM,
];
pub const ASKED_TO_CREATE: &[AskedHeader] = &[
    ASKED_VERSION,
    AskedHeader {
        name: "Upload-Length",
        says: "How many octets the file has",
        pattern: "^[1-9][0-9]{0,8}$",
        most: 9,
        required: true,
        example: "48213",
    },
    AskedHeader {
        name: "Upload-Metadata",
        says: "Keys, each with its value in base64, separated by commas: `filename`, `filetype`, `purpose`. Other keys are ignored",
        pattern: "^([a-z_]+( ([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)?(,[a-z_]+( ([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)?)*)?$",
        most: LONGEST,
        required: false,
        example: "filename YmVhY2guanBn,purpose YXR0YWNobWVudA==",
    },
    ASKED_CHECKSUM,
];

/// In answers about one upload.
pub const SHOWN_OF_AN_UPLOAD: &[&str] =
    &["Tus-Resumable", "Upload-Offset", "Upload-Length", "Upload-Metadata", "Upload-Expires", "Clowder-File-Id"];
/// In answers to its beginning.
pub const SHOWN_OF_A_NEW_UPLOAD: &[&str] =
    &["Tus-Resumable", "Location", "Upload-Offset", "Upload-Expires", "Clowder-File-Id"];
/// In answers to a part of it.
pub const SHOWN_OF_A_PART: &[&str] = &["Tus-Resumable", "Upload-Offset", "Upload-Expires", "Clowder-File-Id"];
/// In answers about what the server can do.
pub const SHOWN_OF_ALL: &[&str] =
    &["Tus-Resumable", "Tus-Version", "Tus-Extension", "Tus-Checksum-Algorithm", "Tus-Max-Size"];

fn text<'r>(request: &'r HttpRequest, name: &HeaderName) -> Option<&'r str> {
    Some(request.headers().get(name)?.to_str().unwrap_or_default().trim())
}

fn wrong(name: &str, code: &'static str, says: impl Into<String>) -> Problem {
    Error::Invalid(vec![Flaw::new(code, says).at(name)]).into()
}

pub fn expect_version(request: &HttpRequest) -> Answer<()> {
    match text(request, &RESUMABLE) {
        Some(VERSION) => Ok(()),
        _ => Err(Problem::new(refusals::TUS_VERSION).header(VERSIONS, HeaderValue::from_static(VERSION))),
    }
}

pub fn expect_octets(request: &HttpRequest) -> Answer<()> {
    match request.content_type().eq_ignore_ascii_case(OCTETS) {
        true => Ok(()),
        false => Err(other_type(request, OCTETS)),
    }
}

/// How long the body is, if it says so.
pub fn announced(request: &HttpRequest) -> Option<u64> {
    text(request, &header::CONTENT_LENGTH)?.parse().ok()
}

pub fn has_body(request: &HttpRequest) -> bool {
    announced(request).is_some_and(|length| length > 0) || request.headers().contains_key(header::TRANSFER_ENCODING)
}

pub fn offset(request: &HttpRequest) -> Answer<u64> {
    number(request, &OFFSET, "Upload-Offset")
}

fn number(request: &HttpRequest, name: &HeaderName, shown: &'static str) -> Answer<u64> {
    let Some(text) = text(request, name) else { return Err(wrong(shown, "required", "the header is missing")) };
    // `parse` would also take a sign.
    let digits = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    let number = digits.then(|| text.parse().ok()).flatten();
    number.ok_or_else(|| wrong(shown, "range", "the header must be a whole number that is not negative"))
}

/// `None` if the body has no checksum.
pub fn checksum(request: &HttpRequest) -> Answer<Option<Checksum>> {
    let Some(text) = text(request, &CHECKSUM) else { return Ok(None) };
    let (name, sum) = text.split_once(' ').unwrap_or((text, ""));
    let sum = BASE64.decode(sum.trim());
    let sum = sum.map_err(|_| wrong("Upload-Checksum", "characters", "the header must have a checksum in base64"))?;
    match Checksum::new(name, sum) {
        Some(checksum) => Ok(Some(checksum)),
        None => Err(refusals::CHECKSUM_UNSUPPORTED.into()),
    }
}

pub fn new_upload(request: &HttpRequest) -> Answer<NewResumable> {
    // An upload that a client takes for a part of another one would stay a file of its own.
    if request.headers().contains_key(CONCAT) {
        let problem =
            wrong("Upload-Concat", "unwanted", "this server does not put uploads together: see `Tus-Extension`");
        return Err(problem.header(EXTENSIONS, HeaderValue::from_static(OFFERED)));
    }
    if request.headers().contains_key(DEFERRED) {
        return Err(wrong("Upload-Defer-Length", "unwanted", "the length must be known at the beginning"));
    }
    let length = number(request, &LENGTH, "Upload-Length")?;
    if length == 0 {
        return Err(wrong("Upload-Length", "range", "the header must be at least 1: files are not empty"));
    }
    let file = file(text(request, &METADATA).unwrap_or_default())?;
    if length > MOST_OCTETS {
        may_have(file.purpose, length)?;
    }
    Ok(NewResumable { file, length })
}

/// What the metadata says of the file. Keys that nobody knows are ignored; of those that are repeated, the first counts.
fn file(metadata: &str) -> Answer<NewFile> {
    const NAME: &str = "Upload-Metadata";
    if metadata.len() > LONGEST {
        return Err(wrong(NAME, "too_long", format!("the header must have at most {LONGEST} characters")));
    }
    let (mut name, mut named, mut purpose) = (None, None, None);
    for pair in metadata.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
        let value = BASE64.decode(value.trim());
        let value = value.map_err(|_| wrong(NAME, "characters", "the values of the header must be in base64"))?;
        let value = String::from_utf8_lossy(&value).into_owned();
        match key {
            "filename" => name = name.or(Some(value)),
            "filetype" => named = named.or(Some(value)),
            "purpose" => purpose = purpose.or(Some(value)),
            _ => {}
        }
    }
    let purpose = match purpose {
        None => Purpose::default(),
        Some(word) => Purpose::find(&word).ok_or_else(|| {
            let words: Vec<_> = Purpose::WORDS.iter().map(|(word, _)| *word).collect();
            wrong(NAME, "choice", format!("`purpose` must be one of: {}", words.join(", ")))
        })?,
    };
    Ok(NewFile { name: name.unwrap_or_default(), named, purpose })
}

/// What an answer says of the file.
pub fn metadata_of(upload: &Resumable) -> String {
    let pair = |key: &str, value: &str| format!("{key} {}", BASE64.encode(value));
    let mut pairs = vec![pair("filename", &upload.name), pair("purpose", upload.purpose.as_str())];
    pairs.extend(upload.filetype.as_deref().map(|kind| pair("filetype", kind)));
    pairs.join(",")
}

/// A time as in other headers (RFC 9110 §5.6.7).
pub fn date(at: Timestamp) -> String {
    let seconds = u64::try_from(at.as_seconds()).unwrap_or(0);
    HttpDate::from(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).to_string()
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn request(headers: &[(&str, &str)]) -> HttpRequest {
        let request = TestRequest::post();
        headers.iter().fold(request, |request, (name, value)| request.insert_header((*name, *value))).to_http_request()
    }

    fn problem<T>(answer: Answer<T>) -> (u16, String) {
        let Err(problem) = answer else { return (200, String::new()) };
        let first = problem.errors.first().map(|error| format!("{} {}", error.pointer, error.code));
        (problem.status.as_u16(), first.unwrap_or_else(|| problem.code.to_owned()))
    }

    #[test]
    fn an_upload_says_what_it_will_be() {
        let text = |value: &str| BASE64.encode(value);
        let metadata = format!(
            "filename {}, filetype {},purpose {},is_confidential",
            text("käse.png"),
            text("image/png"),
            text("avatar")
        );
        let new = new_upload(&request(&[("upload-length", "5"), ("upload-metadata", metadata.as_str())])).unwrap();
        assert_eq!((new.length, new.file.name.as_str(), new.file.purpose), (5, "käse.png", Purpose::Avatar));
        assert_eq!(new.file.named.as_deref(), Some("image/png"));
        let plain = new_upload(&request(&[("upload-length", "209715200")])).unwrap();
        assert_eq!((plain.file.name.as_str(), plain.file.purpose), ("", Purpose::Attachment));
        let of_fun = format!("purpose {}", text("fun"));
        let long = format!("filename {}", "a".repeat(LONGEST));
        for (headers, expected) in [
            (vec![], (422, "Upload-Length required")),
            (vec![("upload-length", "0")], (422, "Upload-Length range")),
            (vec![("upload-length", "-1")], (422, "Upload-Length range")),
            (vec![("upload-length", "+1")], (422, "Upload-Length range")),
            (vec![("upload-length", "1.5")], (422, "Upload-Length range")),
            (vec![("upload-length", "")], (422, "Upload-Length range")),
            (vec![("upload-length", "99999999999999999999999")], (422, "Upload-Length range")),
            (vec![("upload-length", "209715201")], (413, "file.too_large")),
            (vec![("upload-concat", "partial"), ("upload-length", "1")], (422, "Upload-Concat unwanted")),
            (vec![("upload-concat", "final;/api/files/resumable/1")], (422, "Upload-Concat unwanted")),
            (vec![("upload-defer-length", "1")], (422, "Upload-Defer-Length unwanted")),
            (vec![("upload-length", "1"), ("upload-metadata", "filename ?")], (422, "Upload-Metadata characters")),
            (vec![("upload-length", "1"), ("upload-metadata", of_fun.as_str())], (422, "Upload-Metadata choice")),
            (vec![("upload-length", "1"), ("upload-metadata", long.as_str())], (422, "Upload-Metadata too_long")),
        ] {
            let (status, what) = problem(new_upload(&request(&headers)));
            assert_eq!((status, what.as_str()), expected, "{headers:?}");
        }
    }

    #[test]
    fn a_part_says_where_it_begins_and_what_it_sums_up_to() {
        for (headers, expected) in [
            (vec![], (422, "Upload-Offset required")),
            (vec![("upload-offset", "-1")], (422, "Upload-Offset range")),
            (vec![("upload-offset", "x")], (422, "Upload-Offset range")),
        ] {
            let (status, what) = problem(offset(&request(&headers)));
            assert_eq!((status, what.as_str()), expected, "{headers:?}");
        }
        assert_eq!(offset(&request(&[("upload-offset", "17")])).ok(), Some(17));
        for (sum, expected) in [
            ("sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0=", (200, "")),
            ("sha1 ?", (422, "Upload-Checksum characters")),
            ("crc32 AAAA", (400, "checksum.unsupported")),
            ("", (400, "checksum.unsupported")),
        ] {
            let (status, what) = problem(checksum(&request(&[("upload-checksum", sum)])));
            assert_eq!((status, what.as_str()), expected, "{sum}");
        }
        for (version, expected) in [("1.0.0", 200), ("0.2.2", 412), ("", 412)] {
            assert_eq!(problem(expect_version(&request(&[("tus-resumable", version)]))).0, expected, "{version}");
        }
        assert_eq!(problem(expect_version(&request(&[]))).0, 412);
    }

    #[test]
    fn examples_are_as_long_as_they_can_be() {
        for asked in [ASKED_TO_CREATE, ASKED_TO_APPEND, ASKED_TO_END].concat() {
            assert!(asked.example.len() <= asked.most, "{}", asked.name);
        }
    }
}
