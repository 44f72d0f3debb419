//! How an export is written: its beginning, each message, and its end. JSON has one message on each line; HTML is one page
//! that loads nothing and runs nothing.

use std::{collections::HashMap, fmt::Write};

use clowder_core::{Card, Result, Timestamp, UserId};
use serde::Serialize;

use super::{ExportFormat, ExportedChat};
use crate::{Message, MessageType, lifetimes::conceal, relations::ReplyTo};

/// What the JSON says that it is; an import reads no other.
pub const FORMAT: &str = "clowder.chat";
pub const VERSION: i64 = 1;

/// What a browser may do with the page, wherever it is opened from: show it, with the style that is in it.
pub const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const STYLE: &str = "body{font:16px/1.4 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;\
color:#1b1b1b;background:#fff}article{margin:0 0 1rem}header{color:#555;font-size:.875rem}header b{color:#1b1b1b}\
p{margin:.125rem 0;white-space:pre-wrap;overflow-wrap:anywhere}blockquote{margin:.125rem 0;padding-left:.5rem;\
border-left:3px solid #bbb;color:#555}footer{color:#555;font-size:.875rem}.gone,.system p{color:#555;font-style:italic}\
:target{background:#fff6d6}@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}header b{color:#eee}\
header,footer,blockquote,.gone,.system p{color:#aaa}:target{background:#3a3413}}";

/// Of what an export is, for whom, and when.
#[derive(Debug, Clone, Serialize)]
pub struct Head {
    pub chat: ExportedChat,
    pub exported_by: Card,
    pub exported_at: Timestamp,
}

/// A message as an export shows it to a reader who sees it like this: without the text of what disappears, and of whom the
/// reader hides. What is quoted of such messages goes, too.
pub fn shown(mut message: Message, now: Timestamp) -> Message {
    conceal(&mut message, now);
    if message.hidden || message.lifetime.is_some() {
        (message.content, message.system, message.poll) = (None, None, None);
        (message.reply_to, message.forwarded_from, message.attachments) = (None, None, Vec::new());
        (message.reactions, message.entities, message.mentions) = (Vec::new(), Vec::new(), Vec::new());
    }
    if let Some(quoted) = &mut message.reply_to
        && (quoted.hidden || quoted.expires_at.is_some())
    {
        let hidden = quoted.hidden;
        **quoted = ReplyTo { hidden, ..ReplyTo::bare(quoted.id, quoted.seq) };
    }
    message
}

pub fn begin(format: ExportFormat, head: &Head) -> Result<String> {
    match format {
        ExportFormat::Json => {
            #[derive(Serialize)]
            struct Beginning<'h> {
                format: &'static str,
                version: i64,
                #[serde(flatten)]
                head: &'h Head,
            }
            let mut text = serde_json::to_string(&Beginning { format: FORMAT, version: VERSION, head })?;
            // The messages are its last member.
            text.pop();
            text.push_str(",\"messages\":[\n");
            Ok(text)
        }
        ExportFormat::Html => Ok(begin_html(head)),
    }
}

/// Those whom a page names who have not written what is on it.
pub fn named(format: ExportFormat, message: &Message) -> &[UserId] {
    match (format, &message.system) {
        (ExportFormat::Html, Some(note)) => &note.user_ids,
        _ => &[],
    }
}

/// A message, after so many others, with the cards of those whom it names.
pub fn entry(format: ExportFormat, before: i64, message: &Message, named: &HashMap<UserId, Card>) -> Result<String> {
    match format {
        ExportFormat::Json => {
            let comma = if before == 0 { "" } else { ",\n" };
            Ok(format!("{comma}{}", serde_json::to_string(message)?))
        }
        ExportFormat::Html => Ok(article(message, named)),
    }
}

pub const fn end(format: ExportFormat) -> &'static str {
    match format {
        ExportFormat::Json => "\n]}\n",
        ExportFormat::Html => "</main>\n</body>\n</html>\n",
    }
}

/// A text that is nothing but text, also within quotes.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // What HTML does not allow in a text, written by an earlier version.
            '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{9f}' => {
                escaped.push(char::REPLACEMENT_CHARACTER);
            }
            c => escaped.push(c),
        }
    }
    escaped
}

fn begin_html(head: &Head) -> String {
    let Head { chat, exported_by, exported_at } = head;
    let peer = chat.peer.as_ref().map(|peer| peer.display_name.as_str());
    let title = escaped(chat.title.as_deref().or(peer).unwrap_or("Chat"));
    let description = chat.description.as_deref().map(|text| format!("<p dir=\"auto\">{}</p>\n", escaped(text)));
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1 dir=\"auto\">{title}</h1>\n{}\
         <p>Exported by <bdi>{}</bdi> on <time>{exported_at}</time>. Times are in UTC.</p>\n<main>\n",
        description.unwrap_or_default(),
        person(exported_by),
    )
}

fn person(card: &Card) -> String {
    format!("{} (@{})", escaped(&card.display_name), escaped(&card.username))
}

