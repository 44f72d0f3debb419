//! What the headers of a part of a form say of it (RFC 7578 §4), and the parameters of such headers.

use percent_encoding::percent_decode_str;

use super::parts::Malformed;

/// How many headers a part can have.
pub const MOST_HEADERS: usize = 16;

/// What a part of a form says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    pub name: String,
    /// What its file is called, as the client says; nothing if it is no file.
    pub file_name: Option<String>,
    /// The type that the client gives to it, as it was sent.
    pub media_type: Option<String>,
}

impl Head {
    /// The lines, each with its line break.
    pub fn parse(lines: &[u8]) -> Result<Self, Malformed> {
        let text = String::from_utf8_lossy(lines);
        let (mut disposition, mut media_type) = (None, None);
        for line in unfolded(&text)? {
            let Some((name, value)) = line.split_once(':').filter(|(name, _)| is_token(name)) else {
                return Malformed::because("A header of a part is not `Name: value`");
            };
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "content-disposition" => disposition = disposition.or(Some(value.to_owned())),
                "content-type" => media_type = media_type.or(Some(value.to_owned())),
                "content-transfer-encoding" => expect_no_encoding(value)?,
                _ => {}
            }
        }
        if let Some(kind) = media_type.as_deref().filter(|kind| is_multipart(kind)) {
            return Malformed::because(format_args!("A part cannot be a form itself ({kind}): name each file `file`"));
        }
        let named = disposition.as_deref().and_then(parameters).filter(|(kind, _)| kind == "form-data");
        let find = |name: &str| {
            let (_, given) = named.as_ref()?;
            given.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
        };
        let Some(name) = find("name") else {
            return Malformed::because("A part has no header `Content-Disposition: form-data; name=\"…\"`");
        };
        // Forms should have the name as it is (RFC 7578 §4.2), but some clients encode it as in a response (RFC 8187).
        let file_name = find("filename*").and_then(extended).or_else(|| find("filename").map(unescaped));
        Ok(Self { name: unescaped(name), file_name, media_type })
    }
}

/// The headers, each on one line; those that go on over several lines begin with a blank there.
fn unfolded(text: &str) -> Result<Vec<String>, Malformed> {
    let mut headers: Vec<String> = Vec::new();
    for line in text.split_terminator("\r\n") {
        if line.chars().any(|c| c.is_ascii_control() && c != '\t') {
            return Malformed::because("A header of a part has a control character");
        }
        match headers.last_mut() {
            Some(last) if line.starts_with([' ', '\t']) => {
                last.push(' ');
                last.push_str(line.trim_start());
            }
            _ => headers.push(line.to_owned()),
        }
        if headers.len() > MOST_HEADERS {
            return Malformed::because(format_args!("A part has more than {MOST_HEADERS} headers"));
        }
    }
    Ok(headers)
}

fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet))
}

/// Encodings of mail do not exist in forms (RFC 7578 §4.7): the file would be its encoding.
fn expect_no_encoding(value: &str) -> Result<(), Malformed> {
    match ["7bit", "8bit", "binary"].iter().any(|plain| value.eq_ignore_ascii_case(plain)) {
        true => Ok(()),
        false => Malformed::because("A part has a `Content-Transfer-Encoding`: send its content as it is"),
    }
}

fn is_multipart(kind: &str) -> bool {
    kind.get(..10).is_some_and(|of| of.eq_ignore_ascii_case("multipart/"))
}

/// The boundary that a `Content-Type` names.
pub fn boundary(content_type: &str) -> Option<String> {
    let (_, given) = parameters(content_type)?;
    given.into_iter().find(|(name, _)| name == "boundary").map(|(_, value)| value)
}

type Parameters = Vec<(String, String)>;

