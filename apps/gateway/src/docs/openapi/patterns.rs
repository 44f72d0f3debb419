//! The patterns of texts, as regular expressions of ECMA-262, which JSON Schema uses.
//!
//! A name has two patterns. `pattern` works in every engine, with or without Unicode mode (no `\p{…}`, no lookahead, no
//! character beyond U+FFFF), so that generated code can use it; it accepts everything that the server accepts, and
//! more. The exact one is `x-unicode-pattern` and needs Unicode mode (flag `u`). As a keyword of JSON Schema it would fail
//! in validators without that mode, and make code generators treat the text as a type of its own.

use serde_json::{Value, json};

/// White space (the property White_Space), except control characters.
const SPACES: &str = "\\u0020\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const CONTROLS: &str = r"\u0000-\u001f\u007f-\u009f\u2028\u2029";
const CONTROLS_BUT_BREAKS: &str = r"\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f";
/// Characters that fonts show nothing for (Default_Ignorable_Code_Point, and interlinear annotation), up to U+FFFF,
/// except joiners and variation selectors, which a name may contain in some places.
const HIDDEN: &str = "\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180e\\u200b\\u200e\\u200f\\u202a-\\u202e\\u2060-\\u206f\\u3164\\ufeff\\uffa0\\ufff0-\\ufffb";
const SHAPING: &str = "\\u180b-\\u180d\\u180f\\u200c\\u200d\\ufe00-\\ufe0f";
/// Invisible, though not ignorable: the blank Braille pattern and noncharacters.
const BLANK: &str = "\\u2800\\ufdd0-\\ufdef\\ufffe\\uffff";

/// The complete set, for Unicode mode.
const INVISIBLE: &str = r"\p{DI}\ufff9-\ufffb";
const SELECTORS: &str = r"[\ufe00-\ufe0f\u{e0100}-\u{e01ef}\u180b-\u180d\u180f]";

fn text(schema: &mut Value, pattern: &str) {
    schema["minLength"] = schema.get("minLength").cloned().unwrap_or(json!(1));
    schema["pattern"] = json!(pattern);
}

/// Sets both patterns.
fn both(schema: &mut Value, portable: &str, exact: &str) {
    text(schema, portable);
    schema["x-unicode-pattern"] = json!(exact);
}

/// One line with something visible, without spaces at either end, and without hidden characters.
pub fn name(schema: &mut Value) {
    let portable = format!("^[^{SPACES}{CONTROLS}{HIDDEN}]([^{CONTROLS}{HIDDEN}]*[^{SPACES}{CONTROLS}{HIDDEN}])?$");
    // Characters that may stand next to a joiner or selector: a letter, a mark or an emoji beyond ASCII.
    let joined = format!(r"[^\u0000-\u009f\p{{White_Space}}{INVISIBLE}]");
    let keycap = "[0-9#*]";
    let seen = format!(r"[^\p{{White_Space}}\p{{Cc}}\p{{Co}}\p{{NChar}}{INVISIBLE}\u2800]");
    let exact = [
        r"^(?!\p{White_Space})(?!.*\p{White_Space}$)",
        &format!("(?=.*{seen})"),
        // Joiners stand between two such characters; the first may have an emoji selector.
        &format!(r"(?:(?:{joined}\ufe0f?|{keycap}\ufe0f)[\u200c\u200d](?={joined})"),
        &format!("|(?:{joined}|{keycap}){SELECTORS}"),
        // Flags of regions: a black flag, tags, and the cancel tag.
        r"|\u{1f3f4}[\u{e0020}-\u{e007f}]*\u{e007f}",
        &format!(r"|[^\p{{Cc}}\u2028\u2029{INVISIBLE}])+$"),
    ];
    both(schema, &portable, &exact.concat());
}

/// The same, or nothing.
pub fn name_or_nothing(schema: &mut Value) {
    name(schema);
    schema["minLength"] = json!(0);
    for member in ["pattern", "x-unicode-pattern"] {
        schema[member] = json!(format!("^$|{}", schema[member].as_str().unwrap_or_default()));
    }
}

