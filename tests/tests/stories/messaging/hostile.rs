//! Hostile texts, by every way that a text takes: each is refused in the same way wherever it is sent, or comes back as it was
//! written but for its normalisation, and nothing of it is ever markup.

use clowder_tests::{Answer, Socket, User, World, answer, on_both, until, world::each};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

on_both!(shared; hostile_texts, what_is_no_text, hostile_emoji, hostile_searches);

/// What becomes of a text.
#[derive(Clone)]
enum Then {
    Kept,
    /// Normalised to NFC.
    As(String),
    /// 422, with this code for the member.
    Refused(&'static str),
}

use Then::{As, Kept, Refused};

/// What it is, the text, and what becomes of it as a message and as a title.
type Row = (&'static str, String, Then, Then);

const TEN_CODE_POINTS: &str = "\u{1f469}\u{1f3fd}\u{200d}\u{2764}\u{fe0f}\u{200d}\u{1f48b}\u{200d}\u{1f468}\u{1f3ff}";
const SCOTLAND: &str = "\u{1f3f4}\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}";

fn rows() -> Vec<Row> {
    let control = || Refused("control_character");
    let row = |what, text: &str, message, title| (what, text.to_owned(), message, title);
    vec![
        row("turned around", "\u{202e}cod.exe", Kept, Refused("characters")),
        row("isolates that stay open", "\u{2066}\u{2067}\u{2068}\u{202a}abc", Kept, Refused("characters")),
        row("right to left", "שלום عليكم 123 (abc)", Kept, Kept),
        row("zero width", "ca\u{200b}si\u{2060}no\u{feff}", Kept, Refused("characters")),
        row("joined", "क्\u{200d}ष می\u{200c}خواهم", Kept, Kept),
        row("nothing that is seen", "\u{200b}\u{2060}\u{202e}", Refused("required"), Refused("required")),
        row("spaces", "  \u{3000}\u{a0}\u{2003}", Refused("required"), Refused("required")),
        row("a filler", "\u{3164}\u{2800}", Refused("required"), Refused("required")),
        row("marks alone", "\u{20dd}\u{335}", Kept, Kept),
        row("marks in a tower", &format!("o{}", "\u{335}".repeat(500)), Kept, Refused("too_long")),
        row("decomposed", "Cafe\u{301} A\u{30a}", As("Café Å".into()), As("Café Å".into())),
        row("marks out of order", "q\u{307}\u{323}", As("q\u{323}\u{307}".into()), As("q\u{323}\u{307}".into())),
        row("an emoji of ten code points", TEN_CODE_POINTS, Kept, Kept),
        row("a flag of tags", SCOTLAND, Kept, Kept),
        row("NUL", "a\0b", control(), control()),
        row("an escape sequence", "\u{1b}[31mred\u{1b}]0;title\u{7}", control(), control()),
        row("a control of C1", "a\u{85}b", control(), control()),
        row("delete", "a\u{7f}b", control(), control()),
        row("four octets each", &"😀".repeat(8_000), Kept, Refused("too_long")),
        row("one too many", &"😀".repeat(8_001), Refused("too_long"), Refused("too_long")),
        row("grows to 9,000", &"\u{1d160}".repeat(3_000), Refused("too_long"), Refused("too_long")),
        row(
            "grows to 6,000",
            &"\u{1d160}".repeat(2_000),
            As("\u{1d158}\u{1d165}\u{1d16e}".repeat(2_000)),
            Refused("too_long"),
        ),
        row("grows in the index", &"\u{fdfa}".repeat(2_000), Kept, Refused("too_long")),
        row("markup", "<script>alert(1)</script><img src=x onerror=alert(1)>", Kept, Kept),
        row("the end of markup", "\"'></p></title></style></main><!-- & &lt; &#x3c; &amp;lt; ]]>", Kept, Kept),
        row("a formula", "=cmd|' /C calc'!A0", Kept, Kept),
        row("a statement", "'); DROP TABLE messages;-- % _ \\", Kept, Kept),
        row("templates", "{{7*7}} ${7*7} %s %n {0}", Kept, Kept),
        row("the replacement character", "a\u{fffd}b", Kept, Kept),
        row("noncharacters", "a\u{fffe}\u{fdd0}\u{10ffff}", Kept, Kept),
        row("private use", "\u{e000}\u{f8ff}", Kept, Refused("required")),
        row("a flood of lines", &format!("a{}b", "\n".repeat(7_000)), Kept, control()),
        row("other breaks and tabs", "a\r\nb\rc\td", Kept, control()),
        row("separators of lines", "a\u{2028}b\u{2029}c", Kept, control()),
        row("look-alikes", "аdmin рaypal Ⅳ ﬁ ａ", Kept, Kept),
    ]
}

/// What an answer says of a text: how it is now, or the code of its flaw.
fn told(answer: &Result<Value, Value>, member: &str) -> Result<String, String> {
    match answer {
        Ok(shown) => Ok(shown[member].as_str().unwrap().to_owned()),
        Err(problem) => {
            let flaw = &problem["errors"][0];
            assert_eq!(flaw["pointer"], format!("/{member}"), "{problem}");
            assert_eq!(problem["errors"].as_array().unwrap().len(), 1, "{problem}");
            assert!(flaw["message"].as_str().is_some_and(|says| !says.is_empty()), "{problem}");
            Err(flaw["code"].as_str().unwrap().to_owned())
        }
    }
}

fn of(answer: Answer) -> Result<Value, Value> {
    assert!(matches!(answer.status, 200 | 201 | 422), "{answer:?}");
    if answer.status == 422 { Err(answer.body) } else { Ok(answer.body) }
}

fn expected(text: &str, then: &Then) -> Result<String, String> {
    match then {
        Kept => Ok(text.to_owned()),
        As(written) => Ok(written.clone()),
        Refused(code) => Err((*code).to_owned()),
    }
}

/// The text of a piece of HTML, in which nothing but these tags may be.
fn text_of(html: &str, tags: &[&str]) -> String {
    let mut pieces = html.split('<');
    let mut text = pieces.next().unwrap().to_owned();
    for piece in pieces {
        let (tag, rest) = piece.split_once('>').unwrap_or_else(|| panic!("a tag without an end: <{piece}"));
        let name: String = tag.chars().take_while(|c| !c.is_whitespace()).collect();
        assert!(tags.contains(&name.as_str()), "a tag that nobody wrote: <{tag}>");
        text += rest;
    }
    for (entity, sign) in [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")] {
        text = text.replace(entity, sign);
    }
    text
}

/// A value as it stands in a query.
fn encoded(text: &str) -> String {
    text.bytes().map(|octet| format!("%{octet:02X}")).collect()
}

async fn send(user: &User, chat: &str, new: Value) -> Result<Value, Value> {
    of(user.post(&format!("/api/chats/{chat}/messages"), new).await)
}

async fn hostile_texts(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let (chat, other) = (ada.group("Lunch", &[&bob]).await, ada.group("Dinner", &[&bob]).await);
    let (mut socket, mut phone) = (ada.socket().await, bob.socket().await);
    let mut contents = Vec::new();
    for (n, (what, text, message, title)) in rows().into_iter().enumerate() {
        let then = expected(&text, &message);
        let new = json!({"content": text});
        let sent = send(&ada, &chat, new.clone()).await;
        assert_eq!(told(&sent, "content"), then, "{what}");
        let by_socket = socket.command("message.send", json!({"chat_id": chat, "content": text})).await;
        assert_eq!(told(&by_socket, "content"), then, "{what}, over the socket");
        let first = ada.says(&chat, "first").await;
        let path = format!("/api/messages/{}", first["id"].as_str().unwrap());
        let edited = of(ada.patch(&path, new).await);
        assert_eq!(told(&edited, "content"), then, "{what}, edited");
        let edit = json!({"message_id": first["id"], "content": text});
        assert_eq!(
            told(&socket.command("message.edit", edit).await, "content"),
            then,
            "{what}, edited over the socket"
        );
        titled(&ada, &mut socket, &other, (what, &text, &title)).await;
        let Ok(written) = then else {
            contents.push("first".to_owned());
            continue;
        };
        contents.extend([written.clone(), written.clone(), written.clone()]);
        let sent = sent.unwrap();
        for id in [&sent["id"], &by_socket.unwrap()["id"]] {
            let heard = loop {
                let heard = phone.until("message.sent").await;
                if heard["data"]["id"] == *id {
                    break heard;
                }
            };
            assert_eq!(heard["data"]["content"], *written, "{what}, as an event");
        }

        // It is quoted, found and forwarded by another person.
        let head: String = written.chars().take(7_900).collect();
        let long = format!("zq{n}x {head}");
        let named = send(&ada, &chat, json!({"content": long})).await.unwrap();
        assert_eq!(named["content"], *long, "{what}");
        let quoting = send(&bob, &chat, json!({"content": "re", "reply_to": sent["id"]})).await.unwrap();
        let excerpt = quoting["reply_to"]["excerpt"].as_str().unwrap();
        assert!(written.starts_with(excerpt) && (1..=100).contains(&excerpt.chars().count()), "{what}: {excerpt:?}");
        let forward = json!({"chat_ids": [other]});
        let path = format!("/api/messages/{}/forward", named["id"].as_str().unwrap());
        bob.post(&path, forward).await.expect(201);
        assert_eq!(bob.messages(&other).await.last().unwrap()["content"], *long, "{what}, forwarded");
        let search = format!("/api/chats/{chat}/search?q=zq{n}x");
        let hit = answer("the message is found", async || {
            bob.get(&search).await.expect(200)["items"].as_array().unwrap().first().cloned()
        })
        .await;
        assert_eq!(hit["message"]["content"], *long, "{what}, found");
        let highlight = hit["highlight"].as_str().unwrap();
        assert!(highlight.contains(&format!("<mark>zq{n}x</mark>")), "{what}: {highlight}");
        let shown = text_of(highlight, &["mark", "/mark"]);
        assert!(long.starts_with(shown.trim_end_matches('…')), "{what}: {shown:?}");
        contents.extend([long, "re".to_owned()]);
    }
    let page: Vec<_> = bob.messages(&chat).await.into_iter().filter(|message| message["type"] == "text").collect();
    assert_eq!(each(&page, "content"), contents.iter().map(|content| json!(content)).collect::<Vec<_>>());
    exported(&bob, &chat, &contents).await;
}

/// The same text as a title, twice in each way.
async fn titled(ada: &User, socket: &mut Socket, chat: &str, (what, text, then): (&str, &str, &Then)) {
    let then = expected(text, then);
    for _ in 0..2 {
        let edited = of(ada.patch(&format!("/api/chats/{chat}"), json!({"title": text})).await);
        assert_eq!(told(&edited, "title"), then, "{what}, as a title");
        let edited = socket.command("chat.edit", json!({"chat_id": chat, "title": text})).await;
        assert_eq!(told(&edited, "title"), then, "{what}, as a title over the socket");
    }
    let made = of(ada.post("/api/chats", json!({"type": "group", "title": text})).await);
    assert_eq!(told(&made, "title"), then, "{what}, as a title at first");
    if let Ok(title) = then {
        assert_eq!(ada.chat(chat).await["title"], *title, "{what}, as a title");
    }
}

async fn exported(user: &User, chat: &str, contents: &[String]) {
    let mut files = Vec::new();
    for format in ["json", "html"] {
        let made = user.post(&format!("/api/chats/{chat}/export"), json!({"format": format})).await.expect(202);
        let path = format!("/api/chat-exports/{}", made["id"].as_str().unwrap());
        until("the export is ready", async || user.get(&path).await.expect(200)["status"] == "ready").await;
        files.push(user.get(&format!("{path}/file")).await);
    }
    let [json, html] = files.as_slice() else { unreachable!() };
    let messages = json.body["messages"].as_array().unwrap().iter().filter(|message| message["type"] == "text");
    assert_eq!(each(messages, "content"), contents.iter().map(|content| json!(content)).collect::<Vec<_>>());
    let (head, page) = html.text.split_once("<main>").unwrap();
    assert!(head.contains("default-src 'none'"), "{head}");
    const TAGS: [&str; 20] = [
        "article",
        "/article",
        "header",
        "/header",
        "b",
        "/b",
        "bdi",
        "/bdi",
        "a",
        "/a",
        "time",
        "/time",
        "p",
        "/p",
        "blockquote",
        "/blockquote",
        "/main",
        "/body",
        "/html",
        "footer",
    ];
    text_of(page, &TAGS);
    let shown: Vec<_> = page.split("<p dir=\"auto\">").skip(1).collect();
    let shown: Vec<_> = shown.iter().map(|rest| text_of(rest.split_once("</p>").unwrap().0, &[])).collect();
    assert_eq!(shown, contents);
}

/// Half a pair of surrogates is no character, in whatever member it stands, and nothing of what it came with happens.
async fn what_is_no_text(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let mut socket = ada.socket().await;
    for half in [r"\ud800", r"\udc00", r"a\ud83d", r"\ude00\ud83d", r"\ud800\u0041"] {
        for (method, path, body) in [
            ("POST", format!("/api/chats/{chat}/messages"), format!(r#"{{"content":"{half}"}}"#)),
            ("PATCH", format!("/api/chats/{chat}"), format!(r#"{{"title":"{half}"}}"#)),
            ("PUT", format!("/api/chats/{chat}/draft"), format!(r#"{{"content":"{half}"}}"#)),
        ] {
            let request = ada.request(method, &path).header("content-type", "application/json").body(body);
            Answer::to(request).await.refused(400, "body.unparsable");
        }
    }
    for half in [r"\ud800", r"a\ud83d", r"\ude00\ud83d"] {
        let data = format!(r#"{{"chat_id":"{chat}","content":"{half}"}}"#);
        socket.send(Message::text(format!(r#"{{"id":1,"type":"message.send","data":{data}}}"#))).await;
        let refused = socket.until("error").await;
        assert_eq!((&refused["id"], &refused["data"]["code"]), (&json!(1), &json!("frame.unparsable")));
    }
    // Octets that are no UTF-8 are none either.
    let request = ada.request("POST", &format!("/api/chats/{chat}/messages"));
    let request = request.header("content-type", "application/json").body(b"{\"content\":\"\xed\xa0\x80\"}".to_vec());
    Answer::to(request).await.refused(400, "body.unparsable");
    assert_eq!(ada.messages(&chat).await, Vec::<Value>::new());
    // Both halves are one character.
    let whole = ada.request("POST", &format!("/api/chats/{chat}/messages")).header("content-type", "application/json");
    let sent = Answer::to(whole.body(r#"{"content":"\ud83d\ude00"}"#)).await.expect(201);
    assert_eq!(sent["content"], "😀");
}

/// An emoji is one, however many code points it has, and everything else is none, by either way.
async fn hostile_emoji(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    let message = bob.says(&chat, "look").await["id"].clone();
    let mut socket = ada.socket().await;
    let family = "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}\u{200d}\u{1f466}";
    for emoji in [TEN_CODE_POINTS, SCOTLAND, family, "\u{1f3f3}\u{fe0f}\u{200d}\u{1f308}", "\u{1f1e7}\u{1f1ea}"] {
        let path = format!("/api/messages/{}/reactions/{}", message.as_str().unwrap(), encoded(emoji));
        assert_eq!(ada.put(&path, json!({})).await.expect(200)["emoji"], emoji);
        let data = json!({"message_id": message, "emoji": emoji});
        assert_eq!(socket.command("reaction.remove", data.clone()).await.unwrap()["count"], 0, "{emoji}");
        assert_eq!(socket.command("reaction.add", data).await.unwrap()["count"], 1, "{emoji}");
        let shown = bob.messages(&chat).await[0]["reactions"].clone();
        assert!(shown.as_array().unwrap().iter().any(|reacted| reacted["emoji"] == emoji), "{emoji}: {shown}");
    }
    for none in [
        "\u{301}",
        "<b>",
        "👍👍",
        "\u{200d}",
        "👍\u{200d}",
        "\u{202e}👍",
        "a",
        "\u{fe0f}",
        "👍\u{301}",
        "\u{1f3fd}\u{200d}",
    ] {
        let path = format!("/api/messages/{}/reactions/{}", message.as_str().unwrap(), encoded(none));
        let over_rest = ada.put(&path, json!({})).await;
        let over_socket =
            socket.command("reaction.add", json!({"message_id": message, "emoji": none})).await.unwrap_err();
        assert_eq!(over_rest.status, 422, "{none:?}: {over_rest:?}");
        let flaws = (&over_rest.body["errors"][0]["code"], &over_socket["errors"][0]["code"]);
        assert_eq!(flaws, (&json!("emoji"), &json!("emoji")), "{none:?}");
    }
}

/// Nothing that is looked for is more than a text, or breaks a search.
async fn hostile_searches(world: World) {
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.group("Lunch", &[&bob]).await;
    ada.says(&chat, "hello").await;
    for (what, text, ..) in rows() {
        for path in [
            "/api/search/messages?q".to_owned(),
            format!("/api/chats/{chat}/search?q"),
            "/api/search/chats?q".to_owned(),
            "/api/search/suggestions?q".to_owned(),
            "/api/search/users?q".to_owned(),
            "/api/chats?q".to_owned(),
            "/api/chats/directory?search".to_owned(),
        ] {
            let text: String = text.chars().take(201).collect();
            let asked = format!("{path}={}", encoded(&text));
            let found = bob.get(&asked).await;
            assert_eq!(found.status, bob.get(&asked).await.status, "{what}, {path}");
            match found.status {
                200 => {
                    for item in found.body["items"].as_array().unwrap() {
                        text_of(item["highlight"].as_str().unwrap_or_default(), &["mark", "/mark"]);
                    }
                }
                _ => {
                    let named = format!("?{}", path.rsplit('?').next().unwrap());
                    assert!(found.wrong_fields().iter().all(|pointer| *pointer == named), "{what}, {path}");
                }
            }
        }
    }
}
