//! The few words of a push that does not say what it is about, in the languages of notifications.

/// What is said at each level of privacy below everything.
#[derive(Debug, PartialEq, Eq)]
pub struct Words {
    /// Somebody has written, asked or done something.
    pub something_new: &'static str,
}

const ENGLISH: Words = Words { something_new: "Something new" };
const GERMAN: Words = Words { something_new: "Es gibt etwas Neues" };

/// The words of a language tag (BCP 47); of one that nobody has translated to, those in English.
pub fn words(language: &str) -> &'static Words {
    match language.split('-').next().unwrap_or_default() {
        tag if tag.eq_ignore_ascii_case("de") => &GERMAN,
        _ => &ENGLISH,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_table() {
        for (tag, expected) in [("en", &ENGLISH), ("de", &GERMAN), ("DE-at", &GERMAN), ("den", &ENGLISH), ("", &ENGLISH)] {
            assert_eq!(words(tag), expected, "{tag}");
        }
    }
}
