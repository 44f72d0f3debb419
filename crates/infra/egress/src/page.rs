//! Web pages: fetched within bounds, and read for what they say of themselves. Whatever a page contains, reading it takes
//! time in proportion to its length, and what comes out is short, plain text.

use std::{collections::BTreeMap, time::Duration};

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use html5gum::{HtmlString, Spanned, Token, Tokenizer, emitters::default::DefaultEmitter};
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use url::Url;

use crate::{Answer, Bounds, Call, Egress, Failure};

/// How much of a page is read.
const OCTETS: usize = 512 << 10;
/// How many links with `rel="me"` of a page are looked at.
const MOST_ME: usize = 200;
/// In how many octets at the beginning a page says its charset.
const HEAD: usize = 1024;
const LONGEST_TITLE: usize = 200;
const LONGEST_DESCRIPTION: usize = 500;
const LONGEST_SITE: usize = 100;

/// What a page says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    pub title: Option<String>,
    pub description: Option<String>,
    pub site_name: Option<String>,
    /// Where its links with `rel="me"` lead.
    pub me: Vec<String>,
}

/// Why there is no page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoPage {
    Failed(Failure),
    /// The answer has this status.
    Status(u16),
    /// Something else than HTML.
    Kind,
}

impl NoPage {
    /// Whether there may be a page later.
    pub fn may_pass(self) -> bool {
        match self {
            Self::Failed(failure) => {
                !failure.is_final() && failure != Failure::TooLarge && failure != Failure::Redirects
            }
            Self::Status(status) => status >= 500 || matches!(status, 408 | 425 | 429),
            Self::Kind => false,
        }
    }
}

impl Egress {
    /// Fetches a page. An address with `http` outside the networks where that is allowed is tried with `https`.
    pub async fn page(&self, url: &Url, time: Duration) -> Result<Page, NoPage> {
        let answer = match self.call(asked(url.clone(), time)).await {
            Err(Failure::Forbidden("http")) => {
                let mut safe = url.clone();
                safe.set_scheme("https").map_err(|()| NoPage::Failed(Failure::Url))?;
                self.call(asked(safe, time)).await
            }
            answer => answer,
        };
        let answer = answer.map_err(NoPage::Failed)?;
        if !answer.status.is_success() {
            return Err(NoPage::Status(answer.status.as_u16()));
        }
        if !is_html(&answer) {
            return Err(NoPage::Kind);
        }
        // Half a mebibyte of tags takes longer than other tasks should wait.
        let read = tokio::task::spawn_blocking(move || read(&answer)).await;
        read.map_err(|_| NoPage::Kind)
    }
}

fn asked(url: Url, time: Duration) -> Call {
    let mut call = Call::get(url, Bounds { time, octets: OCTETS, redirects: 5, cut: true });
    call.headers.insert(ACCEPT, HeaderValue::from_static("text/html,application/xhtml+xml"));
    call
}

fn content_type(answer: &Answer) -> &str {
    answer.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn is_html(answer: &Answer) -> bool {
    let kind = content_type(answer).split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("text/html") || kind.eq_ignore_ascii_case("application/xhtml+xml")
}

/// Reads an answer as HTML.
fn read(answer: &Answer) -> Page {
    let text = decoded(&answer.body, content_type(answer));
    let mut emitter = DefaultEmitter::default();
    // Otherwise what a script says would be tags.
    emitter.naively_switch_states(true);
    let mut found = Found::default();
    for token in Tokenizer::new_with_emitter(text.as_str(), emitter) {
        match token {
            Ok(Token::StartTag(tag)) => found.start(&tag.name, &Attributes(&tag.attributes), &answer.url),
            Ok(Token::EndTag(tag)) if tag.name.as_slice() == b"title" => found.in_title = false,
            Ok(Token::String(said)) if found.in_title => found.titled.push_str(&String::from_utf8_lossy(&said)),
            Ok(_) => {}
            Err(never) => match never {},
        }
    }
    found.page()
}

/// The text of a page, by the charset that is sent with it, or stands in it. One without any is UTF-8, or else what browsers
/// take it for.
fn decoded(body: &[u8], content_type: &str) -> String {
    let sent = label(content_type.as_bytes());
    let written = || label(&body[..body.len().min(HEAD)]);
    let charset = sent.or_else(written).unwrap_or_else(|| {
        // What is cut off may end within a character.
        let whole = std::str::from_utf8(body).map_or_else(|error| error.error_len().is_none(), |_| true);
        if whole { UTF_8 } else { WINDOWS_1252 }
    });
    // A byte order mark outdoes both.
    charset.decode(body).0.into_owned()
}

/// The charset after `charset=`.
fn label(text: &[u8]) -> Option<&'static Encoding> {
    const SIGN: &[u8] = b"charset=";
    let at = text.windows(SIGN.len()).position(|part| part.eq_ignore_ascii_case(SIGN))? + SIGN.len();
    let rest = text[at..].iter().skip_while(|octet| matches!(octet, b'"' | b'\''));
    let is_of_it = |octet: &&u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b':' | b'.');
    let label: Vec<u8> = rest.take(40).take_while(is_of_it).copied().collect();
    Encoding::for_label(&label)
}

