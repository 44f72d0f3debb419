//! What texts must be made of, as regular expressions of ECMA-262, which is what JSON Schema has.
//!
//! A name has two: `pattern` is one that every engine knows, with or without its Unicode mode (no `\p{…}`, no lookahead, no
//! character beyond U+FFFF), so that generated code can use it; it allows all that the server takes, and more. The exact one
//! stands in `then`, for the Unicode mode (flag `u`), which validators use. In `allOf` it would make generators of code take
//! the text for a type of its own.

use serde_json::{Value, json};

/// White space (the property White_Space), but for what is a control character.
const SPACES: &str = "\\u0020\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const CONTROLS: &str = r"\u0000-\u001f\u007f-\u009f\u2028\u2029";
const CONTROLS_BUT_BREAKS: &str = r"\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f";
/// What fonts show nothing for (Default_Ignorable_Code_Point, and interlinear annotation), up to U+FFFF, but for joiners and
/// variation selectors, which a name may have in some places.
const HIDDEN: &str = "\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180e\\u200b\\u200e\\u200f\\u202a-\\u202e\\u2060-\\u206f\\u3164\\ufeff\\uffa0\\ufff0-\\ufffb";
const SHAPING: &str = "\\u180b-\\u180d\\u180f\\u200c\\u200d\\ufe00-\\ufe0f";
/// Visible to nobody, though not ignorable: the blank Braille pattern and what will never be a character.
const BLANK: &str = "\\u2800\\ufdd0-\\ufdef\\ufffe\\uffff";

/// The same for the Unicode mode, whole.
const INVISIBLE: &str = r"\p{DI}\ufff9-\ufffb";
const SELECTORS: &str = r"[\ufe00-\ufe0f\u{e0100}-\u{e01ef}\u180b-\u180d\u180f]";

fn text(schema: &mut Value, pattern: &str) {
    schema["minLength"] = schema.get("minLength").cloned().unwrap_or(json!(1));
    schema["pattern"] = json!(pattern);
}

/// Sets both patterns.
fn both(schema: &mut Value, portable: &str, exact: &str) {
    text(schema, portable);
    schema["if"] = json!({ "type": "string" });
    schema["then"] = json!({ "pattern": exact });
}

/// One line that shows something, begins and ends with no space, and hides nothing.
pub fn name(schema: &mut Value) {
    let portable = format!("^[^{SPACES}{CONTROLS}{HIDDEN}]([^{CONTROLS}{HIDDEN}]*[^{SPACES}{CONTROLS}{HIDDEN}])?$");
    // What a joiner joins and a selector varies: a letter, a mark or an emoji beyond ASCII.
    let joined = format!(r"[^\u0000-\u009f\p{{White_Space}}{INVISIBLE}]");
    let keycap = "[0-9#*]";
    let seen = format!(r"[^\p{{White_Space}}\p{{Cc}}\p{{Co}}\p{{NChar}}{INVISIBLE}\u2800]");
    let exact = [
        r"^(?!\p{White_Space})(?!.*\p{White_Space}$)",
        &format!("(?=.*{seen})"),
        // Joiners stand between two such characters; the first may have the selector of emoji.
        &format!(r"(?:(?:{joined}\ufe0f?|{keycap}\ufe0f)[\u200c\u200d](?={joined})"),
        &format!("|(?:{joined}|{keycap}){SELECTORS}"),
        // The flags of regions: a black flag, tags, and the tag that ends them.
        r"|\u{1f3f4}[\u{e0020}-\u{e007f}]*\u{e007f}",
        &format!(r"|[^\p{{Cc}}\u2028\u2029{INVISIBLE}])+$"),
    ];
    both(schema, &portable, &exact.concat());
}

pub fn line(schema: &mut Value) {
    text(schema, &format!("^[^{SPACES}{CONTROLS}]([^{CONTROLS}]*[^{SPACES}{CONTROLS}])?$"));
}

/// Text that shows something.
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
    // Beyond ASCII, which signs are letters is a matter of tables: the portable one leaves out what lies below U+0300 and is
    // none, and what cannot be seen.
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

/// Of an authenticator, or a recovery code; blanks and dashes do not count.
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

pub fn zone(schema: &mut Value) {
    text(schema, "^[A-Za-z][A-Za-z0-9_+/-]*$");
}
