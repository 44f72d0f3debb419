//! The table that says what a text is found by.

use super::*;

fn words(text: &str) -> Vec<String> {
    tokens(text).words.into_iter().map(|token| token.text).collect()
}

fn joined(text: &str) -> Vec<String> {
    tokens(text).joined.into_iter().map(|token| token.text).collect()
}

#[test]
fn token_table() {
    for (text, expected, also) in [
        // Words, case and accents.
        ("", &[] as &[_], &[] as &[&str]),
        ("Hello, World!", &["hello", "world"], &[]),
        ("  tabs\tand\nlines  ", &["tabs", "and", "lines"], &[]),
        ("Café CAFÉ cafe\u{301}", &["cafe", "cafe", "cafe"], &[]),
        ("naïve coöperation", &["naive", "cooperation"], &[]),
        ("Straße STRASSE", &["strasse", "strasse"], &[]),
        ("Ærøskøbing", &["aeroskobing"], &[]),
        ("Łódź", &["lodz"], &[]),
        ("İstanbul ILGAZ ışık", &["istanbul", "ilgaz", "isik"], &[]),
        ("Tiếng Việt", &["tieng", "viet"], &[]),
        ("ﬁne ﬂow", &["fine", "flow"], &[]),
        ("ΣΊΣΥΦΟΣ Σίσυφος", &["σισυφοσ", "σισυφοσ"], &[]),
        ("Ёлка ёлка ЕЛКА", &["елка", "елка", "елка"], &[]),
        ("Київ, Йога", &["киів", "иога"], &[]),
        ("Ընկեր", &["ընկեր"], &[]),
        ("საქართველო", &["საქართველო"], &[]),
        ("ᲡᲐᲥᲐᲠᲗᲕᲔᲚᲝ", &["საქართველო"], &[]),
        ("አማርኛ ቋንቋ", &["አማርኛ", "ቋንቋ"], &[]),
        // Width, style and other ways to write the same.
        ("Ｌｕｎｃｈ １２", &["lunch", "12"], &[]),
        ("𝓛𝓾𝓷𝓬𝓱", &["lunch"], &[]),
        ("x² H₂O ½", &["x2", "h2o", "1", "2"], &[]),
        ("№5 ™ Ⅷ ⓐ", &["no5", "tm", "viii", "a"], &[]),
        // Right to left.
        ("שָׁלוֹם עולם", &["שלום", "עולם"], &[]),
        ("צה״ל צה\"ל", &["צה", "ל", "צה", "ל"], &["צהל", "צהל"]),
        ("ג׳ירפה", &["ג", "ירפה"], &["גירפה"]),
        ("مُحَمَّد محمـــد", &["محمد", "محمد"], &[]),
        ("أحمد إلى آخر", &["احمد", "الي", "اخر"], &[]),
        ("مدرسة مدرسه", &["مدرسه", "مدرسه"], &[]),
        ("می‌خواهم کتاب", &["ميخواهم", "كتاب"], &[]),
        ("\u{202e}abc\u{202c} \u{200f}def", &["abc", "def"], &[]),
        // Scripts of India, in words.
        ("हिन्दी भाषा", &["हिनदी", "भाषा"], &[]),
        ("தமிழ் மொழி", &["தமிழ", "மெ\u{bbe}ழி"], &[]),
        ("বাংলা", &["বাংলা"], &[]),
        // Numbers.
        ("2026-11-28", &["2026", "11", "28"], &["20261128"]),
        ("3.14 and 1,000,000", &["3", "14", "and", "1", "000", "000"], &["1000000"]),
        ("1.000.000 1'000", &["1", "000", "000", "1", "000"], &["1000000", "1000"]),
        ("١٢٣ ۴۵ १२", &["123", "45", "12"], &[]),
        ("๒๕๖๙", &["2569"], &[]),
        ("iphone15 v2", &["iphone15", "v2"], &[]),
        ("+49 (30) 1234", &["49", "30", "1234"], &[]),
        // Apostrophes, hyphens and points.
        ("don't DON’T", &["don", "t", "don", "t"], &["dont", "dont"]),
        ("l'avion d’été", &["l", "avion", "d", "ete"], &["lavion", "dete"]),
        ("O'Brien's", &["o", "brien", "s"], &["obriens"]),
        ("'quoted' words", &["quoted", "words"], &[]),
        ("well-known e‑mail", &["well", "known", "e", "mail"], &["wellknown", "email"]),
        ("Rock 'n' roll -- yes", &["rock", "n", "roll", "yes"], &[]),
        ("U.S.A. e.g.", &["u", "s", "a", "e", "g"], &["usa", "eg"]),
        ("end.Begin", &["end", "begin"], &[]),
        ("paral·lel", &["paral", "lel"], &["parallel"]),
        ("snake_case @ada_l #rust C++", &["snake", "case", "ada", "l", "rust", "c"], &[]),
        // Addresses.
        ("Ada.L@example.com", &["ada", "l", "example", "com"], &[]),
        ("https://www.example.com/a-b?q=1", &["https", "www", "example", "com", "a", "b", "q", "1"], &["ab"]),
        // Scripts without spaces: pairs, and what begins nothing else.
        ("東京都", &["東京", "京都", "都"], &[]),
        ("東", &["東"], &[]),
        ("東 京", &["東", "京"], &[]),
        ("日本語。テスト", &["日本", "本語", "語", "テス", "スト", "ト"], &[]),
        ("食べる", &["食べ", "べる", "る"], &[]),
        ("パン ﾊﾟﾝ ハン", &["パン", "ン", "パン", "ン", "ハン", "ン"], &[]),
        ("ラーメン", &["ラー", "ーメ", "メン", "ン"], &[]),
        ("iPhone买了2个", &["iphone", "买了", "了", "2", "个"], &[]),
        ("漢\u{fe00}字", &["漢字", "字"], &[]),
        ("㈱トヨタ ㎏", &["株", "トヨ", "ヨタ", "タ", "kg"], &[]),
        ("𠮷野家", &["𠮷野", "野家", "家"], &[]),
        ("한국어 공부", &["한국", "국어", "어", "공부", "부"], &[]),
        ("ㅋㅋ", &["ᄏᄏ", "ᄏ"], &[]),
        ("ไทย", &["ไท", "ทย", "ย"], &[]),
        ("ข้าว", &["ขา", "าว", "ว"], &[]),
        ("ລາວ", &["ລາ", "າວ", "ວ"], &[]),
        ("ខ្មែរ", &["ខម", "មែ", "ែរ", "រ"], &[]),
        ("မြန်မာ", &["မြ", "ြန", "နမ", "မာ", "ာ"], &[]),
        ("ไทย 中文 abc", &["ไท", "ทย", "ย", "中文", "文", "abc"], &[]),
        // Emoji.
        ("😂😂 ok", &["😂", "😂", "ok"], &[]),
        ("hi👍there", &["hi", "👍", "there"], &[]),
        ("👍🏽", &["👍🏽"], &["👍"]),
        ("❤️ ❤", &["❤", "❤"], &[]),
        ("👩🏽‍🚀", &["👩🏽‍🚀"], &["👩‍🚀"]),
        ("👨‍👩‍👧‍👦", &["👨‍👩‍👧‍👦"], &[]),
        ("🇩🇪🇫🇷", &["🇩🇪", "🇫🇷"], &[]),
        ("\"\u{20e3} '\u{20e3} \\\u{20e3} a", &["\u{20e3}", "\u{20e3}", "\u{20e3}", "a"], &[]),
        ("#️⃣ 1️⃣ 🏴󠁧󠁢󠁳󠁣󠁴󠁿", &["＃⃣", "1⃣", "🏴󠁧󠁢󠁳󠁣󠁴󠁿"], &[]),
        ("© 2026 → §5 50€", &["2026", "5", "50"], &[]),
        // What nobody sees.
        ("c\u{200b}a\u{ad}s\u{2060}ino\u{feff}", &["casino"], &[]),
        ("\u{200b}\u{200d}\u{fe0f}", &[], &[]),
        ("a\u{fe0f}", &["a"], &[]),
        ("e\u{301}\u{302}\u{303}\u{304}x", &["ex"], &[]),
        ("\u{301}x", &["x"], &[]),
        ("a\u{0}b\u{2028}c", &["a", "b", "c"], &[]),
    ] {
        assert_eq!(words(text), expected, "{text:?}");
        assert_eq!(joined(text), also, "{text:?}, joined");
    }
}