struct Attributes<'t>(&'t BTreeMap<HtmlString, Spanned<HtmlString, ()>>);

impl Attributes<'_> {
    fn get(&self, name: &[u8]) -> Option<String> {
        let value = self.0.iter().find(|(known, _)| known.as_slice() == name)?.1;
        Some(String::from_utf8_lossy(value.as_slice()).into_owned())
    }
}

/// What was found so far.
#[derive(Default)]
struct Found {
    in_title: bool,
    has_title: bool,
    titled: String,
    /// Of each name in [`NAMES`], what a page says first.
    meta: [Option<String>; NAMES.len()],
    me: Vec<String>,
}

/// The names of `<meta>`, those that say it best first.
const NAMES: [&str; 6] =
    ["og:title", "twitter:title", "og:description", "twitter:description", "description", "og:site_name"];

impl Found {
    fn start(&mut self, name: &[u8], attributes: &Attributes<'_>, at: &Url) {
        match name {
            // Pictures drawn in a page have titles, too; the first is that of the page.
            b"title" if !self.has_title => (self.in_title, self.has_title) = (true, true),
            b"meta" => {
                let name = attributes.get(b"property").or_else(|| attributes.get(b"name")).unwrap_or_default();
                let known = NAMES.iter().position(|known| name.trim().eq_ignore_ascii_case(known));
                if let Some(place) = known.filter(|place| self.meta[*place].is_none()) {
                    self.meta[place] = attributes.get(b"content").filter(|content| !content.trim().is_empty());
                }
            }
            b"a" | b"link" | b"area" if self.me.len() < MOST_ME => {
                let rel = attributes.get(b"rel").unwrap_or_default();
                if rel.split_ascii_whitespace().any(|word| word.eq_ignore_ascii_case("me"))
                    && let Some(to) = attributes.get(b"href").and_then(|href| at.join(href.trim()).ok())
                {
                    self.me.push(to.into());
                }
            }
            _ => {}
        }
    }

    fn page(self) -> Page {
        let [og, twitter, og_about, twitter_about, about, site] = self.meta;
        let title = og.or(twitter).or(Some(self.titled));
        let description = og_about.or(twitter_about).or(about);
        Page {
            title: title.and_then(|text| plain(&text, LONGEST_TITLE)),
            description: description.and_then(|text| plain(&text, LONGEST_DESCRIPTION)),
            site_name: site.and_then(|text| plain(&text, LONGEST_SITE)),
            me: self.me,
        }
    }
}

/// One line of at most so many characters, without those that control or hide something; none if nothing is left.
fn plain(text: &str, most: usize) -> Option<String> {
    let (mut line, mut count) = (String::new(), 0);
    let mut pause = false;
    for c in text.chars() {
        if c.is_whitespace() || c.is_control() {
            pause = count > 0;
            continue;
        }
        if is_hidden(c) {
            continue;
        }
        if count + usize::from(pause) >= most {
            // Room for the sign was kept by counting it as the last character.
            line.truncate(line.char_indices().nth(most - 1).map_or(line.len(), |(at, _)| at));
            line.push('…');
            break;
        }
        if pause {
            line.push(' ');
            count += 1;
            pause = false;
        }
        line.push(c);
        count += 1;
    }
    (!line.is_empty()).then_some(line)
}

