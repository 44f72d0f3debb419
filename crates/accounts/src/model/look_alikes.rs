//! Names that could be mistaken for a username: the skeletons of Unicode UTS 39, ignoring case.

use std::collections::BTreeSet;

use icu_properties::{CodePointSetData, props::SoftDotted};
use unicode_normalization::{UnicodeNormalization, char::canonical_combining_class};

/// Increase it whenever [`skeletons_of`] returns something else than before, so that names claimed by an older rule are
/// claimed again.
pub const LOOK_VERSION: i32 = 2;

/// The skeleton of Unicode UTS 39 §4 over the case-folded compatibility form, so that `Ada`, `ada` and `аdа` with
/// Cyrillic letters are one name.
pub fn key_of(username: &str) -> String {
    lower(&unicode_security::skeleton(&plain_of(username)).collect::<String>())
}

/// The name without case and compatibility forms: look-alikes are other names.
pub fn plain_of(username: &str) -> String {
    username.nfkc().flat_map(char::to_lowercase).collect()
}

/// The key, and the look of the name as it is written, in small letters and in capitals: at most four. Letters that
/// look alike in one case may look different in the other, such as Cyrillic Н and н, so each case counts.
pub fn skeletons_of(username: &str) -> BTreeSet<String> {
    let written = undotted(username);
    let upper: String = written.chars().flat_map(char::to_uppercase).collect();
    BTreeSet::from([
        key_of(username),
        look(&written.replace(RHO_SYMBOL, "r")),
        look(&undotted(&lower(&written))),
        look(&upper),
    ])
}

/// UTS 39 maps ϱ to p, which the other cases claim. People who know the letter read an r.
const RHO_SYMBOL: char = '\u{3f1}';
const DOT_ABOVE: char = '\u{307}';
/// After this many rounds nothing changes any more; usually it takes two.
const ROUNDS: usize = 8;

/// What a text looks like. The skeleton comes before the compatibility form, which would turn ϲ into a sigma and ſ into
/// an s. Both are repeated, because the small letter of a look-alike capital may itself look like another letter. A
/// capital I looks like a small l, so i and l become one, together with 1 and |; so do o and 0.
fn look(text: &str) -> String {
    let mut text = text.to_owned();
    for _ in 0..ROUNDS {
        let compatible: String = unicode_security::skeleton(&text).nfkc().collect();
        let next = undotted(&lower(&compatible));
        if next == text {
            break;
        }
        text = next;
    }
    text.replace('i', "l")
}

fn lower(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// The decomposed text without extra dots above letters that already have one (i, j and similar): they are invisible.
fn undotted(text: &str) -> String {
    let mut has_dot = false;
    let visible = text.nfd().filter(|&c| {
        if c == DOT_ABOVE && has_dot {
            return false;
        }
        match canonical_combining_class(c) {
            0 => has_dot = CodePointSetData::new::<SoftDotted>().contains(c),
            // Another mark replaces the dot.
            230 => has_dot = false,
            _ => {}
        }
        true
    });
    visible.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_alikes_share_a_key() {
        let latin = key_of("paypal");
        for other in ["PayPal", "раураl", "paypa1", "ｐａｙｐａｌ"] {
            assert_eq!(key_of(other), latin, "{other}");
        }
        assert_ne!(key_of("paypals"), latin);
    }

    #[test]
    fn a_name_has_few_claims() {
        for name in ["alice", "Ada", "ϱϲϰſi\u{307}", "İSTAN", "x".repeat(30).as_str(), "ﬃﬃﬃ", "ŉŉŉ"] {
            assert!(skeletons_of(name).len() <= 4, "{name}: {:?}", skeletons_of(name));
            assert!(skeletons_of(name).contains(&key_of(name)), "what one signs in with is claimed");
        }
    }

    /// In any case: letters that look alike as capitals may look different as small letters.
    #[test]
    fn names_that_look_alike_share_a_skeleton() {
        let alike = |one: &str, other: &str| !skeletons_of(one).is_disjoint(&skeletons_of(other));
        for (one, other) in [
            ("alice", "aIice"),
            ("Alice", "AIice"),
            ("alice", "a1ice"),
            ("HELEN", "НELEN"),
            ("helen", "НELEN"),
            ("Helen", "НЕLЕN"),
            ("Bob", "Вob"),
            ("bob", "ВOB"),
            ("Tom", "Τom"),
            ("tom", "ΤOM"),
            ("TOM", "ΤΟΜ"),
            ("paypal", "раураl"),
            ("ada", "ADA"),
            ("chris", "Сhris"),
            ("b0b", "BOB"),
            ("alice", "ALlCE"),
            ("Alice", "ALlCE"),
            ("ALICE", "ALlCE"),
            ("bill", "BlLL"),
            ("idris", "lDRlS"),
            ("nelli", "NELLl"),
            ("kim", "КlM"),
            ("KIM", "КlM"),
            ("idris7", "ldris7"),
            ("vivi", "νivl"),
            ("clow", "ϲlow"),
            ("Clow", "Ϲlow"),
            ("CLOW", "ϹLOW"),
            ("clow", "ϹLOW"),
            ("office", "oſſice"),
            ("OFFICE", "oſſice"),
            ("fast", "ſast"),
            ("rho", "ϱho"),
            ("pho", "ϱho"),
            ("kap", "ϰap"),
            ("bob", "ϐob"),
            ("istan", "i\u{307}stan"),
            ("Istan", "i\u{307}stan"),
            ("istan", "İSTAN"),
            ("istan", "ISTAN"),
            ("istan", "ıstan"),
            ("jon", "j\u{307}on"),
            ("paypal", "ｐаｙｐаl"),
            ("Helen", "Нｅlｅn"),
            ("help", "ʰelp"),
            ("हिन्दी", "हिन्दी"),
        ] {
            assert!(
                alike(one, other) && alike(other, one),
                "{one} {other}: {:?} {:?}",
                skeletons_of(one),
                skeletons_of(other)
            );
        }
        for (one, other) in [
            ("alice", "alicia"),
            ("Helen", "Heleen"),
            ("Вова", "Bob"),
            ("तमिल", "हिन्दी"),
            ("tom", "том1"),
            ("vova", "nona"),
            ("jan", "ĵan"),
        ] {
            assert!(!alike(one, other), "{one} {other}");
        }
    }
}
