//! Tables of forms and of what is no form; and a form is the same however it arrives.

use proptest::{prelude::*, sample::Index};

use super::*;

/// Everything that is found in a form that arrives in these pieces, as far as it can be read.
fn read<'b>(boundary: &str, pieces: impl Iterator<Item = &'b [u8]>) -> (Vec<String>, Result<bool, Malformed>) {
    let mut parts = Parts::new(boundary).unwrap();
    let (mut found, mut content, mut has_ended) = (Vec::new(), None::<Vec<u8>>, false);
    for piece in pieces {
        parts.feed(piece.to_vec().into());
        loop {
            match parts.step() {
                Ok(Some(Step::Part(head))) => {
                    found.push(format!("{} {:?}", head.name, head.file_name));
                    content = Some(Vec::new());
                }
                Ok(Some(Step::Content(more))) => {
                    assert!(!more.is_empty());
                    content.as_mut().unwrap().extend_from_slice(&more);
                }
                Ok(Some(Step::PartEnds)) => found.push(String::from_utf8_lossy(&content.take().unwrap()).into_owned()),
                Ok(Some(Step::End)) => has_ended = true,
                Ok(None) => break,
                Err(malformed) => return (found, Err(malformed)),
            }
        }
        let most = LONGEST_HEAD.max(piece.len() + boundary.len()) + 4;
        assert!(parts.buffer.len() <= most, "it keeps {} octets", parts.buffer.len());
    }
    (found, Ok(has_ended))
}

fn whole(boundary: &str, form: &str) -> (Vec<String>, Result<bool, Malformed>) {
    read(boundary, std::iter::once(form.as_bytes()))
}

fn part(name: &str, content: &str) -> String {
    format!("--bound\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{content}\r\n")
}

fn named(name: &str, content: &str) -> [String; 2] {
    [format!("{name} None"), content.to_owned()]
}

#[test]
fn forms_are_taken_apart() {
    let (a, b) = (part("a", "1"), part("b", ""));
    let head = "Content-Disposition: form-data; name=\"a\"\r\n";
    let like_a_boundary = "\r\n--boun\r\n-bound\r\n--\r--bound\n--bound--\r\n --bound";
    for (form, expected) in [
        (format!("{a}{b}--bound--"), [named("a", "1"), named("b", "")].concat()),
        (format!("{a}--bound--\r\n"), named("a", "1").to_vec()),
        (format!("{a}--bound--more\r\n{b}--bound--"), named("a", "1").to_vec()),
        (format!("A preamble--bound\r\n\r\n-\n\r\n{a}--bound--\r\nand more"), named("a", "1").to_vec()),
        (format!("\r\n{a}--bound--"), named("a", "1").to_vec()),
        (a.replace("bound\r\n", "bound \t \r\n") + "--bound--  \r\n", named("a", "1").to_vec()),
        (part("a", like_a_boundary) + "--bound--", named("a", like_a_boundary).to_vec()),
        (part("a", "\r\n\r\n") + "--bound--", named("a", "\r\n\r\n").to_vec()),
        // The line break after the headers is that before the boundary.
        (format!("--bound\r\n{head}\r\n{b}--bound--"), [named("a", ""), named("b", "")].concat()),
        (format!("--bound\r\n{head}\r\n--bound--"), named("a", "").to_vec()),
        ("--bound--\r\n".to_owned(), vec![]),
    ] {
        assert_eq!(whole("bound", &form), (expected, Ok(true)), "{form:?}");
    }
    let form = a.replace("bound", "b") + "--b--";
    assert_eq!(whole("b", &form), (named("a", "1").to_vec(), Ok(true)), "the shortest boundary");
}

#[test]
fn a_form_ends_with_the_last_boundary() {
    let form = part("a", "0\r1\r\n2") + &part("b", "3") + "--bound--";
    for length in 0..form.len() {
        let (_, ended) = whole("bound", &form[..length]);
        assert_eq!(ended, Ok(false), "{:?}", &form[..length]);
    }
    assert_eq!(whole("bound", &form).1, Ok(true));
}

