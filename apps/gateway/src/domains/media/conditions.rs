//! What a call demands of a content before it is sent (RFC 9110 §13).

use std::time::SystemTime;

use actix_web::http::header::{self, HeaderMap, HeaderName, HttpDate};

use crate::etag::elements;

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The content is sent.
    Sent,
    /// The caller has it already (304).
    Known,
    /// It is not the one that the caller wants (412).
    Failed,
}

/// A content, as far as a call can name it.
pub struct Named<'a> {
    /// Strong, with its quotes.
    pub tag: &'a str,
    /// In whole seconds.
    pub modified: SystemTime,
}

impl Named<'_> {
    /// In the order of RFC 9110 §13.2.2; a date counts only without the tags that are more exact.
    pub fn judge(&self, headers: &HeaderMap) -> Verdict {
        let is_wanted = match self.is_among(headers, header::IF_MATCH, |tag| tag) {
            Some(is_wanted) => is_wanted,
            None => date(headers, header::IF_UNMODIFIED_SINCE).is_none_or(|since| self.modified <= since),
        };
        if !is_wanted {
            return Verdict::Failed;
        }
        let is_known = match self.is_among(headers, header::IF_NONE_MATCH, |tag| tag.strip_prefix(b"W/").unwrap_or(tag))
        {
            Some(is_known) => is_known,
            None => date(headers, header::IF_MODIFIED_SINCE).is_some_and(|since| self.modified <= since),
        };
        if is_known { Verdict::Known } else { Verdict::Sent }
    }

    /// Whether `Range` counts (RFC 9110 §13.1.5): what the caller has of it must be of this content.
    pub fn may_be_partial(&self, headers: &HeaderMap) -> bool {
        let Some(value) = headers.get(header::IF_RANGE) else { return true };
        value.as_bytes() == self.tag.as_bytes() || date(headers, header::IF_RANGE) == Some(self.modified)
    }

    /// Whether a list of tags has that of the content, or is `*`; `None` without the header. A tag is compared as `read` has
    /// it.
    fn is_among(&self, headers: &HeaderMap, name: HeaderName, read: fn(&[u8]) -> &[u8]) -> Option<bool> {
        let mut lists = headers.get_all(&name).peekable();
        lists.peek()?;
        let mut tags = lists.flat_map(|list| elements(list.as_bytes()));
        Some(tags.any(|tag| tag == b"*" || read(tag) == self.tag.as_bytes()))
    }
}

/// A date that is none is ignored.
fn date(headers: &HeaderMap, name: HeaderName) -> Option<SystemTime> {
    Some(headers.get(name)?.to_str().ok()?.parse::<HttpDate>().ok()?.into())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use actix_web::http::header::HeaderValue;

    use super::*;

    const TAG: &str = "\"abc\"";
    /// Tue, 14 Nov 2023 22:13:20 GMT.
    const MODIFIED: &str = "Tue, 14 Nov 2023 22:13:20 GMT";
    const EARLIER: &str = "Tue, 15 Nov 1994 08:12:31 GMT";

    fn named() -> Named<'static> {
        Named { tag: TAG, modified: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000) }
    }

    fn headers(lines: &[(HeaderName, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name.clone(), HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn preconditions_compare_what_the_caller_has() {
        use Verdict::*;
        use header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE};
        for (lines, expected) in [
            (&[][..], Sent),
            (&[(IF_NONE_MATCH, TAG)], Known),
            (&[(IF_NONE_MATCH, "W/\"abc\"")], Known),
            (&[(IF_NONE_MATCH, "\"x\", \"abc\"")], Known),
            (&[(IF_NONE_MATCH, "\"x\""), (IF_NONE_MATCH, TAG)], Known),
            (&[(IF_NONE_MATCH, "*")], Known),
            (&[(IF_NONE_MATCH, "\"x\"")], Sent),
            (&[(IF_NONE_MATCH, "abc")], Sent),
            (&[(IF_NONE_MATCH, "\"x,\"abc\"")], Sent),
            (&[(IF_MODIFIED_SINCE, MODIFIED)], Known),
            (&[(IF_MODIFIED_SINCE, EARLIER)], Sent),
            (&[(IF_MODIFIED_SINCE, "soon")], Sent),
            // The date does not count beside a tag.
            (&[(IF_NONE_MATCH, "\"x\""), (IF_MODIFIED_SINCE, MODIFIED)], Sent),
            (&[(IF_MATCH, TAG)], Sent),
            (&[(IF_MATCH, "*")], Sent),
            (&[(IF_MATCH, "\"x\", \"abc\"")], Sent),
            (&[(IF_MATCH, "W/\"abc\"")], Failed),
            (&[(IF_MATCH, "\"x\"")], Failed),
            (&[(IF_MATCH, "")], Failed),
            (&[(IF_UNMODIFIED_SINCE, MODIFIED)], Sent),
            (&[(IF_UNMODIFIED_SINCE, EARLIER)], Failed),
            (&[(IF_UNMODIFIED_SINCE, "soon")], Sent),
            (&[(IF_MATCH, TAG), (IF_UNMODIFIED_SINCE, EARLIER)], Sent),
            // Whoever wants another one does not have this one.
            (&[(IF_MATCH, "\"x\""), (IF_NONE_MATCH, TAG)], Failed),
            (&[(IF_MATCH, TAG), (IF_NONE_MATCH, TAG)], Known),
        ] {
            assert_eq!(named().judge(&headers(lines)), expected, "{lines:?}");
        }
    }

    #[test]
    fn a_range_is_of_the_content_that_the_caller_has() {
        for (value, counts) in [(TAG, true), ("W/\"abc\"", false), ("\"x\"", false), (MODIFIED, true), (EARLIER, false)]
        {
            assert_eq!(named().may_be_partial(&headers(&[(header::IF_RANGE, value)])), counts, "{value}");
        }
        assert!(named().may_be_partial(&HeaderMap::new()));
    }
}
