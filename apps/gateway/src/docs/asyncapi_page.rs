//! The AsyncAPI document as an HTML page without scripts, so that it needs no outside host.

use std::fmt::Write;

use serde_json::{Map, Value};

use crate::page::{self, escaped};

/// `top` is the relative path from the page to the root of the server.
pub fn asyncapi_page(document: &Value, top: &str) -> String {
    let mut page = Page { document, html: String::with_capacity(128 * 1024) };
    page.all(top);
    page::html(text(&document["info"]["title"]), page::ASYNCAPI, &page.html)
}

struct Page<'d> {
    document: &'d Value,
    html: String,
}

impl<'d> Page<'d> {
    fn all(&mut self, top: &str) {
        let info = &self.document["info"];
        let title = escaped(text(&info["title"]));
        self.put(&format!(
            "<h1>{title}</h1>\n\
             <p>Version {}. The same for programs: <a href=\"{top}api/asyncapi.json\">AsyncAPI {}</a>. Calls over HTTP: \
             <a href=\"{top}api/redoc\">ReDoc</a>, <a href=\"{top}api/swagger\">Swagger UI</a>.\n\
             <nav><a href=\"#connect\">Connect</a> <a href=\"#commands\">Commands</a> <a href=\"#events\">Events</a> \
             <a href=\"#close-codes\">Close codes</a> <a href=\"#schemas\">Schemas</a></nav>\n",
            escaped(text(&info["version"])),
            escaped(text(&self.document["asyncapi"])),
        ));
        self.connect();
        self.commands();
        self.events();
        self.close_codes();
        self.schemas();
    }

    fn connect(&mut self) {
        let (server, channel) = (&self.document["servers"]["main"], &self.document["channels"]["socket"]);
        let address = [&server["host"], &server["pathname"], &channel["address"]].map(text).concat();
        let address = escaped(&format!("{}://{address}", text(&server["protocol"])));
        self.put(&format!("<h2 id=connect>Connect</h2>\n<pre>{address}</pre>\n"));
        for paragraph in text(&self.document["info"]["description"]).split("\n\n") {
            self.put(&format!("<p>{}\n", inline(paragraph)));
        }
        self.put("<h3>Who connects</h3>\n");
        let schemes = members(&self.document["components"]["securitySchemes"]);
        let rows = schemes.map(|(name, scheme)| {
            let place = match text(&scheme["name"]) {
                "" => "the header <code>Authorization: Bearer …</code>".to_owned(),
                place => format!("<code>{}</code> ({})", escaped(place), escaped(text(&scheme["in"]))),
            };
            vec![escaped(name), place, inline(text(&scheme["description"]))]
        });
        self.table(&["Way", "Where", "What for"], rows.collect());
        self.put("<h3>Parameters of the address</h3>\n");
        let query = &channel["bindings"]["ws"]["query"];
        let rows = members(&query["properties"]).map(|(name, schema)| {
            vec![format!("<code>{}</code>", escaped(name)), inline(text(&schema["description"]))]
        });
        self.table(&["Parameter", "Meaning"], rows.collect());
    }

    fn commands(&mut self) {
        self.put("<h2 id=commands>Commands</h2>\n<p>What the client sends. Each is answered with one frame.\n");
        for (name, operation) in members(&self.document["operations"]) {
            if operation["action"] != "receive" {
                continue;
            }
            let message = self.message(&operation["messages"][0]);
            self.head("command", name, message);
            self.frame(message);
            let answers = operation["reply"]["messages"].as_array().into_iter().flatten();
            let answers: Vec<_> = answers.map(|answer| self.type_of(&self.message(answer)["payload"])).collect();
            self.put(&format!("<p>Answered with {}.\n", answers.join(" or ")));
        }
    }

    fn events(&mut self) {
        self.put("<h2 id=events>Events</h2>\n<p>What the server sends.\n");
        for event in self.document["operations"]["events"]["messages"].as_array().into_iter().flatten() {
            let message = self.message(event);
            self.head("event", text(&message["name"]), message);
            self.frame(message);
        }
    }

    fn close_codes(&mut self) {
        self.put("<h2 id=close-codes>Close codes</h2>\n");
        let rows = self.document["channels"]["socket"]["x-close-codes"].as_array().into_iter().flatten().map(|row| {
            let cells = [&row["reason"], &row["reconnect"], &row["what_to_do"]];
            let code = format!("<code>{}</code>", row["code"]);
            std::iter::once(code).chain(cells.map(|cell| inline(text(cell)))).collect()
        });
        self.table(&["Code", "Reason", "Reconnect?", "What to do"], rows.collect());
    }

    fn schemas(&mut self) {
        self.put("<h2 id=schemas>Schemas</h2>\n");
        for (name, schema) in members(&self.document["components"]["schemas"]) {
            let name = escaped(name);
            self.put(&format!("<h3 id=\"schema-{name}\">{name}</h3>\n"));
            self.paragraph(&schema["description"]);
            if schema["properties"].is_object() {
                self.properties(schema);
            } else {
                self.put(&format!("<p>{}\n", self.type_of(schema)));
            }
        }
    }

    fn head(&mut self, kind: &str, name: &str, message: &Value) {
        let name = escaped(name);
        self.put(&format!("<h3 id=\"{kind}-{name}\"><code>{name}</code></h3>\n"));
        self.paragraph(&message["summary"]);
        self.paragraph(&message["description"]);
    }

