//! The languages of emails.

use clowder_core::Word;

/// English is for everybody whose language there is no wording for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    #[default]
    En,
    De,
}

impl Word for Language {
    const WHAT: &'static str = "language";
    const WORDS: &'static [(&'static str, Self)] = &[("en", Self::En), ("de", Self::De)];
}

impl Language {
    /// The one for a language tag (BCP 47), by its first subtag: `de-AT` is German.
    pub fn of(tag: &str) -> Self {
        let first = tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
        Self::find(&first).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_subtag_decides() {
        for (tag, language) in
            [("de", Language::De), ("de-AT", Language::De), ("DE", Language::De), ("deu", Language::En), ("", Language::En)]
        {
            assert_eq!(Language::of(tag), language, "{tag}");
        }
    }
}