/// Why a message has no text, if it has none.
fn missing(message: &Message) -> Option<&'static str> {
    match message {
        Message { content: Some(_), .. } => None,
        Message { deleted_at: Some(_), .. } => Some("This message was deleted."),
        Message { lifetime: Some(_), .. } => Some("Messages that disappear are not exported."),
        _ => Some("You hide the messages of this person."),
    }
}

/// A text in which the links can be followed. Only what leads to the web is a link.
fn linked(message: &Message, content: &str) -> String {
    let chars: Vec<char> = content.chars().collect();
    let text = |from: usize, to: usize| {
        let piece: String = chars.get(from..to).unwrap_or_default().iter().collect();
        escaped(&piece)
    };
    let (mut page, mut done) = (String::new(), 0);
    for entity in &message.entities {
        let (from, to) = (entity.offset as usize, entity.offset as usize + entity.length as usize);
        let leads = |url: &&String| url.starts_with("https://") || url.starts_with("http://");
        if let Some(url) = entity.url.as_ref().filter(leads)
            && done <= from
            && to <= chars.len()
        {
            // Writing to a string cannot fail.
            let _ = write!(
                page,
                "{}<a href=\"{}\" rel=\"noopener noreferrer nofollow\">{}</a>",
                text(done, from),
                escaped(url),
                text(from, to),
            );
            done = to;
        }
    }
    page + &text(done, chars.len())
}

/// What a message of the system says of whom, and of the new title.
fn about(message: &Message, named: &HashMap<UserId, Card>) -> String {
    let Some(note) = &message.system else { return String::new() };
    let people = note.user_ids.iter().filter_map(|user| named.get(user));
    let people: Vec<String> = people.map(|card| format!("<bdi>{}</bdi>", person(card))).collect();
    let title = note.title.as_ref().map(|title| format!("<bdi>{}</bdi>", escaped(title)));
    let all: Vec<String> = people.into_iter().chain(title).collect();
    if all.is_empty() { String::new() } else { format!(": {}", all.join(", ")) }
}

fn article(message: &Message, named: &HashMap<UserId, Card>) -> String {
    let Message { seq, sender, created_at, .. } = message;
    let class = if message.kind == MessageType::System { " class=\"system\"" } else { "" };
    let mut text = format!(
        "<article id=\"m{seq}\"{class}>\n<header><b><bdi>{}</bdi></b> <bdi>@{}</bdi> <a href=\"#m{seq}\"><time>{created_at}</time></a>",
        escaped(&sender.display_name),
        escaped(&sender.username),
    );
    let mut add = |more: std::fmt::Arguments<'_>| text.push_str(&more.to_string());
    if message.edited_at.is_some() && message.content.is_some() {
        add(format_args!(" (edited)"));
    }
    if let Some(from) = &message.forwarded_from {
        match &from.sender {
            Some(sender) => add(format_args!(", forwarded from <bdi>{}</bdi>", person(sender))),
            None => add(format_args!(", forwarded")),
        }
    }
    // The first message of a thread has the place to which the others lead.
    if let Some(root) = message.thread_of {
        add(format_args!(", <a href=\"#t{root}\">in a thread</a>"));
    }
    if let Some(thread) = &message.thread {
        add(format_args!(", <span id=\"t{}\">messages in its thread: {}</span>", message.id, thread.count));
    }
    add(format_args!("</header>\n"));
    if let Some(quoted) = &message.reply_to {
        add(format_args!("<blockquote dir=\"auto\"><a href=\"#m{0}\">#{0}</a>", quoted.seq));
        if let Some(sender) = &quoted.sender {
            add(format_args!(" <bdi>{}</bdi>", escaped(&sender.display_name)));
        }
        if let Some(excerpt) = &quoted.excerpt {
            add(format_args!(" {}", escaped(excerpt)));
        }
        add(format_args!("</blockquote>\n"));
    }
    match (missing(message), &message.content) {
        (None, Some(content)) => {
            add(format_args!("<p dir=\"auto\">{}{}</p>\n", linked(message, content), about(message, named)));
        }
        (why, _) => add(format_args!("<p class=\"gone\">{}</p>\n", why.unwrap_or_default())),
    }
    if !message.attachments.is_empty() {
        add(format_args!("<ul>\n"));
        for file in &message.attachments {
            match (&file.name, &file.kind) {
                (Some(name), Some(kind)) => {
                    let size = file.size.unwrap_or_default();
                    add(format_args!("<li><bdi>{}</bdi> ({}, {size} octets)</li>\n", escaped(name), escaped(kind)));
                }
                _ => add(format_args!("<li class=\"gone\">This file was deleted.</li>\n")),
            }
        }
        add(format_args!("</ul>\n"));
    }
    if let Some(poll) = &message.poll {
        add(format_args!("<ul>\n"));
        for option in &poll.options {
            add(format_args!("<li><bdi>{}</bdi> ({})</li>\n", escaped(&option.text), option.votes));
        }
        add(format_args!("</ul>\n"));
    }
    if !message.reactions.is_empty() {
        add(format_args!("<footer>"));
        for reacted in &message.reactions {
            add(format_args!("{} {} ", escaped(&reacted.emoji), reacted.count));
        }
        add(format_args!("</footer>\n"));
    }
    add(format_args!("</article>\n"));
    text
}
