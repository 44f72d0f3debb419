//! Takes a form apart (multipart/form-data: RFC 7578, RFC 2046 §5.1) while it arrives. It reads nothing itself: whoever has
//! the body feeds it, in pieces of any size. It keeps the last piece and what may be the beginning of a boundary, and of the
//! headers of a part as much as they can have.

use std::{fmt, ops::RangeInclusive};

use bytes::{Buf, Bytes};
use memchr::{memmem, memmem::Finder, memrchr};

use super::head::Head;

/// How many parts a form can have.
pub const MOST_PARTS: usize = 16;
/// How long the headers of a part can be together, in octets.
pub const LONGEST_HEAD: usize = 8 << 10;
/// How much there can be beside the parts, in octets: before the first boundary, after the last one, and on their lines.
pub const MOST_BESIDE: usize = 16 << 10;
/// How long what stands between the parts can be (RFC 2046 §5.1.1).
pub const BOUNDARY: RangeInclusive<usize> = 1..=70;

/// Why something is no form: a sentence without its full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed(pub String);

impl Malformed {
    pub fn because<T>(why: impl fmt::Display) -> Result<T, Self> {
        Err(Self(why.to_string()))
    }
}

/// What comes next in a form.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// A part begins.
    Part(Head),
    /// More of its content; never nothing.
    Content(Bytes),
    /// Its end.
    PartEnds,
    /// The last boundary. Whatever is still fed comes after the form, and only its length is looked at.
    End,
}

/// A form that arrives.
pub struct Parts {
    /// What has arrived and was not given yet.
    buffer: Bytes,
    /// Finds what ends a part: a line break, two hyphens and the boundary.
    delimiter: Finder<'static>,
    state: State,
    parts: usize,
    beside: usize,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Before the first boundary.
    Before,
    /// After a boundary, on its line.
    Line {
        is_padded: bool,
    },
    /// In the headers of a part, of which so much does not have their end.
    Head {
        searched: usize,
    },
    /// After the headers of a part: if it is empty, the line break after them can be that before the boundary.
    Opening,
    Content,
    PartEnded,
    /// After the last boundary.
    After,
}

impl Parts {
    pub fn new(boundary: &str) -> Result<Self, Malformed> {
        let is_printable = boundary.bytes().all(|octet| octet == b' ' || octet.is_ascii_graphic());
        if !BOUNDARY.contains(&boundary.len()) || !is_printable || boundary.ends_with(' ') {
            let (least, most) = BOUNDARY.into_inner();
            return Malformed::because(format_args!(
                "`Content-Type` must name a boundary of {least} to {most} characters (RFC 2046 §5.1.1)"
            ));
        }
        let delimiter = Finder::new(format!("\r\n--{boundary}").as_bytes()).into_owned();
        // The first boundary needs no line break before it.
        Ok(Self { buffer: Bytes::from_static(b"\r\n"), delimiter, state: State::Before, parts: 0, beside: 0 })
    }

    /// Takes what has arrived. It is copied only if something before it could not be given yet.
    pub fn feed(&mut self, octets: Bytes) {
        self.buffer = match self.buffer.is_empty() {
            true => octets,
            false => [self.buffer.as_ref(), &octets].concat().into(),
        };
    }

    /// What comes next; `None` if that has not arrived yet. After an error, nothing does.
    pub fn step(&mut self) -> Result<Option<Step>, Malformed> {
        loop {
            match self.state {
                State::Before => {
                    let (passed, has_ended) = self.until_delimiter();
                    self.pass(passed.len())?;
                    if !has_ended {
                        return Ok(None);
                    }
                    self.state = State::Line { is_padded: false };
                }
                State::Line { is_padded } => match self.line(is_padded)? {
                    Some(State::After) => {
                        self.state = State::After;
                        return Ok(Some(Step::End));
                    }
                    Some(next) => self.state = next,
                    None => return Ok(None),
                },
                State::Head { searched } => return self.head(searched),
                State::Opening => {
                    let opening = self.delimiter.needle().get(2..).unwrap_or_default();
                    if self.buffer.starts_with(opening) {
                        self.buffer.advance(opening.len());
                        self.state = State::PartEnded;
                    } else if opening.starts_with(&self.buffer) {
                        return Ok(None);
                    } else {
                        self.state = State::Content;
                    }
                }
                State::Content => {
                    let (content, has_ended) = self.until_delimiter();
                    if has_ended {
                        self.state = State::PartEnded;
                    }
                    if !content.is_empty() {
                        return Ok(Some(Step::Content(content)));
                    }
                    if !has_ended {
                        return Ok(None);
                    }
                }
                State::PartEnded => {
                    self.state = State::Line { is_padded: false };
                    return Ok(Some(Step::PartEnds));
                }
                State::After => {
                    let passed = self.buffer.len();
                    self.buffer.clear();
                    self.pass(passed)?;
                    return Ok(None);
                }
            }
        }
    }

