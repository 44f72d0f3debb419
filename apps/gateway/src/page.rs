//! Self-contained HTML pages: their style, and a content security policy that allows nothing else.

use base64::{Engine, engine::general_purpose::STANDARD};
use clowder_infra::keys::sha256;

/// The colours and fonts of every page, in light and dark.
macro_rules! style {
    ($own:literal) => {
        concat!(include_str!("../assets/page/page.css"), include_str!(concat!("../assets/page/", $own)))
    };
}

pub const PROBLEMS: &str = style!("problems.css");
pub const ASYNCAPI: &str = style!("asyncapi.css");

/// The page with its style included; `body` is HTML.
pub fn html(title: &str, style: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{}</title>\n<style>{style}</style>\n\
         <main>\n{body}</main>\n</html>\n",
        escaped(title)
    )
}

/// Allows only this style, and no scripts.
pub fn policy(style: &str) -> String {
    let hash = STANDARD.encode(sha256(style.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

/// Escapes text for HTML, between tags and in attributes.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// WCAG 2.2, relative luminance of `#rrggbb`.
    fn luminance(colour: &str) -> f64 {
        let part = |at: usize| {
            let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
    }

    fn contrast(one: &str, other: &str) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn colours_can_be_read_in_light_and_dark() {
        let (light, dark) = PROBLEMS.split_once("prefers-color-scheme: dark").unwrap();
        for (scheme, css) in [("light", light), ("dark", dark)] {
            let colour = |name: &str| {
                let (_, rest) =
                    css.split_once(&format!("--{name}: ")).unwrap_or_else(|| panic!("{scheme} has no {name}"));
                rest.get(..7).unwrap().to_owned()
            };
            for (front, back, least) in [
                ("text", "ground", 7.0),
                ("text", "card", 7.0),
                ("text", "code", 7.0),
                ("text", "mark", 7.0),
                ("text", "good", 7.0),
                ("soft", "ground", 4.5),
                ("soft", "card", 4.5),
                ("soft", "mark", 4.5),
                ("link", "ground", 4.5),
                ("link", "card", 4.5),
                ("link", "code", 4.5),
                ("link", "mark", 4.5),
                ("on-button", "button", 4.5),
                ("on-bad", "bad", 4.5),
                ("on-bad", "card", 4.5),
                // Field borders and focus outlines.
                ("edge", "card", 3.0),
            ] {
                let found = contrast(&colour(front), &colour(back));
                assert!(found >= least, "{scheme}: {front} on {back} has a contrast of {found:.2}");
            }
        }
        assert!((contrast("#000000", "#ffffff") - 21.0).abs() < 1e-9);
    }

    #[test]
    fn the_policy_names_the_style_that_the_page_has() {
        assert!(html("a <b>", PROBLEMS, "").contains(&format!("<style>{PROBLEMS}</style>")));
        assert!(html("a <b>", PROBLEMS, "").contains("<title>a &lt;b></title>"));
        assert!(policy(PROBLEMS).contains("style-src 'sha256-") && policy(PROBLEMS) != policy(ASYNCAPI));
    }
}
