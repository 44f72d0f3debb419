//! The piece of a text that shows why it was found: HTML in which only `<mark>` is not escaped.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use super::matching::Hit;

/// The most characters of a highlight, with everything in it.
pub const LONGEST: usize = 300;
/// How many characters of the text stand before what was found, about.
const BEFORE: usize = 60;
/// How far apart what is shown together may be.
const REACH: usize = 180;

const OPEN: &str = "<mark>";
const CLOSE: &str = "</mark>";
const CUT: &str = "…";

/// A text with its hits marked; of a long one, the piece with most of what was sought.
pub fn highlight(text: &str, hits: &[Hit]) -> String {
    let clusters: Vec<(usize, &str)> = text.grapheme_indices(true).collect();
    let marks = marks(text, &clusters, hits);
    let from = beginning(text, &clusters, &marks, hits);
    let mut out = Out { text: String::new(), length: 0, open: false };
    if from > 0 {
        out.push(CUT);
    }
    let mut marks = marks.into_iter().filter(|mark| mark.end > from).peekable();
    for (at, cluster) in clusters.iter().filter(|(at, _)| *at >= from) {
        while marks.next_if(|mark| mark.end <= *at).is_some() {
            out.close();
        }
        let marked = marks.peek().is_some_and(|mark| mark.start <= *at);
        let escaped = escaped(cluster);
        // What is open must be closed, and the end may have to be marked as cut.
        let needed = escaped.chars().count() + if marked && !out.open { OPEN.len() } else { 0 };
        let reserve = if marked { CLOSE.len() } else { 0 } + 1;
        if !marked {
            out.close();
        }
        let is_last = at + cluster.len() == text.len();
        let reserve = if is_last { reserve - 1 } else { reserve };
        if out.length + needed + reserve > LONGEST {
            out.close();
            out.push(CUT);
            return out.text;
        }
        if marked && !out.open {
            out.push(OPEN);
            out.open = true;
        }
        out.push(&escaped);
    }
    out.close();
    out.text
}

struct Out {
    text: String,
    /// In characters.
    length: usize,
    open: bool,
}

impl Out {
    fn push(&mut self, some: &str) {
        self.text.push_str(some);
        self.length += some.chars().count();
    }

    fn close(&mut self) {
        if std::mem::take(&mut self.open) {
            self.push(CLOSE);
        }
    }
}

/// What is marked: whole characters as people see them, and what touches as one.
fn marks(text: &str, clusters: &[(usize, &str)], hits: &[Hit]) -> Vec<Range<usize>> {
    let start_of = |at: usize| {
        let index = clusters.partition_point(|(start, _)| *start <= at).saturating_sub(1);
        clusters.get(index).map_or(0, |(start, _)| *start)
    };
    let end_of = |at: usize| {
        let index = clusters.partition_point(|(start, _)| *start < at);
        clusters.get(index).map_or(text.len(), |(start, _)| *start)
    };
    let mut marks: Vec<Range<usize>> = Vec::new();
    for hit in hits {
        let (start, end) = (start_of(hit.span.start), end_of(hit.span.end));
        match marks.last_mut() {
            Some(last) if start <= last.end => last.end = last.end.max(end),
            _ => marks.push(start..end),
        }
    }
    marks
}

/// Where the piece begins: at the beginning of a word a little before the place where most of what was sought is together.
fn beginning(text: &str, clusters: &[(usize, &str)], marks: &[Range<usize>], hits: &[Hit]) -> usize {
    let place = |at: usize| clusters.partition_point(|(start, _)| *start < at);
    // Everything fits, with room for signs that need several characters.
    if clusters.len() + marks.len() * (OPEN.len() + CLOSE.len()) <= LONGEST / 2 {
        return 0;
    }
    let terms_from = |mark: &Range<usize>| {
        let end = clusters.get(place(mark.start) + REACH).map_or(text.len(), |(at, _)| *at);
        let near = hits.iter().filter(|hit| hit.span.start >= mark.start && hit.span.end <= end);
        let terms: std::collections::BTreeSet<usize> = near.map(|hit| hit.term).collect();
        terms.len()
    };
    let mut best = None::<(usize, usize)>;
    // A text may have thousands of places; the first ones are enough to choose from.
    for mark in marks.iter().take(MOST_COMPARED) {
        let terms = terms_from(mark);
        if best.is_none_or(|(most, _)| terms > most) {
            best = Some((terms, mark.start));
        }
    }
    let anchor = place(best.map_or(0, |(_, start)| start));
    let (mut from, mut length) = (anchor, 0);
    while let Some((_, cluster)) = from.checked_sub(1).and_then(|before| clusters.get(before)) {
        length += escaped(cluster).chars().count();
        if length > BEFORE {
            break;
        }
        from -= 1;
    }
    if from == 0 {
        return 0;
    }
    let is_gap = |cluster: &str| cluster.chars().all(char::is_whitespace);
    let word = (from..anchor).find(|index| {
        let before = index.checked_sub(1).and_then(|before| clusters.get(before));
        before.is_some_and(|(_, before)| is_gap(before)) && clusters.get(*index).is_some_and(|(_, now)| !is_gap(now))
    });
    clusters.get(word.unwrap_or(from)).map_or(0, |(at, _)| *at)
}

