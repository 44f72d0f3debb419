//! A server below a path of somebody's site: every URL that it creates leads back to it.

use clowder_tests::{Answer, Auth, Browser, Client, Database, Mailbox, Place, Socket, World, world::PASSWORD};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_proxy_that_takes_a_path_away() {
    let place = Place::new();
    let (address, public) = (place.address(), place.url());
    let settings = [("PUBLIC_URL", &*public), ("TRUSTED_PROXIES", "127.0.0.0/8"), ("JOB_CONCURRENCY", "1")];
    let world = World::with(Database::sqlite(), &settings).await;
    let _proxy = place.before(&world.server.address);
    let outside = Outside { client: Client::new(&address), address, public };

    outside.errors().await;
    outside.lists().await;
    outside.documents().await;
    outside.addresses(&world).await;
    outside.copies(&world).await;
    outside.pages(&world).await;
    assert!(world.server.log().contains(&format!("{}/api/swagger", outside.public)), "what `serve` says at the start");
}

/// The document as a page loads it.
const SAVED: &str = "performance.getEntriesByType('resource').find((it) => it.name.endsWith('/api/openapi.json'))";

/// A client that knows only the server's public URL.
struct Outside {
    client: Client,
    address: String,
    public: String,
}

impl Outside {
    async fn follow(&self, url: &str) -> reqwest::Response {
        assert!(url.starts_with(&self.public), "{url} leads past {}", self.public);
        let answer = clowder_tests::client::http().build().unwrap().get(url).send().await.unwrap();
        assert!(answer.status().is_success(), "{url}: {}", answer.status());
        answer
    }

    async fn user(&self, name: &str) -> Client {
        let new = json!({"username": name, "email": format!("{name}@example.org"), "password": PASSWORD});
        let made = self.client.post("/api/auth/register", new).await.expect(201);
        self.client.with(made["access"].as_str().unwrap())
    }

    /// The type of a problem links to its description, and its instance is the requested path.
    async fn errors(&self) {
        let problem = self.client.get("/api/nothing").await.refused(404, "route.unknown");
        assert_eq!(problem["instance"], "/base/api/nothing");
        self.follow(problem["type"].as_str().unwrap()).await;
        let answer = self.client.get("/api/auth/me").await;
        self.follow(answer.refused(401, "token.missing")["type"].as_str().unwrap()).await;
    }

    async fn lists(&self) {
        let ada = self.user("ada").await;
        for title in ["one", "two", "three"] {
            ada.post("/api/chats", json!({"type": "group", "title": title})).await.expect(201);
        }
        let mut seen = Vec::new();
        let mut answer = ada.get("/api/chats?limit=1").await;
        loop {
            seen.push(answer.body["items"][0]["title"].as_str().unwrap().to_owned());
            let Some((url, _)) = answer.header("link").strip_prefix('<').and_then(|link| link.split_once('>')) else {
                break;
            };
            let path = url.strip_prefix(&self.public).unwrap_or_else(|| panic!("{url} leads past {}", self.public));
            answer = ada.get(path).await;
        }
        assert_eq!(seen, ["three", "two", "one"]);
        let mut socket = Socket::open(&self.address, Auth::Header(ada.access.as_deref().unwrap()), None).await.unwrap();
        socket.hello().await;
        let problem = socket.command("message.read", json!({"chat_id": "nonsense"})).await.unwrap_err();
        assert!(problem["type"].as_str().unwrap().starts_with(&self.public), "{problem}");
        assert_eq!(problem["instance"], "/base/api/ws");
    }

    async fn documents(&self) {
        let openapi = self.client.get("/api/openapi.json").await.expect(200);
        assert_eq!(openapi["servers"], json!([{"url": self.public}]));
        let asyncapi = self.client.get("/api/asyncapi.json").await.expect(200);
        let server = &asyncapi["servers"]["main"];
        assert_eq!(
            format!("{}{}", server["host"].as_str().unwrap(), server["pathname"].as_str().unwrap()),
            self.address
        );
    }

    /// The address of a request is the client's, whatever proxies added around it.
    async fn addresses(&self, world: &World) {
        let bob = self.user("bob").await;
        let login = json!({"username": "bob", "password": PASSWORD});
        for (client, header, value, address) in [
            (&self.client, "x-forwarded-for", "203.0.113.7:51234", "203.0.113.7"),
            (&self.client, "x-forwarded-for", "1.1.1.1, [2001:db8::7]:443", "2001:db8::7"),
            // Without the proxy, which writes the other header.
            (world.nobody(), "forwarded", "for=\"[2001:db8::8]:443\";proto=https", "2001:db8::8"),
        ] {
            let request = client.request("POST", "/api/auth/login").header(header, value).json(&login);
            Answer::to(request).await.expect(200);
            let sessions = bob.get("/api/auth/sessions").await.expect(200);
            let addresses: Vec<_> = sessions["items"].as_array().unwrap().iter().map(|it| &it["address"]).collect();
            assert!(addresses.contains(&&json!(address)), "{value}: {addresses:?}");
        }
    }

    /// The link of an export, in the response and in the email.
    async fn copies(&self, world: &World) {
        let eve = self.user("eve").await;
        let mail = Mailbox::new(world.database.folder.path().join("mail"));
        let token = mail.next("eve@example.org").await.token("verify");
        self.client.post("/api/auth/verify-email", json!({"token": token})).await.expect(204);
        let asked = eve.post("/api/users/me/export", json!({})).await.expect(202);
        let mailed = loop {
            let email = mail.next("eve@example.org").await;
            if let Some(link) = email.text.split_whitespace().find(|word| word.contains("/api/exports/")) {
                break link.to_owned();
            }
        };
        self.follow(&mailed).await;
        let export = eve.get(&format!("/api/users/me/exports/{}", asked["id"].as_str().unwrap())).await.expect(200);
        self.follow(export["url"].as_str().unwrap()).await;
    }

    /// In a browser: links in emails work, and so do the pages about the API, with and without a trailing slash.
    async fn pages(&self, world: &World) {
        let mail = Mailbox::new(world.database.folder.path().join("mail"));
        let ada = mail.next("ada@example.org").await;
        let link = ada.text.split_whitespace().find(|word| word.contains("#verify=")).unwrap();
        assert!(link.starts_with(&format!("{}/account#", self.public)), "{link}");
        let mut browser = Browser::start().await;
        browser.open(link).await;
        browser.until("document.querySelector('#verify .address').textContent === 'ada@example.org'").await;
        browser.run("document.querySelector('#verify button').click()").await;
        browser.until("document.getElementById('told').textContent.includes('ada@example.org is confirmed')").await;
        for (page, shown) in [
            ("/account/", "getComputedStyle(document.querySelector('main')).maxWidth === '512px'"),
            ("/api/redoc/", "document.querySelector('[data-section-id]')"),
            ("/api/asyncapi/", "document.querySelector('#schema-Message + p + .wide td a')"),
            ("/api/problems", "document.querySelector('td code')"),
            ("/api/swagger/", "document.querySelector('.opblock')"),
            ("/api/swagger", SAVED),
        ] {
            browser.open(&format!("{}{page}", self.public)).await;
            browser.until(shown).await;
        }
        let sizes = browser.run(&format!("const it = {SAVED}; return [it.encodedBodySize, it.decodedBodySize]")).await;
        assert!(sizes[0].as_u64().unwrap() * 4 < sizes[1].as_u64().unwrap(), "the document is compressed: {sizes}");
        assert_eq!(browser.failures, Vec::<String>::new());
    }
}
