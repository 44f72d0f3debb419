//! Compares tables in the documents with tables in the source.

use std::{collections::BTreeSet, fs};

use clowder_tests::{database::walk, root};

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// The code spans in the first column of the table that begins with this line.
fn first_column(document: &str, head: &str) -> BTreeSet<String> {
    let text = read(document);
    let rows = text.lines().skip_while(|line| *line != head).skip(2).take_while(|line| line.starts_with('|'));
    let cells = rows.map(|row| row.split('|').nth(1).unwrap_or_default().to_owned());
    let names: BTreeSet<_> = cells.flat_map(|cell| quoted(&cell, '`').collect::<Vec<_>>()).collect();
    assert!(!names.is_empty(), "{document} has no table that begins with {head}");
    names
}

/// The text between two delimiters.
fn quoted(text: &str, quote: char) -> impl Iterator<Item = String> {
    text.split(quote).skip(1).step_by(2).map(str::to_owned)
}

#[test]
fn every_action_of_the_audit_log_is_documented() {
    // Assembled here, so that this file does not match itself.
    let made = ["Entry", "new("].join("::");
    let mut actions = BTreeSet::new();
    for path in walk(root().join("crates/infra/repo")) {
        let text = fs::read_to_string(&path).unwrap();
        for rest in text.split(&made).skip(1) {
            let literal = rest.trim_start().strip_prefix('"').and_then(|rest| rest.split_once('"'));
            let (action, _) =
                literal.unwrap_or_else(|| panic!("{}: an action is spelled where it is made", path.display()));
            actions.insert(action.to_owned());
        }
    }
    assert!(actions.len() > 30, "{actions:?}");
    assert_eq!(first_column("docs/security.md", "| action | when |"), actions);
}

#[test]
fn every_kind_of_activity_is_documented() {
    let mut kinds: BTreeSet<String> =
        clowder_accounts::activity::ACTIONS.iter().map(|kind| (*kind).to_owned()).collect();
    let noted = kinds.len();
    for path in walk(root().join("crates/infra/repo")) {
        let text = fs::read_to_string(&path).unwrap();
        for rest in text.split("Rule::new(").skip(1) {
            let (arguments, _) = rest.split_once("Whose::").unwrap_or_default();
            // The name of the change may be a constant.
            let kind = quoted(arguments, '"').last();
            kinds.insert(kind.unwrap_or_else(|| panic!("{}: a kind is spelled in its rule", path.display())));
        }
    }
    assert!(kinds.len() > noted + 20, "{kinds:?}");
    assert_eq!(first_column("docs/activity.md", "| type | target | when |"), kinds);
}

#[test]
fn every_sealed_column_is_documented() {
    let columns = clowder_infra::seal::columns().into_iter();
    let columns: BTreeSet<_> = columns.map(|column| format!("{}.{}", column.table, column.column)).collect();
    assert_eq!(first_column("docs/security.md", "| column | sealed with |"), columns);
}

#[test]
fn every_permission_is_documented() {
    let mut words = BTreeSet::new();
    for path in walk(root().join("crates")).into_iter().filter(|path| path.ends_with("permissions.rs")) {
        let source = fs::read_to_string(path).unwrap();
        let constants = source.lines().filter(|line| line.contains("Permission::new(\""));
        words.extend(constants.flat_map(|line| quoted(line, '"').take(1).collect::<Vec<_>>()));
    }
    assert_eq!(first_column("docs/access.md", "| permission | least role | routes |"), words);
}

#[test]
fn every_file_of_a_copy_and_every_part_is_documented() {
    let url = clowder_infra::DatabaseUrl::parse("sqlite:none.db").unwrap();
    let parts = clowder_infra::privacy::registered(&url);
    let files: BTreeSet<_> = parts.iter().flat_map(|part| part.files.iter().map(|name| (*name).to_owned())).collect();
    assert_eq!(first_column("docs/privacy.md", "| file | what |"), files);
    // The receipt is not part of what is erased.
    let names: BTreeSet<_> = parts.iter().map(|part| part.name.to_owned()).filter(|name| name != "erasure").collect();
    assert_eq!(first_column("docs/privacy.md", "| part | what happens |"), names);
}

