//! A page of another origin signs in, keeps a socket open, and learns why it is refused.

use clowder_tests::{Browser, Database, Site, World, world::PASSWORD};
use serde_json::{Value, json};

/// `call` calls the API, `socket` opens a socket that stores its frames, `heard` waits for a frame of a type.
const KIT: &str = r#"
    window.call = async (method, path, body, headers = {}) => {
        if (body) headers["content-type"] = "application/json";
        const answer = await fetch(api + path, { method, headers, body: body && JSON.stringify(body) });
        return { status: answer.status, headers: Object.fromEntries(answer.headers), body: await answer.json() };
    };
    window.socket = (protocols, query = "") => {
        const socket = new WebSocket(api.replace("http", "ws") + "/api/ws" + query, protocols);
        const it = { socket, frames: [], wake: () => {} };
        it.closed = new Promise((done) => {
            socket.onclose = ({ code, reason }) => done({ code, reason, protocol: socket.protocol });
        });
        socket.onmessage = ({ data }) => { it.frames.push(JSON.parse(data)); it.wake(); };
        return it;
    };
    window.heard = async (it, type) => {
        for (;;) {
            const found = it.frames.findIndex((frame) => frame.type === type);
            if (found >= 0) return it.frames.splice(found, 1)[0];
            await Promise.race([
                new Promise((next) => { it.wake = next; }),
                it.closed.then(({ code, reason }) => { throw new Error(`closed: ${code} ${reason}`); }),
            ]);
        }
    };
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_another_origin() {
    let (site, stranger) = (Site::start().await, Site::start().await);
    let settings = [("CORS_ALLOWED_ORIGINS", &*site.origin), ("HEARTBEAT_SECONDS", "1")];
    let world = World::with(Database::sqlite(), &settings).await;
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    let mut browser = Browser::start().await;
    let kit = format!("window.api = 'http://{}'; {KIT}", world.server.address);

    browser.open(&site.origin).await;
    browser.run(&kit).await;
    signs_in(&mut browser).await;
    holds_a_socket(&mut browser, &bob, &chat).await;
    is_told_why(&mut browser).await;

    // A page of an origin that is not allowed can read nothing, and the browser sends no credentials that it could
    // abuse.
    browser.open(&stranger.origin).await;
    browser.run(&kit).await;
    let read = browser.run("return call('GET', '/api/health').then(() => true, (error) => error.name)").await;
    assert_eq!(read, "TypeError");
}

/// The code in docs/realtime.md works unchanged in a page.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_examples_of_the_documentation() {
    let site = Site::start().await;
    let world = World::with(Database::sqlite(), &[("CORS_ALLOWED_ORIGINS", &*site.origin)]).await;
    let text = std::fs::read_to_string(clowder_tests::root().join("docs/realtime.md")).unwrap();
    let blocks: Vec<_> = text.split("```js\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let [quick_start, tokens, client, stream] = blocks.as_slice() else { panic!("{} examples", blocks.len()) };
    let mut browser = Browser::start().await;
    browser.open(&site.origin).await;
    let here = format!("http://{}", world.server.address);
    assert!(quick_start.contains("http://127.0.0.1:8080"));
    let quick_start = quick_start.replace("http://127.0.0.1:8080", &here);
    browser
        .run(&format!("window.seen = []; const console = {{ log: (...it) => seen.push(it.join(' ')) }}; {quick_start}"))
        .await;
    browser.until("seen.some((line) => line.startsWith('closed 1000'))").await;
    for expected in ["hello", "message.sent", "ack"] {
        browser.until(&format!("seen.some((line) => line.startsWith('{expected} '))")).await;
    }

    // The longer example reconnects by itself: it resumes after a drop, with a token that it had to refresh.
    let (ada, bob) = (world.user("ada").await, world.user("bob").await);
    let chat = ada.private_chat(&bob).await;
    let kit = "const post = async (path, body) => (await fetch(api + path, { method: 'POST', \
               headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })).json(); \
               window.handled = []; window.loaded = 0; \
               const handle = (frame) => handled.push(frame), loadOverRest = () => { loaded += 1; }, signInAgain = () => {}; \
               const NativeSocket = WebSocket; window.sockets = []; \
               window.WebSocket = class extends NativeSocket { constructor(...it) { super(...it); sockets.push(this); } };";
    let (access, refresh) = (bob.token(), &bob.refresh);
    browser
        .run(&format!(
            "const api = '{here}'; {kit} {tokens} {client} \
             tokens = {{ access: '{access}', refresh: '{refresh}', expires: 0 }}; await connect();"
        ))
        .await;
    browser.until("loaded === 1").await;
    let heard = |content: &str| format!("handled.filter((frame) => frame.data.content === '{content}').length === 1");
    ada.says(&chat, "before").await;
    browser.until(&heard("before")).await;
    browser.run("sockets[0].close()").await;
    ada.says(&chat, "meanwhile").await;
    browser.until(&heard("meanwhile")).await;
    ada.says(&chat, "after").await;
    browser.until(&heard("after")).await;
    browser.until("loaded === 1 && sockets.length === 2 && handled.some(({ type }) => type === 'resumed')").await;

    // So does the one without a socket, as often as its stream ends.
    let ticket = "const post = async (path, body, access) => (await fetch(api + path, { method: 'POST', body: '{}', \
                  headers: { 'content-type': 'application/json', authorization: `Bearer ${access}` } })).json(); \
                  const NativeSource = EventSource; window.sources = []; \
                  window.EventSource = class extends NativeSource { constructor(...it) { super(...it); sources.push(this); } };";
    let carol = world.user("carol").await;
    let chat = carol.private_chat(&bob).await;
    browser
        .run(&format!(
            "const api = '{here}', access = '{}'; {ticket} {stream} \
             window.streamed = []; listen((frame) => streamed.push(frame));",
            carol.token()
        ))
        .await;
    let heard = |content: &str| format!("streamed.filter((frame) => frame.data.content === '{content}').length === 1");
    browser.until("streamed.some(({ type }) => type === 'hello')").await;
    bob.says(&chat, "before").await;
    browser.until(&heard("before")).await;
    browser.run("sources[0].close(); sources[0].onerror()").await;
    bob.says(&chat, "meanwhile").await;
    browser.until(&heard("meanwhile")).await;
    browser.until("sources.length === 2 && streamed.some(({ type }) => type === 'resumed')").await;
}