#[test]
fn tokens_know_where_they_stand() {
    for text in
        ["Ein Café, don't 東京都 ข้าว 👍🏽 e\u{301}x c\u{200b}d ﾊﾟﾝ ﷺ 1,000", "שָׁלוֹם مُحَمَّد \u{202e}x", "👩🏽‍🚀👨‍👩‍👧‍👦🇩🇪a\u{fe0f}"]
    {
        let found = tokens(text);
        for token in found.words.iter().chain(&found.joined) {
            let range = text.get(token.start..token.end).unwrap_or_else(|| panic!("{token:?} in {text}"));
            assert!(!range.is_empty() && text.is_char_boundary(token.head), "{token:?} in {text}");
            assert!(token.start < token.head && token.head <= token.end, "{token:?} in {text}");
        }
    }
    let found = tokens("a Café\u{301}!");
    assert_eq!(
        found.words[1].start..found.words[1].end,
        2.."a Café\u{301}".len(),
        "with what stands over its last letter"
    );
    let found = tokens("東京");
    assert_eq!((found.words[0].head, found.words[0].end), (3, 6));
}

#[test]
fn tokens_are_bounded() {
    let long = tokens(&"x".repeat(8_000));
    assert_eq!(long.words.len(), 1);
    assert_eq!(long.words[0].text.len(), LONGEST);
    let many: String = (0..8_000_u32).filter_map(|n| char::from_u32(0x4e00 + n)).collect();
    assert_eq!(tokens(&many).words.len(), 8_000);
    assert_eq!(tokens(&many).indexed().0.collect::<HashSet<_>>().len(), MOST);
    assert_eq!(tokens("a b a").indexed().0.collect::<Vec<_>>(), ["a", "b", "a"], "phrases are found in these");
    let phrases = tokens(&"\u{fdfa}".repeat(8_000));
    assert!(phrases.words.len() <= MOST_CUT + 8, "four words each");
    let hyphens = "a-".repeat(4_000);
    assert!(tokens(&hyphens).joined.iter().all(|token| token.text.len() <= LONGEST));
    let marks = format!("a{}", "\u{301}".repeat(7_999));
    assert_eq!(words(&marks), ["a"]);
    let family = tokens(&format!("👩🏽{}", "\u{200d}👩🏽".repeat(2_600)));
    assert_eq!((family.words.len(), family.joined.len()), (1, 1));
    assert!(family.words.iter().chain(&family.joined).all(|token| token.text.chars().count() <= LONGEST));
}