#[test]
fn what_is_no_form_is_told() {
    let a = part("a", "1");
    let long = |octets: usize| {
        let head = "Content-Disposition: form-data; name=\"a\"\r\nX-More: ";
        format!("--bound\r\n{head}{}\r\n\r\n1\r\n--bound--", "x".repeat(octets - head.len() - 2))
    };
    for (form, says) in [
        (a.repeat(MOST_PARTS) + "--bound--", ""),
        (a.repeat(MOST_PARTS + 1) + "--bound--", "more than 16 parts"),
        (long(LONGEST_HEAD), ""),
        (long(LONGEST_HEAD + 1), "headers of a part have more than 8 KiB"),
        (format!("--bound\r\n{}", "X: y\r\n".repeat(100_000)), "headers of a part have more than 8 KiB"),
        (format!("{}\r\n{a}--bound--", "x".repeat(MOST_BESIDE - 4)), ""),
        (format!("{}\r\n{a}--bound--", "x".repeat(MOST_BESIDE)), "more than 16 KiB beside"),
        (format!("{a}--bound--{}", "x".repeat(MOST_BESIDE + 1)), "more than 16 KiB beside"),
        (format!("--bound{}", " ".repeat(MOST_BESIDE + 1)), "more than 16 KiB beside"),
        (format!("{a}--boundary\r\n"), "followed by a line break"),
        (format!("{a}--bound --"), "followed by a line break"),
        (format!("{a}--bound\n"), "followed by a line break"),
        (format!("{a}--bound-"), ""),
        (format!("{a}--bound-x"), "followed by a line break"),
        ("--bound\r\n\r\n1\r\n--bound--".to_owned(), "Content-Disposition"),
    ] {
        let told = whole("bound", &form).1.map_or_else(|malformed| malformed.0, |_| String::new());
        assert!(if says.is_empty() { told.is_empty() } else { told.contains(says) }, "{says}: {told}");
    }
}

#[test]
fn boundaries_are_as_they_can_be() {
    let longest = "b".repeat(70);
    for (boundary, is_one) in [
        ("", false),
        ("b", true),
        ("a b'()+_,-./:=?", true),
        ("a ", false),
        ("a\r\nb", false),
        ("ä", false),
        (longest.as_str(), true),
        (format!("{longest}b").as_str(), false),
    ] {
        assert_eq!(Parts::new(boundary).is_ok(), is_one, "{boundary}");
    }
}

#[test]
fn it_is_the_same_form_wherever_it_is_split() {
    let form = format!("pre\r\n{}{}--bound \t\r\n", part("a", "\r\n--bou\r\r\n-"), part("b", ""))
        + "Content-Disposition: form-data;\r\n name=c; filename=\"d\"\r\n\r\n\r\n\r\n--bound--\r\npost";
    let expected = whole("bound", &form);
    assert_eq!((expected.0.len(), &expected.1), (6, &Ok(true)));
    for first in 0..=form.len() {
        for second in first..=form.len() {
            let pieces = [&form[..first], &form[first..second], &form[second..]];
            assert_eq!(read("bound", pieces.into_iter().map(str::as_bytes)), expected, "{first} {second}");
        }
    }
}

/// Texts that look much like a form.
fn forms() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "--b\r\n",
        "--b--",
        "\r\n--b",
        "\r\n",
        "\r",
        "\n",
        "-",
        "b",
        " ",
        "Content-Disposition: form-data; name=\"a\"\r\n\r\n",
        "--b\r\nContent-Disposition: form-data; name=\"a\"; filename=\"c\"\r\n\r\n",
        "ä",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn however_it_arrives_it_is_the_same(form in forms(), cuts in prop::collection::vec(any::<Index>(), 0..20)) {
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.index(form.len() + 1)).chain([0, form.len()]).collect();
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|cut| &form.as_bytes()[cut[0]..cut[1]]);
        let single = form.as_bytes().chunks(1);
        let expected = whole("b", &form);
        prop_assert_eq!(read("b", pieces), expected.clone());
        prop_assert_eq!(read("b", single), expected);
    }
}