#[test]
fn every_code_of_a_wrong_field_is_documented() {
    // Assembled here, so that this file does not match itself.
    let (flaw, field, made) = (["Flaw::", "new("].concat(), ["Error::", "field("].concat(), " flaw(");
    let mut codes = BTreeSet::from(["errors.more".to_owned()]);
    for path in ["crates", "apps"].into_iter().flat_map(|folder| walk(root().join(folder))) {
        let path_text = path.to_string_lossy();
        let is_source = path_text.contains("/src/") || path_text.contains("/crates/infra/repo/");
        if !is_source || path.extension().is_none_or(|end| end != "rs") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        let calls =
            [(flaw.as_str(), 0), (&field, 1)].into_iter().chain(path.ends_with("policy.rs").then_some((made, 0)));
        let calls = calls.chain(path.ends_with("policy.rs").then_some(("Err(flaw(", 0)));
        for (call, place) in calls {
            for rest in text.split(call).skip(1) {
                let arguments = rest.split(';').next().unwrap_or_default();
                // Codes that are not literals here are defined elsewhere.
                if place == 1 || arguments.trim_start().starts_with('"') {
                    codes.extend(quoted(arguments, '"').nth(place));
                }
            }
        }
    }
    assert!(codes.len() > 20, "{codes:?}");
    assert_eq!(first_column("docs/errors.md", "| code | meaning |"), codes);
}

/// The value of a constant in a source file.
fn constant(path: &str, name: &str) -> i64 {
    let text = read(path);
    let rest = text.split(&format!("const {name}: ")).nth(1).and_then(|rest| rest.split_once(" = "));
    let (value, _) = rest.and_then(|(_, rest)| rest.split_once(';')).unwrap_or_else(|| panic!("{path} has no {name}"));
    value.replace('_', "").parse().unwrap_or_else(|_| panic!("{path}: {name} is {value}"))
}

/// The whole numbers in a text.
fn numbers(text: &str) -> Vec<i64> {
    let words = text.split(|sign: char| !sign.is_ascii_digit() && sign != ',');
    words.filter_map(|word| word.trim_matches(',').replace(',', "").parse().ok()).collect()
}

#[test]
fn the_limits_of_the_search_for_people_are_documented() {
    let in_search = |name: &str| constant("crates/infra/repo/profiles/search.rs", name);
    let near = |name: &str| constant("crates/infra/repo/profiles/near.rs", name);
    let text = read("docs/profiles.md");
    let rows = text.lines().skip_while(|line| *line != "| limit | value |").skip(2);
    let rows = rows.take_while(|line| line.starts_with('|'));
    let documented: Vec<Vec<i64>> = rows.map(|row| numbers(row.split('|').nth(2).unwrap_or_default())).collect();
    let expected = [
        vec![i64::from(clowder_core::page::MAX_LIMIT)],
        vec![in_search("PREFIXES")],
        vec![in_search("BY_WORD"), in_search("BY_ONE_WORD")],
        // All friends.
        vec![],
        vec![near("NEAR"), constant("crates/social/src/friends/suggest.rs", "FRIENDS"), near("LOOKED_AT")],
        vec![in_search("BY_GRAM"), in_search("BY_ONE_GRAM")],
        vec![in_search("PIECE")],
        vec![constant("crates/infra/repo/profiles/list.rs", "LOOKED_AT")],
    ];
    assert_eq!(documented, expected);
    assert!(read("crates/infra/repo/profiles/search.rs").contains("const MOST: usize = MAX_LIMIT as usize;"));
    let few = format!("fewer than {} people fit without one", in_search("FEW"));
    assert!(text.contains(&few), "{few}");
}
