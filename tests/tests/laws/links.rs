//! Relative links in the documentation work, including those to headings.

use std::{fs, path::PathBuf};

use clowder_tests::{database::walk, root};

fn pages() -> Vec<PathBuf> {
    let top = fs::read_dir(root()).unwrap().flatten().map(|entry| entry.path());
    let folders = ["docs", "deploy", "bench", "examples", "crates", "apps", "config", "migrations", "fuzz"];
    let below = folders.iter().flat_map(|folder| walk(root().join(folder)));
    let page = |path: &PathBuf| {
        path.extension().is_some_and(|extension| extension == "md") && !path.iter().any(|part| part == "target")
    };
    top.chain(below).filter(page).collect()
}

/// The link target in parentheses after `]`, outside of code.
fn links(text: &str) -> Vec<String> {
    let mut fenced = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        let outside_code: String = line.split('`').step_by(2).collect::<Vec<_>>().join(" ");
        for rest in outside_code.split("](").skip(1) {
            if let Some((target, _)) = rest.split_once(')') {
                found.push(target.split_whitespace().next().unwrap_or_default().to_owned());
            }
        }
    }
    found
}

/// The anchor of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().to_lowercase();
    kept.chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[test]
fn relative_links_lead_somewhere() {
    let mut broken = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for link in links(&text) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            let found = target.exists()
                && (heading.is_empty()
                    || fs::read_to_string(&target)
                        .is_ok_and(|text| text.lines().any(|line| line.starts_with('#') && anchor(line) == heading)));
            if !found {
                broken.push(format!("{}: {link}", page.strip_prefix(root()).unwrap().display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn a_heading_has_the_anchor_that_readers_expect() {
    assert_eq!(anchor("## 6. The database & you"), "6-the-database--you");
    assert_eq!(links("see [a](b.md) and `[x](y)` or [c](d.md#e \"title\")"), ["b.md", "d.md#e"]);
}