#[test]
fn what_is_found_is_only_letters_digits_marks_and_emoji() {
    // Of these the databases build queries: none may have a sign that means something there.
    let all: Vec<char> = (0..=0x2ffff_u32).filter_map(char::from_u32).collect();
    for some in all.chunks(500) {
        let found = tokens(&some.iter().collect::<String>());
        for token in found.words.iter().chain(&found.joined) {
            let harmless =
                |c: char| c.is_ascii_alphanumeric() && !c.is_ascii_uppercase() || !c.is_ascii() && !c.is_whitespace();
            assert!(token.text.chars().all(harmless), "{token:?}");
            assert!(!token.text.is_empty() && !token.text.contains('¶'), "{token:?}");
        }
    }
}

/// What is looked at to rank texts, of which there may be hundreds, does not grow with what their authors write.
#[test]
fn ranking_looks_at_the_beginning_of_a_text() {
    for (sign, all) in [("\u{fdfa}", MOST_CUT), ("\u{1100}", 8_000), ("a ", 4_000), ("東", 8_000), ("x", 1)] {
        let text = sign.repeat(8_000 / sign.chars().count());
        let (whole, first) = (tokens(&text), beginning(&text));
        assert!((all..all + 8).contains(&whole.words.len()), "{sign} {}", whole.words.len());
        assert!(first.words.len() <= RANKED_WORDS + 8, "{sign} {}", first.words.len());
        assert!(first.words.iter().all(|token| token.end <= RANKED_OCTETS), "{sign}");
        let same =
            first.words.iter().zip(&whole.words).take(RANKED_WORDS - 8).all(|(one, other)| one.start == other.start);
        assert!(same, "{sign}");
    }
    let usual = "Wir treffen uns im Café, don't be late. ".repeat(100);
    assert_eq!(beginning(&usual), tokens(&usual));
}