    /// What has arrived before the next delimiter, and whether that has arrived too: then it is passed over.
    fn until_delimiter(&mut self) -> (Bytes, bool) {
        let length = self.delimiter.needle().len();
        if let Some(at) = self.delimiter.find(&self.buffer) {
            let before = self.buffer.split_to(at);
            self.buffer.advance(length);
            return (before, true);
        }
        // A delimiter has a single carriage return, at its beginning.
        let tail = self.buffer.len().saturating_sub(length - 1);
        let last = memrchr(b'\r', self.buffer.get(tail..).unwrap_or_default()).map(|at| tail + at);
        let begun = last.filter(|at| self.delimiter.needle().starts_with(self.buffer.get(*at..).unwrap_or_default()));
        (self.buffer.split_to(begun.unwrap_or(self.buffer.len())), false)
    }

    /// What follows the line of a boundary: the headers of a part, or nothing.
    fn line(&mut self, is_padded: bool) -> Result<Option<State>, Malformed> {
        let padding = self.buffer.iter().take_while(|octet| matches!(octet, b' ' | b'\t')).count();
        self.buffer.advance(padding);
        self.pass(padding)?;
        let is_padded = is_padded || padding > 0;
        self.state = State::Line { is_padded };
        if self.buffer.starts_with(b"\r\n") {
            self.buffer.advance(2);
            self.parts += 1;
            return match self.parts {
                ..=MOST_PARTS => Ok(Some(State::Head { searched: 0 })),
                _ => Malformed::because(format_args!("The form has more than {MOST_PARTS} parts")),
            };
        }
        if !is_padded && self.buffer.starts_with(b"--") {
            self.buffer.advance(2);
            return Ok(Some(State::After));
        }
        let could_be = |end: &[u8]| end.starts_with(&self.buffer);
        if could_be(b"\r\n") || (!is_padded && could_be(b"--")) {
            return Ok(None);
        }
        Malformed::because("A boundary must be followed by a line break (CRLF), or by two hyphens after the last part")
    }

    /// The headers of a part. They end with an empty line, which may be the first.
    fn head(&mut self, searched: usize) -> Result<Option<Step>, Malformed> {
        let end = match self.buffer.starts_with(b"\r\n") {
            true => Some(0),
            false => {
                memmem::find(self.buffer.get(searched..).unwrap_or_default(), b"\r\n\r\n").map(|at| searched + at + 2)
            }
        };
        match end {
            Some(end @ ..=LONGEST_HEAD) => {
                let lines = self.buffer.split_to(end);
                self.buffer.advance(2);
                self.state = State::Opening;
                Ok(Some(Step::Part(Head::parse(&lines)?)))
            }
            // The empty line may have begun.
            None if self.buffer.len() <= LONGEST_HEAD + 3 => {
                self.state = State::Head { searched: self.buffer.len().saturating_sub(3) };
                Ok(None)
            }
            _ => Malformed::because(format_args!("The headers of a part have more than {} KiB", LONGEST_HEAD >> 10)),
        }
    }

    fn pass(&mut self, octets: usize) -> Result<(), Malformed> {
        self.beside += octets;
        match self.beside {
            ..=MOST_BESIDE => Ok(()),
            _ => Malformed::because(format_args!("There are more than {} KiB beside the parts", MOST_BESIDE >> 10)),
        }
    }
}

#[cfg(test)]
mod tests;