/// Among how many places the best one is looked for.
const MOST_COMPARED: usize = 50;

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::{
        super::{query::Sought, tokens::tokens},
        *,
    };

    fn shown(text: &str, query: &str) -> String {
        let sought = Sought::parse(query).unwrap();
        highlight(text, &sought.hits(&tokens(text)))
    }

    #[test]
    fn highlight_table() {
        for (text, query, expected) in [
            ("Lunch at noon?", "lunch", "<mark>Lunch</mark> at noon?"),
            ("Lunch at noon?", "noon lunch", "<mark>Lunch</mark> at <mark>noon</mark>?"),
            ("Lunch at noon?", "lun", "<mark>Lunch</mark> at noon?"),
            ("Lunch at noon?", "\"at noon\"", "Lunch <mark>at noon</mark>?"),
            ("Lunch at noon?", "lunch -late", "<mark>Lunch</mark> at noon?"),
            ("a <b>lunch</b> & \"more\"", "lunch", "a &lt;b&gt;<mark>lunch</mark>&lt;/b&gt; &amp; &quot;more&quot;"),
            ("<mark>lunch</mark>", "lunch", "&lt;mark&gt;<mark>lunch</mark>&lt;/mark&gt;"),
            ("<script>alert('x')</script>", "alert", "&lt;script&gt;<mark>alert</mark>(&#39;x&#39;)&lt;/script&gt;"),
            ("<<>>&lunch&", "lunch", "&lt;&lt;&gt;&gt;&amp;<mark>lunch</mark>&amp;"),
            ("Don't panic", "don't", "<mark>Don&#39;t</mark> panic"),
            ("Don't panic", "dont", "<mark>Don&#39;t</mark> panic"),
            ("Das Café öffnet", "cafe offnet", "Das <mark>Café</mark> <mark>öffnet</mark>"),
            ("Cafe\u{301} au lait", "cafe", "<mark>Cafe\u{301}</mark> au lait"),
            ("die STRASSE und Straße", "straße", "die <mark>STRASSE</mark> und <mark>Straße</mark>"),
            ("東京都に行く", "京都", "東<mark>京都</mark>に行く"),
            ("東京都に行く", "東京都", "<mark>東京都</mark>に行く"),
            ("東京都に行く", "行", "東京都に<mark>行</mark>く"),
            ("กินข้าวกัน", "ข้าว", "กิน<mark>ข้าว</mark>กัน"),
            ("한국어 공부", "국어", "한<mark>국어</mark> 공부"),
            ("שלום עולם", "עולם", "שלום <mark>עולם</mark>"),
            ("مُحَمَّد هنا", "محمد", "<mark>مُحَمَّد</mark> هنا"),
            ("go 👩🏽‍🚀 go", "👩🏽‍🚀", "go <mark>👩🏽‍🚀</mark> go"),
            ("👍🏽 yes", "👍", "<mark>👍🏽</mark> yes"),
            ("c\u{200b}asi\u{ad}no", "casino", "<mark>c\u{200b}asi\u{ad}no</mark>"),
            ("Ｌｕｎｃｈ now", "lunch", "<mark>Ｌｕｎｃｈ</mark> now"),
            ("x", "y", "x"),
        ] {
            assert_eq!(shown(text, query), expected, "{query} in {text}");
        }
    }

    #[test]
    fn long_texts_are_cut_around_what_was_found() {
        let words = "word ".repeat(400);
        for text in [
            format!("{words}needle {words}"),
            format!("{words}needle"),
            format!("needle {words}"),
            format!("{}needle{}", "<&>".repeat(900), "\"'".repeat(900)),
            format!("{} needle", "needless ".repeat(500)),
            format!("{}needle", "👩\u{200d}👩\u{200d}👧\u{200d}👦".repeat(300)),
        ] {
            let shown = shown(&text, "\"needle\"");
            assert!(shown.contains("<mark>needle</mark>"), "{shown}");
            assert!(shown.chars().count() <= LONGEST, "{} {shown}", shown.chars().count());
            assert_eq!(shown.matches(OPEN).count(), shown.matches(CLOSE).count(), "{shown}");
            assert!(shown.starts_with('…') || shown.ends_with('…'), "{shown}");
        }
        // Where both words are together, and not where one of them comes first.
        let text = format!("needle {words}needle and thread {words}");
        assert!(shown(&text, "needle thread").contains("<mark>needle</mark> and <mark>thread</mark>"));
        // A word that does not fit is marked as far as it is shown.
        let text = "x".repeat(2_000);
        let marked = shown(&text, "xxx");
        assert!(marked.starts_with("<mark>xxx") && marked.ends_with("x</mark>…"), "{marked}");
        assert!(marked.chars().count() <= LONGEST);
        // Exactly as long as it may be, and one more.
        assert_eq!(shown(&"y".repeat(LONGEST), "x"), "y".repeat(LONGEST));
        assert_eq!(shown(&"y".repeat(LONGEST + 1), "x").chars().count(), LONGEST);
    }

    #[test]
    fn nothing_of_a_text_gets_out_unescaped() {
        let text = "</mark><img src=x onerror=alert(1)>\u{202e}'\"&lt; needle <";
        let shown = shown(text, "needle img");
        let bare = shown.replace(OPEN, "").replace(CLOSE, "");
        assert!(!bare.contains(['<', '>', '"', '\'']), "{shown}");
        assert_eq!(
            bare.replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&quot;", "\"")
                .replace("&#39;", "'")
                .replace("&amp;", "&"),
            text
        );
    }
}
