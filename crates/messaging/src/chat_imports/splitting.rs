//! Takes a JSON document apart while it arrives: an object of any size whose member `messages` is an array. Nothing of it is
//! held but the part that is arriving, and that only up to a limit. What is in the parts is read by whoever gets them.

use super::{MOST_OF_MEMBER, MOST_OF_MESSAGE};

/// The member whose items are parts of their own.
const MESSAGES: &str = "messages";
/// The longest name of a member.
const LONGEST_NAME: usize = 256;

/// A part of the document, as it is written there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A member other than the messages.
    Member(String, Vec<u8>),
    /// An item of the messages; `None` if it is too long.
    Message(Option<Vec<u8>>),
}

/// It is not such a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Start,
    /// Before a name, or the end of the object if there may be one.
    Name {
        or_end: bool,
    },
    InName,
    Colon,
    Value,
    InValue,
    AfterValue,
    Item {
        or_end: bool,
    },
    InItem,
    AfterItem,
    End,
}

/// What an octet is to the value that arrives.
enum Inside {
    More,
    /// Its last one.
    End,
    /// What follows it.
    Ended,
}

#[derive(Debug)]
pub struct Splitter {
    at: At,
    name: String,
    /// The octets of the part that is arriving, or of a name.
    part: Vec<u8>,
    too_long: bool,
    /// How many brackets are open in it.
    open: usize,
    in_string: bool,
    escaped: bool,
}

impl Default for Splitter {
    fn default() -> Self {
        let (name, part) = (String::new(), Vec::new());
        Self { at: At::Start, name, part, too_long: false, open: 0, in_string: false, escaped: false }
    }
}

const fn is_space(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\n' | b'\r')
}

impl Splitter {
    /// Takes more of the document, and adds the parts that are whole now.
    pub fn feed(&mut self, octets: &[u8], parts: &mut Vec<Part>) -> Result<(), Broken> {
        octets.iter().try_for_each(|octet| self.take(*octet, parts))
    }

    /// The document has ended; it must be whole.
    pub fn end(self) -> Result<(), Broken> {
        if self.at == At::End { Ok(()) } else { Err(Broken) }
    }

    fn take(&mut self, octet: u8, parts: &mut Vec<Part>) -> Result<(), Broken> {
        match (self.at, octet) {
            (At::InName, _) => self.name(octet),
            (At::InValue | At::InItem, _) => match self.inside(octet) {
                Inside::More => Ok(()),
                Inside::End => self.whole(parts),
                Inside::Ended => {
                    self.whole(parts)?;
                    self.take(octet, parts)
                }
            },
            (_, octet) if is_space(octet) => Ok(()),
            (At::Start, b'{') => self.go(At::Name { or_end: true }),
            (At::Name { .. }, b'"') => self.go(At::InName),
            (At::Name { or_end: true } | At::AfterValue, b'}') => self.go(At::End),
            (At::Colon, b':') => self.go(At::Value),
            (At::Value, b'[') if self.name == MESSAGES => self.go(At::Item { or_end: true }),
            (At::Value, _) if self.name == MESSAGES => Err(Broken),
            (At::Value, _) => self.begin(At::InValue, octet, parts),
            (At::AfterValue, b',') => self.go(At::Name { or_end: false }),
            (At::Item { or_end: true } | At::AfterItem, b']') => self.go(At::AfterValue),
            (At::Item { .. }, _) => self.begin(At::InItem, octet, parts),
            (At::AfterItem, b',') => self.go(At::Item { or_end: false }),
            _ => Err(Broken),
        }
    }

    fn go(&mut self, at: At) -> Result<(), Broken> {
        self.at = at;
        Ok(())
    }

    fn name(&mut self, octet: u8) -> Result<(), Broken> {
        if !self.escaped && octet == b'"' {
            let quoted = [b"\"", self.part.as_slice(), b"\""].concat();
            self.part.clear();
            self.name = serde_json::from_slice(&quoted).map_err(|_| Broken)?;
            return self.go(At::Colon);
        }
        self.escaped = !self.escaped && octet == b'\\';
        self.part.push(octet);
        if self.part.len() > LONGEST_NAME { Err(Broken) } else { Ok(()) }
    }

    /// The first octet of a value.
    fn begin(&mut self, at: At, octet: u8, parts: &mut Vec<Part>) -> Result<(), Broken> {
        if matches!(octet, b',' | b':' | b'}' | b']') {
            return Err(Broken);
        }
        self.at = at;
        (self.too_long, self.open, self.in_string, self.escaped) = (false, 0, false, false);
        self.take(octet, parts)
    }

    /// A value has ended.
    fn whole(&mut self, parts: &mut Vec<Part>) -> Result<(), Broken> {
        let part = std::mem::take(&mut self.part);
        if self.at == At::InItem {
            parts.push(Part::Message((!self.too_long).then_some(part)));
            return self.go(At::AfterItem);
        }
        if self.too_long {
            return Err(Broken);
        }
        parts.push(Part::Member(std::mem::take(&mut self.name), part));
        self.go(At::AfterValue)
    }

    fn inside(&mut self, octet: u8) -> Inside {
        if self.in_string {
            self.keep(octet);
            match octet {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return if self.in_string || self.open > 0 { Inside::More } else { Inside::End };
        }
        // Nothing closes a number or a word.
        if self.open == 0 && !self.part.is_empty() && (is_space(octet) || matches!(octet, b',' | b'}' | b']')) {
            return Inside::Ended;
        }
        self.keep(octet);
        match octet {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.open += 1,
            b'}' | b']' => {
                self.open = self.open.saturating_sub(1);
                if self.open == 0 {
                    return Inside::End;
                }
            }
            _ => {}
        }
        Inside::More
    }

    fn keep(&mut self, octet: u8) {
        let most = if self.at == At::InItem { MOST_OF_MESSAGE } else { MOST_OF_MEMBER };
        if self.part.len() < most {
            self.part.push(octet);
        } else {
            self.too_long = true;
        }
    }
}
