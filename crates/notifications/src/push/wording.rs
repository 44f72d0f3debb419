//! The few words of a push that does not say what it is about, in the languages of notifications.

use crate::wording::Language;

/// Somebody has written, asked or done something.
pub const fn something_new(language: Language) -> &'static str {
    match language {
        Language::En => "Something new",
        Language::De => "Es gibt etwas Neues",
    }
}