    /// The schema of a frame, and an example of it.
    fn frame(&mut self, message: &Value) {
        let schema = self.type_of(&message["payload"]);
        self.put(&format!("<p>The frame: {schema}. For example:\n"));
        let example = &message["examples"][0]["payload"];
        self.put(&format!("<pre>{}</pre>\n", escaped(&format!("{example:#}"))));
    }

    fn properties(&mut self, schema: &Value) {
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let rows = members(&schema["properties"]).map(|(name, member)| {
            let there = if required.iter().any(|required| required == name) { "always" } else { "" };
            let either = member["oneOf"].as_array().into_iter().flatten();
            let says = std::iter::once(member).chain(either).find_map(|schema| schema["description"].as_str());
            let says = inline(says.unwrap_or_default());
            vec![format!("<code>{}</code>", escaped(name)), self.type_of(member), there.to_owned(), says]
        });
        self.table(&["Member", "Type", "Required", "Meaning"], rows.collect());
    }

    /// A short description of a schema, with links to named schemas.
    fn type_of(&self, schema: &Value) -> String {
        let each = |schemas: &Value, word: &str| {
            let schemas = schemas.as_array().into_iter().flatten();
            schemas.map(|schema| self.type_of(schema)).collect::<Vec<_>>().join(word)
        };
        let literals = |values: &Value| {
            let values = values.as_array().into_iter().flatten();
            values.map(|value| format!("<code>{}</code>", escaped(&value.to_string()))).collect::<Vec<_>>().join(", ")
        };
        if let Some(name) = schema["$ref"].as_str().and_then(|target| target.rsplit('/').next()) {
            let name = escaped(name);
            return format!("<a href=\"#schema-{name}\">{name}</a>");
        }
        let mut words = match schema {
            _ if schema["const"] != Value::Null => format!("<code>{}</code>", escaped(&schema["const"].to_string())),
            _ if schema["enum"].is_array() => format!("one of {}", literals(&schema["enum"])),
            _ if schema["oneOf"].is_array() => each(&schema["oneOf"], " or "),
            _ if schema["anyOf"].is_array() => each(&schema["anyOf"], " or "),
            _ if schema["allOf"].is_array() => each(&schema["allOf"], " with the members of "),
            _ if schema["type"] == "array" => format!("list of {}", self.type_of(&schema["items"])),
            _ => match &schema["type"] {
                Value::Array(types) => types.iter().map(text).collect::<Vec<_>>().join(" or "),
                plain => text(plain).to_owned(),
            },
        };
        for (bound, says) in [("format", ""), ("minimum", "at least "), ("maximum", "at most ")] {
            match &schema[bound] {
                Value::Null => {}
                Value::String(value) => drop(write!(words, ", {}", escaped(value))),
                value => drop(write!(words, ", {says}{value}")),
            }
        }
        if let Some(most) = schema["maxLength"].as_u64() {
            let _ = write!(words, ", at most {most} characters");
        }
        words
    }

    /// The message that an operation refers to.
    fn message(&self, reference: &Value) -> &'d Value {
        let (document, key) = (self.document, text(&reference["$ref"]).rsplit('/').next().unwrap_or_default());
        &document["components"]["messages"][key]
    }

    fn table(&mut self, heads: &[&str], rows: Vec<Vec<String>>) {
        let heads: String = heads.iter().map(|head| format!("<th>{head}")).collect();
        self.put(&format!("<div class=wide><table><tr>{heads}\n"));
        for row in rows {
            let cells: String = row.iter().map(|cell| format!("<td>{cell}")).collect();
            self.put(&format!("<tr>{cells}\n"));
        }
        self.put("</table></div>\n");
    }

    fn paragraph(&mut self, words: &Value) {
        for words in words.as_str().into_iter().flat_map(|words| words.split("\n\n")) {
            self.put(&format!("<p>{}\n", inline(words)));
        }
    }

    fn put(&mut self, html: &str) {
        self.html.push_str(html);
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

/// Text with code between backticks.
fn inline(words: &str) -> String {
    let parts = words.split('`').enumerate();
    parts
        .map(|(index, part)| match index % 2 {
            0 => escaped(part),
            _ => format!("<code>{}</code>", escaped(part)),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{docs::asyncapi, public_url::PublicUrl};

    #[test]
    fn the_page_tells_everything_and_asks_nobody() {
        let document = asyncapi(&"https://chat.example/base".parse::<PublicUrl>().unwrap());
        let page = asyncapi_page(&document, "../");
        assert!(page.contains("<pre>wss://chat.example/base/api/ws</pre>"));
        for name in document["components"]["schemas"].as_object().unwrap().keys() {
            assert!(page.contains(&format!("<h3 id=\"schema-{name}\">")), "{name}");
        }
        for message in document["components"]["messages"].as_object().unwrap().values() {
            assert!(page.contains(&inline(message["summary"].as_str().unwrap())) || message["name"] == "ack");
        }
        for link in page.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            match link.strip_prefix('#') {
                Some(place) => assert!(
                    page.contains(&format!("id=\"{place}\"")) || page.contains(&format!("id={place}>")),
                    "{place}"
                ),
                None => assert!(link.starts_with("../api/"), "{link}"),
            }
        }
        assert!(!page.contains("<script") && !page.contains("src="));
    }

    #[test]
    fn what_stands_in_the_document_cannot_become_markup() {
        assert_eq!(inline("a `<b>` & \"c\" <d>"), "a <code>&lt;b></code> &amp; &quot;c&quot; &lt;d>");
        let document = serde_json::json!({"servers": {"main": {"host": "<script>alert(1)</script>"}}});
        assert!(!asyncapi_page(&document, "").contains("<script>"));
    }
}
