//! The table of what is found in texts.

use std::time::{Duration, Instant};

use super::*;

/// The kinds and the texts of what is found; of mentions, the names that they may mean.
fn seen(text: &str) -> Vec<String> {
    let shown = |found: Found| {
        let part: String = text.chars().skip(found.offset as usize).take(found.length as usize).collect();
        let names: Vec<_> = found.names.iter().map(|(name, length)| format!("{name}/{length}")).collect();
        format!("{:?} {part} {}", found.kind, names.join(" ")).trim_end().to_owned()
    };
    find(text).into_iter().map(shown).collect()
}

#[test]
fn entities_table() {
    for (text, expected) in [
        ("hello", vec![]),
        ("@ada", vec!["Mention @ada ada/4"]),
        ("hi @Ada, and @bob.", vec!["Mention @Ada Ada/4", "Mention @bob bob/4"]),
        (
            "(@ada) \"@bob\" @eve! @mia? @tom: @kim…",
            vec![
                "Mention @ada ada/4",
                "Mention @bob bob/4",
                "Mention @eve eve/4",
                "Mention @mia mia/4",
                "Mention @tom tom/4",
                "Mention @kim kim/4",
            ],
        ),
        ("@ada's @ada-", vec!["Mention @ada ada/4", "Mention @ada ada/4"]),
        ("@a.b-c_d", vec!["Mention @a.b-c_d a.b-c_d/8"]),
        ("_@ada_ *@bob*", vec!["Mention @bob bob/4"]),
        ("*_@ada_*", vec![]),
        ("@@ada", vec![]),
        ("@ada@bob", vec![]),
        ("@ab @ @. @-ada @.ada @_ada", vec![]),
        (
            "@abcdefghijklmnopqrstuvwxyz1234",
            vec!["Mention @abcdefghijklmnopqrstuvwxyz1234 abcdefghijklmnopqrstuvwxyz1234/31"],
        ),
        ("@abcdefghijklmnopqrstuvwxyz12345", vec![]),
        ("x@ada", vec![]),
        ("a@b.c", vec![]),
        ("mail ada@example.org, @bob", vec!["Email ada@example.org", "Mention @bob bob/4"]),
        ("@all", vec!["MentionAll @all"]),
        ("@ALL.", vec!["MentionAll @ALL"]),
        ("@allan @all-in", vec!["Mention @allan allan/6", "Mention @all-in all-in/7"]),
        ("@all皆さん", vec!["MentionAll @all"]),
        ("@ada你好", vec!["Mention @ada你好 ada你好/6 ada/4"]),
        ("你好@ada", vec![]),
        ("你好 @李小龙 好", vec!["Mention @李小龙 李小龙/4"]),
        ("@jürgen", vec!["Mention @jürgen jürgen/7"]),
        ("\u{200b}@ada\u{200b}", vec!["Mention @ada ada/4"]),
        ("@\u{200b}ada", vec![]),
        ("שלום @דנה שלום", vec!["Mention @דנה דנה/4"]),
        ("\u{202e}@ada\u{202c} مرحبا #سلام", vec!["Mention @ada ada/4", "Hashtag #سلام"]),
        ("👩‍👩‍👧‍👦 @ada 👍🏽#lunch", vec!["Mention @ada ada/4", "Hashtag #lunch"]),
        ("#️⃣ #1 #2024 #_ # ##a &#39; a#b", vec![]),
        // Folded, these are more than a hundred letters.
        ("#\u{fdfa}\u{fdfa}\u{fdfa}\u{fdfa}\u{fdfa}\u{fdfa}", vec![]),
        (
            "#lunch #Straße #1st #a_b, #東京",
            vec!["Hashtag #lunch", "Hashtag #Straße", "Hashtag #1st", "Hashtag #a_b", "Hashtag #東京"],
        ),
        ("#می\u{200c}خواهم #a\u{200d}b", vec!["Hashtag #می\u{200c}خواهم", "Hashtag #a"]),
        ("#a.b #c-d", vec!["Hashtag #a", "Hashtag #c"]),
        ("see https://example.org/a#b?x=@ada.", vec!["Link https://example.org/a#b?x=@ada"]),
        ("(https://example.org/a_(b))", vec!["Link https://example.org/a_(b)"]),
        ("HTTPS://example.org", vec!["Link HTTPS://example.org"]),
        ("javascript://example.org/%0aalert(1) ftp://example.org", vec![]),
        ("example.org www.example.org", vec![]),
        ("https://пример.com/путь", vec!["Link https://пример.com/путь"]),
        ("example.org/@ada /@bob", vec![]),
    ] {
        assert_eq!(seen(text), expected, "{text}");
    }
}

#[test]
fn places_count_characters() {
    let text = "👩‍👩‍👧‍👦é @ada";
    let found = find(text);
    assert_eq!((found[0].offset, found[0].length), (9, 4));
    assert_eq!(text.chars().skip(9).collect::<String>(), "@ada");
}

#[test]
fn tags_table() {
    for (text, tag) in
        [("#Lunch", "lunch"), ("#Café", "cafe"), ("#a_B", "a_b"), ("#Straße", "strasse"), ("#東京", "東京")]
    {
        assert_eq!(tag_of(text), tag, "{text}");
    }
    let long = |n: usize| format!("#{}", "a".repeat(n));
    assert_eq!(find(&long(100)).len(), 1);
    assert!(find(&long(101)).is_empty());
}

#[test]
fn so_many_and_no_more() {
    let many = "@ada ".repeat(150);
    assert_eq!(find(&many).len(), MOST);
    let mixed = "#a https://example.org ".repeat(150);
    assert_eq!(find(&mixed).len(), MOST);
}

#[test]
fn entities_are_in_order_and_do_not_overlap() {
    let text = "@ada https://example.org/#tag @bob ada@example.org #x @all 你好 @李小龙 ".repeat(9);
    let found = find(&text);
    for pair in found.windows(2) {
        assert!(pair[0].offset + pair[0].length <= pair[1].offset, "{pair:?}");
    }
    assert!(found.last().is_some_and(|last| (last.offset + last.length) as usize <= text.chars().count()));
}

/// Quadratic work on 8,000 characters would take a hundred times as long.
#[test]
fn no_text_takes_long() {
    for piece in [
        "@",
        "#",
        "@a",
        "a@",
        "@a.",
        "a.b@",
        "a://",
        "https://",
        "http://a@",
        "@a@b.c",
        "#a\u{200c}",
        "-@",
        "a.",
        "://",
        "@aaa-",
        "@皆",
    ] {
        for tail in ["", "@", "://", "@a.bc"] {
            let text: String = piece.chars().cycle().take(8_000 - tail.len()).chain(tail.chars()).collect();
            let begun = Instant::now();
            find(&text);
            assert!(begun.elapsed() < Duration::from_millis(400), "{piece} {tail}: {:?}", begun.elapsed());
        }
    }
}