/// Characters without a shape of their own, and those that turn the direction of a line.
fn is_hidden(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, StatusCode};

    use super::*;

    fn page_of(kind: &'static str, body: &[u8]) -> Page {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        read(&Answer {
            status: StatusCode::OK,
            headers,
            body: Bytes::copy_from_slice(body),
            is_cut: false,
            url: Url::parse("https://ada.example/garden/").unwrap(),
        })
    }

    fn titles(html: &str) -> (Option<String>, Option<String>, Option<String>) {
        let Page { title, description, site_name, .. } = page_of("text/html", html.as_bytes());
        (title, description, site_name)
    }

    #[test]
    fn what_says_it_best_is_taken() {
        let some = |text: &str| Some(text.to_owned());
        let table = [
            ("", (None, None, None)),
            ("<title> A\n page </title>", (some("A page"), None, None)),
            ("<title>A &amp; B &lt;3</title>", (some("A & B <3"), None, None)),
            ("<TITLE>A</TITLE><svg><title>B</title></svg>", (some("A"), None, None)),
            ("<title>A</title><meta name=twitter:title content=T>", (some("T"), None, None)),
            ("<meta property=og:title content=O><meta name=twitter:title content=T>", (some("O"), None, None)),
            ("<meta property=og:title content=' '><title>A</title>", (some("A"), None, None)),
            (
                "<meta property='OG:Title' content='first'><meta property=og:title content=second>",
                (some("first"), None, None),
            ),
            ("<meta name=description content=D>", (None, some("D"), None)),
            ("<meta name=description content=D><meta property=og:description content=O>", (None, some("O"), None)),
            ("<meta property=og:site_name content=S>", (None, None, some("S"))),
            ("<script>var x = '<title>no</title>';</script><title>yes</title>", (some("yes"), None, None)),
            ("<!-- <title>no</title> --><title>yes</title>", (some("yes"), None, None)),
            ("<style><title>no</title></style>", (None, None, None)),
            ("<title>not closed", (some("not closed"), None, None)),
            ("<title><b>tags</b></title>", (some("<b>tags</b>"), None, None)),
            ("<title>a\u{202e}b\u{200b}c\u{0}d</title>", (some("abc\u{fffd}d"), None, None)),
        ];
        for (html, expected) in table {
            assert_eq!(titles(html), expected, "{html}");
        }
    }

    #[test]
    fn long_texts_are_cut() {
        for (length, expected) in [(199, 199), (200, 200), (201, 200), (100_000, 200)] {
            let title = titles(&format!("<title>{}</title>", "ä".repeat(length))).0.unwrap();
            assert_eq!((title.chars().count(), title.ends_with('…')), (expected, length > 200), "{length}");
        }
        let words = titles(&format!("<title>{}</title>", "ab ".repeat(100))).0.unwrap();
        assert!(words.chars().count() <= 200 && words.ends_with('…'), "{words}");
    }

    #[test]
    fn charsets_are_honoured() {
        let title = |kind, body: &[u8]| page_of(kind, body).title.unwrap_or_default();
        assert_eq!(title("text/html; charset=ISO-8859-1", b"<title>caf\xe9</title>"), "café");
        assert_eq!(title("text/html;charset=\"utf-8\"", "<title>café</title>".as_bytes()), "café");
        assert_eq!(title("text/html", b"<meta charset=windows-1251><title>\xcf\xf0\xe8</title>"), "При");
        let old = b"<meta http-equiv=Content-Type content='text/html; charset=Shift_JIS'><title>\x93\xfa\x96{</title>";
        assert_eq!(title("text/html", old), "日本");
        assert_eq!(title("text/html", b"<title>caf\xe9</title>"), "café");
        assert_eq!(title("text/html", "<title>日本</title>".as_bytes()), "日本");
        assert_eq!(title("text/html; charset=nonsense", "<title>日本</title>".as_bytes()), "日本");
        // A mark at the beginning outdoes what is sent.
        assert_eq!(title("text/html; charset=latin1", "\u{feff}<title>é</title>".as_bytes()), "é");
    }

    #[test]
    fn links_that_say_me() {
        let html = "<link rel='me' href='https://a.example/@ada'><a REL='nofollow ME' href=/profile>me</a>\
                    <a rel=meal href=/no>no</a><a href=/no>no</a><a rel=me>no</a>\
                    <script>'<a rel=me href=/no>'</script><!-- <a rel=me href=/no> -->\
                    <area rel=me href=\" //b.example/x \">";
        assert_eq!(
            page_of("text/html", html.as_bytes()).me,
            ["https://a.example/@ada", "https://ada.example/profile", "https://b.example/x"]
        );
        let many = "<a rel=me href=/x>".repeat(1000);
        assert_eq!(page_of("text/html", many.as_bytes()).me.len(), MOST_ME);
    }

    #[test]
    fn what_is_broken_on_purpose_takes_no_long_time() {
        let parts = [
            "<",
            "<a ",
            "<a href=",
            "<title>",
            "<!--",
            "&",
            "&amp",
            "<a a=b",
            "]]>",
            "<script>",
            "<meta property=og:title ",
        ];
        for part in parts {
            page_of("text/html", part.repeat(OCTETS / part.len()).as_bytes());
        }
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let table = [
            (NoPage::Failed(Failure::Time), true),
            (NoPage::Failed(Failure::Resolve), true),
            (NoPage::Failed(Failure::Forbidden("private")), false),
            (NoPage::Failed(Failure::Redirects), false),
            (NoPage::Status(503), true),
            (NoPage::Status(429), true),
            (NoPage::Status(404), false),
            (NoPage::Kind, false),
        ];
        for (why, expected) in table {
            assert_eq!(why.may_pass(), expected, "{why:?}");
        }
    }
}