/// What comes before the first semicolon, and the parameters: both names in lower case, and values without their quotation
/// marks. Of those that are repeated, the first counts. `None` if they cannot be read.
fn parameters(value: &str) -> Option<(String, Parameters)> {
    let (kind, mut rest) = value.split_at(value.find(';').unwrap_or(value.len()));
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Some((kind.trim().to_ascii_lowercase(), found));
        }
        rest = rest.strip_prefix(';')?.trim_start();
        if rest.is_empty() || rest.starts_with(';') {
            continue;
        }
        let (name, after) = rest.split_once('=')?;
        let name = Some(name.trim_end()).filter(|name| is_token(name))?;
        let after = after.trim_start();
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => unquoted(quoted)?,
            None => {
                let (value, after) = after.split_at(after.find(';').unwrap_or(after.len()));
                (value.trim_end().to_owned(), after)
            }
        };
        found.push((name.to_ascii_lowercase(), value));
        rest = after;
    }
}

/// A value up to its closing quotation mark, and what follows that. Only quotation marks and backslashes are escaped:
/// browsers send the backslashes of a path as they are.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let (mut value, mut chars) = (String::new(), text.chars());
    while let Some(c) = chars.next() {
        let next = chars.clone().next().filter(|next| c == '\\' && matches!(next, '"' | '\\'));
        match (c, next) {
            ('"', _) => return Some((value, chars.as_str())),
            (_, Some(escaped)) => {
                value.push(escaped);
                chars.next();
            }
            (c, None) => value.push(c),
        }
    }
    None
}

/// A name of which browsers have encoded three characters, and no other (the HTML standard, multipart form data).
fn unescaped(name: &str) -> String {
    name.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n")
}

