//! The manual of the command line, from the same texts as `--help`; docs/command-line.md is a copy of it.

use std::fmt::Write;

use clap::{Arg, Command, CommandFactory};

use crate::arguments::{Cli, LONG_HELP};

const OPENING: &str = "\
# The command line

This page lists every command of `clowder`, with its options and exit codes. It is for people who run a server. It is
printed by `clowder manual`; `clowder help COMMAND` prints the part about one command.

Results go to the standard output, errors and warnings to the standard error. With `--json`, a command prints one JSON
document. All commands take it except those that run until they are stopped (`serve`, `jobs run`) and those that print
their own document (`openapi`, `asyncapi`, `completions`, `manual`).

";

/// The whole page.
pub fn markdown() -> String {
    let mut command = Cli::command();
    command.build();
    let mut text = String::from(OPENING);
    text += "## Options of every command\n\n";
    let globals: Vec<_> = command.get_arguments().filter(|arg| arg.is_global_set()).cloned().collect();
    globals.iter().for_each(|arg| describe(arg, &mut text));
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help" && !sub.is_hide_set()) {
        section(sub, "clowder", &mut text);
    }
    text += "\n## Examples, settings, exit codes\n\n";
    LONG_HELP.lines().for_each(|line| {
        let _ = writeln!(text, "{}", format!("    {line}").trim_end());
    });
    text
}

fn section(command: &Command, parent: &str, text: &mut String) {
    let path = format!("{parent} {}", command.get_name());
    let about = command.get_long_about().or(command.get_about()).map(ToString::to_string).unwrap_or_default();
    let subcommands: Vec<_> = command.get_subcommands().filter(|sub| sub.get_name() != "help").collect();
    let level = if parent == "clowder" { "##" } else { "###" };
    let _ = writeln!(text, "\n{level} {path}\n\n{}", paragraphs(&about));
    if subcommands.is_empty() {
        let usage = command.clone().render_usage().to_string();
        let _ = writeln!(text, "\n    {}", usage.trim_start_matches("Usage: "));
    }
    let own: Vec<_> = command.get_arguments().filter(|arg| !arg.is_global_set() && !is_automatic(arg)).collect();
    if !own.is_empty() {
        text.push('\n');
    }
    own.iter().for_each(|arg| describe(arg, text));
    subcommands.iter().for_each(|sub| section(sub, &path, text));
}

fn is_automatic(arg: &Arg) -> bool {
    ["help", "version"].contains(&arg.get_id().as_str())
}

fn describe(arg: &Arg, text: &mut String) {
    let values = arg.get_value_names().unwrap_or_default().iter().map(|name| format!("<{name}>"));
    let values = if arg.get_action().takes_values() { values.collect::<Vec<_>>().join(" ") } else { String::new() };
    let name = arg.get_long().map_or(values.clone(), |long| format!("--{long} {values}"));
    let mut help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let possible: Vec<_> = arg.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
    if arg.get_action().takes_values() && !possible.is_empty() {
        help += &format!("; one of {}", possible.join(", "));
    }
    if let ([default], true) = (arg.get_default_values(), arg.get_action().takes_values()) {
        help += &format!("; `{}` by default", default.to_string_lossy());
    }
    let _ = writeln!(text, "- `{}`: {help}.", name.trim());
}

/// Adds a missing full stop; lines of a list stay separate.
fn paragraphs(about: &str) -> String {
    let ended = |paragraph: &str| {
        // A list has no full stop.
        if paragraph.ends_with(['.', ':']) || paragraph.contains('\n') {
            paragraph.to_owned()
        } else {
            format!("{paragraph}.")
        }
    };
    let shown = |paragraph: &str| {
        // A command in a paragraph of its own.
        let first = paragraph.split_whitespace().find(|word| !word.contains('='));
        if first == Some("clowder") { format!("    {paragraph}") } else { ended(paragraph).replace('\n', "  \n") }
    };
    about.split("\n\n").map(shown).collect::<Vec<_>>().join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Regenerate it with `clowder manual > docs/command-line.md`.
    #[test]
    fn the_page_is_what_the_command_line_says() {
        let page = include_str!("../../../docs/command-line.md");
        assert!(page == markdown(), "run: clowder manual > docs/command-line.md");
    }

    /// As the introduction says.
    #[test]
    fn commands_that_answer_take_json() {
        const WITHOUT: &[&str] = &["serve", "jobs run", "openapi", "asyncapi", "completions", "manual"];
        fn walk(command: &Command, path: &str, without: &mut Vec<String>) {
            let shown = |sub: &&Command| sub.get_name() != "help" && !sub.is_hide_set();
            let subs: Vec<_> = command.get_subcommands().filter(shown).collect();
            if subs.is_empty() && !command.get_arguments().any(|arg| arg.get_long() == Some("json")) {
                without.push(path.to_owned());
            }
            subs.iter().for_each(|sub| walk(sub, format!("{path} {}", sub.get_name()).trim(), without));
        }
        let mut without = Vec::new();
        walk(&Cli::command(), "", &mut without);
        without.sort();
        let mut right = WITHOUT.to_vec();
        right.sort_unstable();
        assert_eq!(without, right);
    }

    #[test]
    fn everything_has_help() {
        fn walk(command: &Command, path: &str, silent: &mut Vec<String>) {
            let path = format!("{path} {}", command.get_name());
            if command.get_about().is_none() {
                silent.push(path.clone());
            }
            for arg in command.get_arguments().filter(|arg| arg.get_help().is_none() && !is_automatic(arg)) {
                silent.push(format!("{path} {}", arg.get_id()));
            }
            command.get_subcommands().filter(|sub| sub.get_name() != "help").for_each(|sub| walk(sub, &path, silent));
        }
        let mut silent = Vec::new();
        let command = Cli::command();
        command.clone().debug_assert();
        walk(&command, "", &mut silent);
        assert!(silent.is_empty(), "without a word of help: {silent:#?}");
    }
}