pub fn line(schema: &mut Value) {
    text(schema, &format!("^[^{SPACES}{CONTROLS}]([^{CONTROLS}]*[^{SPACES}{CONTROLS}])?$"));
}

/// Text with something visible.
pub fn prose(schema: &mut Value) {
    let controls = CONTROLS_BUT_BREAKS;
    let unseen = format!(r"\u0009\u000a\u000d{controls}{SPACES}{HIDDEN}{SHAPING}{BLANK}");
    let portable = format!("^[^{controls}]*[^{unseen}][^{controls}]*$");
    let seen = format!(r"[^\p{{White_Space}}\p{{Cc}}\p{{NChar}}{INVISIBLE}\u2800]");
    both(schema, &portable, &format!("^[^{controls}]*{seen}[^{controls}]*$"));
}

/// Text that may also be empty.
pub fn note(schema: &mut Value) {
    schema["pattern"] = json!(format!("^[^{CONTROLS_BUT_BREAKS}]*$"));
}

/// Letters and digits of any script, `_`, `.` and `-`.
pub fn username(schema: &mut Value) {
    // Beyond ASCII, which characters are letters depends on Unicode tables. The portable pattern excludes the
    // non-letters below U+0300 and invisible characters.
    let no_letter = format!(
        r"\u007b-\u00a9\u00ab-\u00b4\u00b6\u00b8\u00b9\u00bb-\u00bf\u00d7\u00f7{SPACES}{HIDDEN}{SHAPING}{BLANK}"
    );
    let outer = format!(r"[^\u0000-/:-@\[-\u0060\u00b7{no_letter}]");
    let inner = format!(r"[^\u0000-,/:-@\[-\u005e\u0060{no_letter}]");
    let portable = format!("^{outer}{inner}+{outer}$");
    let exact = r"^(?=[\p{L}\p{Nd}])(?=.*[\p{L}\p{Nd}\p{M}]$)(?!.*\p{DI})(?!.*\p{M}{5})[\p{XIDC}.\-]+$";
    both(schema, &portable, exact);
}

pub fn email(schema: &mut Value) {
    let label = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
    schema["minLength"] = json!(3);
    let atom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]";
    text(schema, &format!(r"^{atom}{{1,32}}(\.{atom}{{1,31}})?@({label}\.)+{label}$"));
}

pub fn password(schema: &mut Value) {
    text(schema, r"^[^\u0000]*$");
}

/// A code of an authenticator, or a recovery code; spaces and dashes are ignored.
pub fn code(schema: &mut Value) {
    text(schema, "[0-9A-Za-z]");
}

pub fn token(schema: &mut Value) {
    text(schema, "^[!-~]+$");
}

pub fn opaque(schema: &mut Value) {
    schema["maxLength"] = json!(clowder_core::input::Opaque::MAX);
    text(schema, "^[!-~]+$");
}

pub fn language(schema: &mut Value) {
    schema["minLength"] = json!(2);
    text(schema, "^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$");
}

/// The address of a web page.
pub fn web_address(schema: &mut Value) {
    text(schema, "^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?([/?#][!-~]*)?$");
}

pub fn zone(schema: &mut Value) {
    text(schema, "^[A-Za-z][A-Za-z0-9_+/-]*$");
}

/// A rule of recurrence (RFC 5545) with the parts that are taken here. Whether the rule makes sense is another question: a
/// text of this form may still be refused.
pub fn repeat(schema: &mut Value) {
    text(schema, "^([Rr][Rr][Uu][Ll][Ee]:)?[A-Za-z]+=[A-Za-z0-9,+-]+(;[A-Za-z]+=[A-Za-z0-9,+-]+)*$");
}

/// No character that no emoji contains, as far as every engine can say so. Which characters are emoji depends on Unicode
/// tables.
pub const EMOJI: &str = r"^[^\u0000-\u0022\u0024-\u0029\u002b-\u002f\u003a-\u00a8\u00aa-\u00ad\u00af-\u200c]+$";