/// A value with its character set (RFC 8187).
fn extended(value: &str) -> Option<String> {
    let mut pieces = value.splitn(3, '\'');
    let (charset, _, encoded) = (pieces.next()?, pieces.next()?, pieces.next()?);
    let octets: Vec<u8> = percent_decode_str(encoded).collect();
    match charset.to_ascii_lowercase().as_str() {
        "utf-8" => String::from_utf8(octets).ok(),
        "iso-8859-1" => Some(octets.into_iter().map(char::from).collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(lines: &str) -> Result<Head, String> {
        Head::parse(lines.as_bytes()).map_err(|malformed| malformed.0)
    }

    #[test]
    fn a_part_says_what_it_is() {
        for (lines, name, file_name, media_type) in [
            ("Content-Disposition: form-data; name=\"file\"\r\n", "file", None, None),
            ("content-disposition:FORM-DATA;NAME=file;\r\n", "file", None, None),
            ("Content-Disposition: form-data; name=\"\"; filename=\"\"\r\n", "", Some(""), None),
            (
                "X-More: a\r\nContent-Type:  text/plain; charset=x \r\nContent-Disposition: form-data; name=a\r\n",
                "a",
                None,
                Some("text/plain; charset=x"),
            ),
            ("Content-Disposition: form-data;\r\n\tname=\"a\";\r\n  filename=b\r\n", "a", Some("b"), None),
            ("Content-Disposition: form-data; name=\"käse\"\r\n", "käse", None, None),
            ("Content-Disposition: form-data; name=\"a=b;c\"; x=y\r\n", "a=b;c", None, None),
            ("Content-Transfer-Encoding: Binary\r\nContent-Disposition: form-data; name=a\r\n", "a", None, None),
        ] {
            let expected = Head {
                name: name.into(),
                file_name: file_name.map(Into::into),
                media_type: media_type.map(Into::into),
            };
            assert_eq!(parse(lines), Ok(expected), "{lines}");
        }
        let foreign = Head::parse(b"Content-Disposition: form-data; name=\"k\xE4se\"\r\n").unwrap();
        assert_eq!(foreign.name, "k\u{fffd}se", "no UTF-8");
    }

    #[test]
    fn names_of_files_come_in_any_form() {
        for (given, expected) in [
            ("filename=\"käse.txt\"", Some("käse.txt")),
            ("filename=plain.txt ; x=y", Some("plain.txt")),
            ("filename*=utf-8''k%C3%A4se.txt", Some("käse.txt")),
            ("filename*=UTF-8'de'k%C3%A4se%22.txt", Some("käse\".txt")),
            ("filename*=iso-8859-1''k%E4se.txt", Some("käse.txt")),
            ("filename=\"k_se.txt\"; filename*=UTF-8''k%C3%A4se.txt", Some("käse.txt")),
            ("filename*=UTF-8''k%C3%A4se.txt; filename=\"k_se.txt\"", Some("käse.txt")),
            ("filename=\"plain.txt\"; filename*=UTF-8''%FF", Some("plain.txt")),
            ("filename=\"plain.txt\"; filename*=koi8-r''%C1", Some("plain.txt")),
            ("filename=\"plain.txt\"; filename*=plain", Some("plain.txt")),
            // Browsers, and curl.
            ("filename=\"say %22hi%22%0D%0A.txt\"", Some("say \"hi\"\r\n.txt")),
            ("filename=\"100%25 %2F.txt\"", Some("100%25 %2F.txt")),
            ("filename=\"say \\\"hi\\\".txt\"", Some("say \"hi\".txt")),
            ("filename=\"C:\\\\dir\\\\a.txt\"", Some("C:\\dir\\a.txt")),
            ("filename=\"C:\\dir\\a.txt\"", Some("C:\\dir\\a.txt")),
            ("filename=\"a; name=b\"", Some("a; name=b")),
            ("filename=\"first\"; filename=\"second\"", Some("first")),
            ("", None),
        ] {
            let found = parse(&format!("Content-Disposition: form-data; name=\"file\"; {given}\r\n"));
            assert_eq!(
                found.map(|head| (head.name, head.file_name)),
                Ok(("file".into(), expected.map(Into::into))),
                "{given}"
            );
        }
    }

    #[test]
    fn what_is_no_part_is_told() {
        let named = "Content-Disposition: form-data; name=\"a\"\r\n";
        let most = format!("{named}{}", "X-More: x\r\n".repeat(MOST_HEADERS - 1));
        assert!(parse(&most).is_ok());
        for (lines, says) in [
            ("", "no header `Content-Disposition"),
            ("Content-Type: text/plain\r\n", "no header `Content-Disposition"),
            ("Content-Disposition: attachment; name=\"a\"\r\n", "no header `Content-Disposition"),
            ("Content-Disposition: form-data\r\n", "no header `Content-Disposition"),
            ("Content-Disposition: form-data; filename=\"a\"\r\n", "no header `Content-Disposition"),
            ("Content-Disposition: form-data; name=\"a\r\n", "no header `Content-Disposition"),
            ("Content-Disposition: form-data; name=\"a\"b\r\n", "no header `Content-Disposition"),
            ("Content-Disposition: form-data; na me=\"a\"\r\n", "no header `Content-Disposition"),
            ("no header\r\n", "not `Name: value`"),
            (": value\r\n", "not `Name: value`"),
            (" folded: value\r\n", "not `Name: value`"),
            ("Content Disposition: form-data; name=a\r\n", "not `Name: value`"),
            ("Content-Disposition: form-data; name=\"a\0\"\r\n", "control character"),
            ("Content-Disposition: form-data; name=\"a\"\nX: y\r\n", "control character"),
            (&format!("{named}Content-Type: multipart/mixed; boundary=b\r\n"), "cannot be a form"),
            (&format!("{named}Content-Type: Multipart/Form-Data\r\n"), "cannot be a form"),
            (&format!("{named}Content-Transfer-Encoding: base64\r\n"), "as it is"),
            (&format!("{most}X-More: x\r\n"), "more than 16 headers"),
        ] {
            let told = parse(lines).unwrap_err();
            assert!(told.contains(says), "{lines}: {told}");
        }
    }

    #[test]
    fn boundaries_come_with_and_without_quotation_marks() {
        for (kind, expected) in [
            ("multipart/form-data; boundary=----=_Part_1.2", Some("----=_Part_1.2")),
            ("multipart/form-data; charset=utf-8; BOUNDARY=\"a b:c\"", Some("a b:c")),
            ("multipart/form-data;boundary=a;boundary=b", Some("a")),
            ("multipart/form-data; boundary=", Some("")),
            ("multipart/form-data; boundary=\"a", None),
            ("multipart/form-data", None),
            ("", None),
        ] {
            assert_eq!(boundary(kind).as_deref(), expected, "{kind}");
        }
    }
}