async fn signs_in(browser: &mut Browser) {
    let login = json!({"username": "ada", "password": PASSWORD});
    let answer = browser.run(&format!("return window.me = await call('POST', '/api/auth/login', {login})")).await;
    assert_eq!(answer["status"], 200, "{answer}");
    for exposed in ["x-request-id", "ratelimit", "ratelimit-policy", "x-ratelimit-remaining"] {
        assert!(answer["headers"][exposed].is_string(), "{exposed} is hidden from pages: {answer}");
    }
    // This one needs a preflight, and its response has a tag.
    let me = browser
        .run(
            "window.bearer = { authorization: 'Bearer ' + me.body.access }; \
             return call('GET', '/api/auth/me', null, { ...bearer, 'if-none-match': '\"99\"' })",
        )
        .await;
    assert_eq!((&me["status"], &me["body"]["username"]), (&json!(200), &json!("ada")), "{me}");
    assert_eq!(me["headers"]["etag"], "\"1\"");
    let refused = browser.run("return call('GET', '/api/auth/me', null, { authorization: 'Bearer x' })").await;
    assert_eq!((&refused["status"], &refused["body"]["code"]), (&json!(401), &json!("token.invalid")), "{refused}");
}

async fn holds_a_socket(browser: &mut Browser, bob: &clowder_tests::User, chat: &str) {
    let hello = browser
        .run("window.one = socket(['clowder.v1', 'bearer.' + me.body.access]); return await heard(one, 'hello')")
        .await;
    assert_eq!(hello["data"]["heartbeat_ms"], 1000, "{hello}");
    assert_eq!(browser.run("return one.socket.protocol").await, "clowder.v1");
    let message = bob.says(chat, "Can you hear me?").await;
    let heard = browser.run("return await heard(one, 'message.sent')").await;
    assert_eq!(heard["data"]["id"], message["id"], "{heard}");
    for _ in 0..2 {
        let heartbeat = browser.run("return await heard(one, 'heartbeat')").await;
        assert_eq!(heartbeat["data"], json!({}));
    }
    let renewed = browser
        .run(
            "window.me = await call('POST', '/api/auth/refresh', { refresh: me.body.refresh }); \
             one.socket.send(JSON.stringify({ id: 7, type: 'token.renew', data: { access: me.body.access } })); \
             return await heard(one, 'ack')",
        )
        .await;
    assert_eq!(renewed["id"], 7, "{renewed}");
    assert!(renewed["data"]["expires_at"].is_string(), "{renewed}");
    // By ticket, and by the first frame.
    let ticket = browser
        .run(
            "const { body } = await call('POST', '/api/ws/ticket', {}, { ...bearer, authorization: 'Bearer ' + me.body.access }); \
             return await heard(socket([], '?ticket=' + body.ticket), 'hello')",
        )
        .await;
    assert_eq!(ticket["type"], "hello");
    let later = browser
        .run(
            "const late = socket(['clowder.v1']); \
             late.socket.onopen = () => late.socket.send(JSON.stringify({ type: 'auth', data: { access: me.body.access } })); \
             return await heard(late, 'hello')",
        )
        .await;
    assert_eq!(later["type"], "hello");
}

async fn is_told_why(browser: &mut Browser) {
    for (arguments, code, says) in [
        ("['bearer.' + me.body.access]", 4001, "offer the subprotocol `clowder.v1`"),
        ("['clowder.v1', 'bearer.nonsense']", 4001, "the access token is not valid"),
        ("[], '?ticket=nonsense'", 4001, "get a new one"),
        ("[], '?token=' + me.body.access", 4001, "a token in the URL is not read"),
    ] {
        let closed: Value = browser.run(&format!("return socket({arguments}).closed")).await;
        assert_eq!(closed["code"], code, "{arguments}: {closed}");
        assert!(closed["reason"].as_str().unwrap().contains(says), "{arguments}: {closed}");
    }
    let ended = browser
        .run(
            "await fetch(api + '/api/auth/logout', { method: 'POST', headers: { authorization: 'Bearer ' + me.body.access } }); \
             return await one.closed",
        )
        .await;
    assert_eq!(ended["code"], 4003, "{ended}");
}
