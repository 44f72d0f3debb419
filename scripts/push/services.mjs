// Push services for tests, as their protocols have them: node services.mjs FOLDER
//
// Web Push (RFC 8030) with a browser's keys for each subscription, FCM HTTP v1 with its sign-in, and APNs over HTTP/2. They check
// signatures with Node's crypto, and decrypt with http_ece. The first line of the output says where they are, as JSON. The folder
// is for certificates.
//
// What arrived is read at `control`: POST /subscriptions makes one of a browser, POST /behave says how the next calls to a device
// or to everybody are answered, GET /received has what was taken, and GET /faults what was not as it must be.
import { execFileSync } from "node:child_process";
import { createECDH, createHash, createPublicKey, generateKeyPairSync, randomBytes, verify } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createSecureServer } from "node:http2";
import { join } from "node:path";
import ece from "http_ece";

const received = [];
const faults = [];
// The devices to which calls were not answered.
const hanging = [];
// By device, or "*": a list of answers, each used once, or for ever with `always`.
const behaviour = new Map();
const b64 = (octets) => Buffer.from(octets).toString("base64url");
const json = (text) => JSON.parse(Buffer.from(text, "base64url").toString());

class Fault extends Error {
    constructor(status, message, body) {
        super(message);
        this.status = status;
        this.body = body;
    }
}
const expect = (holds, status, message, body) => {
    if (!holds) throw new Fault(status, message, body);
};

// A token's header and claims, once its signature is verified.
function verified(token, key, algorithm) {
    const parts = token.split(".");
    expect(parts.length === 3, 403, "a token has three parts");
    const header = json(parts[0]);
    expect(header.alg === algorithm, 403, `alg is ${header.alg}`);
    const signature = Buffer.from(parts[2], "base64url");
    const options = algorithm === "ES256" ? { key, dsaEncoding: "ieee-p1363" } : key;
    expect(verify("sha256", Buffer.from(`${parts[0]}.${parts[1]}`), options, signature), 403, "the signature is wrong");
    return { header, claims: json(parts[1]) };
}

// Answers as a test has asked for; true if it did.
function behaves(device, answer) {
    for (const who of [device, "*"]) {
        const list = behaviour.get(who);
        if (!list?.length) continue;
        const next = list[0].always ? list[0] : list.shift();
        if (next.hang) {
            hanging.push(device);
            return true;
        }
        if (next.cut) {
            answer.stream ? answer.stream.destroy() : answer.socket.destroy();
            return true;
        }
        const headers = { ...(next.retry_after === undefined ? {} : { "retry-after": String(next.retry_after) }) };
        if (next.location) headers.location = next.location;
        answer.writeHead(next.status, headers);
        answer.end(next.body === undefined ? "" : JSON.stringify(next.body));
        return true;
    }
    return false;
}

async function body(request, most = 1 << 20) {
    const pieces = [];
    let octets = 0;
    for await (const piece of request) {
        octets += piece.length;
        if (octets <= most) pieces.push(piece);
    }
    expect(octets <= most, 413, `${octets} octets`, { reason: "PayloadTooLarge" });
    return Buffer.concat(pieces);
}

const listening = (server) =>
    new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server.address().port)));

const handled = (handle) => async (request, answer) => {
    try {
        await handle(request, answer);
    } catch (error) {
        faults.push({ path: request.url, message: String(error.message ?? error) });
        answer.writeHead(error.status ?? 500);
        answer.end(JSON.stringify(error.body ?? { message: error.message }));
    }
};

// Web Push.

// By name: the keys of a browser.
const browsers = new Map();
let webPort;

const web = createServer(
    handled(async (request, answer) => {
        const name = request.url.replace("/push/", "");
        const sealed = await body(request, 4096);
        if (behaves(name, answer)) return;
        const browser = browsers.get(name);
        expect(browser, 404, "no such subscription");
        expect(request.method === "POST", 405, "not a POST");
        const { headers } = request;
        expect(/^\d+$/.test(headers.ttl ?? ""), 400, `TTL is ${headers.ttl}`);
        expect(["very-low", "low", "normal", "high"].includes(headers.urgency), 400, `Urgency is ${headers.urgency}`);
        expect(/^[A-Za-z0-9_-]{1,32}$/.test(headers.topic ?? ""), 400, `Topic is ${headers.topic}`);
        expect(headers["content-encoding"] === "aes128gcm", 415, `Content-Encoding is ${headers["content-encoding"]}`);
        const vapid = /^vapid t=([A-Za-z0-9._-]+), ?k=([A-Za-z0-9_-]{87})$/.exec(headers.authorization ?? "");
        expect(vapid, 401, `Authorization is ${headers.authorization}`);
        const point = Buffer.from(vapid[2], "base64url");
        const key = createPublicKey({
            format: "jwk",
            key: { kty: "EC", crv: "P-256", x: b64(point.subarray(1, 33)), y: b64(point.subarray(33)) },
        });
        const { claims } = verified(vapid[1], key, "ES256");
        const now = Date.now() / 1000;
        expect(claims.aud === `http://127.0.0.1:${webPort}`, 403, `aud is ${claims.aud}`);
        expect(claims.exp > now && claims.exp <= now + 86_400, 403, `exp is ${claims.exp - now} seconds from now`);
        expect(claims.sub === undefined || /^(mailto:|https:)/.test(claims.sub), 403, `sub is ${claims.sub}`);
        const opened = ece.decrypt(sealed, {
            version: "aes128gcm",
            privateKey: browser.ecdh,
            authSecret: b64(browser.auth),
        });
        received.push({
            kind: "web",
            device: name,
            ttl: Number(headers.ttl),
            urgency: headers.urgency,
            topic: headers.topic,
            octets: sealed.length,
            key: vapid[2],
            sub: claims.sub ?? null,
            payload: JSON.parse(opened.toString()),
        });
        answer.writeHead(201, { location: `http://127.0.0.1:${webPort}/message/${received.length}` });
        answer.end();
    }),
);

function subscribe() {
    const ecdh = createECDH("prime256v1");
    ecdh.generateKeys();
    const [name, auth] = [b64(randomBytes(12)), randomBytes(16)];
    browsers.set(name, { ecdh, auth });
    return {
        name,
        endpoint: `http://127.0.0.1:${webPort}/push/${name}`,
        keys: { p256dh: b64(ecdh.getPublicKey()), auth: b64(auth) },
    };
}

// FCM.

const PROJECT = "clowder-test";
const account = generateKeyPairSync("rsa", { modulusLength: 2048 });
// Those that were given out.
const tokens = new Set();
let signIns = 0;
let fcmPort;

const fcm = createServer(
    handled(async (request, answer) => {
        const text = (await body(request)).toString();
        if (request.url === "/token") {
            if (behaves("token", answer)) return;
            const form = new URLSearchParams(text);
            expect(form.get("grant_type") === "urn:ietf:params:oauth:grant-type:jwt-bearer", 400, "grant_type");
            const { claims } = verified(form.get("assertion"), account.publicKey, "RS256");
            const now = Date.now() / 1000;
            expect(claims.iss === "push@clowder-test.iam.gserviceaccount.com", 401, `iss is ${claims.iss}`);
            expect(claims.scope === "https://www.googleapis.com/auth/firebase.messaging", 401, "scope");
            expect(claims.aud === `http://127.0.0.1:${fcmPort}/token`, 401, `aud is ${claims.aud}`);
            expect(claims.iat <= now + 5 && claims.exp > now && claims.exp - claims.iat <= 3600, 401, "times");
            const token = b64(randomBytes(24));
            tokens.add(token);
            signIns += 1;
            answer.writeHead(200, { "content-type": "application/json" });
            answer.end(JSON.stringify({ access_token: token, expires_in: 3600, token_type: "Bearer" }));
            return;
        }
        expect(request.url === `/v1/projects/${PROJECT}/messages:send`, 404, "no such address");
        const bearer = (request.headers.authorization ?? "").replace("Bearer ", "");
        expect(tokens.has(bearer), 401, "the bearer token is not one of ours");
        expect(text.length <= 4096, 400, `${text.length} octets`);
        const { message } = JSON.parse(text);
        if (behaves(message.token, answer)) return;
        const strings = Object.values(message.data ?? {}).every((value) => typeof value === "string");
        expect(strings, 400, "data must be strings");
        expect(/^\d+s$/.test(message.android?.ttl ?? ""), 400, `ttl is ${message.android?.ttl}`);
        expect(["high", "normal"].includes(message.android.priority), 400, "priority");
        received.push({ kind: "fcm", device: message.token, message });
        answer.writeHead(200, { "content-type": "application/json" });
        answer.end(JSON.stringify({ name: `projects/${PROJECT}/messages/${received.length}` }));
    }),
);

// APNs.

const [KEY_ID, TEAM_ID, TOPIC] = ["ABC123DEFG", "DEF123GHIJ", "org.example.chat"];
const apple = generateKeyPairSync("ec", { namedCurve: "P-256" });
const folder = process.argv[2];
const place = (name) => join(folder, name);
const openssl = (...parameters) => execFileSync("openssl", parameters, { stdio: ["ignore", "ignore", "ignore"] });
const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
writeFileSync(place("leaf.ext"), "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n");
openssl("req", "-x509", ...curve, "-days", "2", "-subj", "/CN=Push tests", "-keyout", place("ca.key"), "-out", place("ca.pem"));
openssl("req", ...curve, "-subj", "/CN=localhost", "-keyout", place("leaf.key"), "-out", place("leaf.csr"));
openssl("x509", "-req", "-in", place("leaf.csr"), "-CA", place("ca.pem"), "-CAkey", place("ca.key"), "-CAcreateserial",
    "-days", "2", "-extfile", place("leaf.ext"), "-out", place("leaf.pem"));
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
let apnsSessions = 0;

const apns = createSecureServer(
    { key: readFileSync(place("leaf.key")), cert: readFileSync(place("leaf.pem")), allowHTTP1: false },
    handled(async (request, answer) => {
        const sent = await body(request, 4096);
        const { headers } = request;
        const id = headers["apns-id"];
        if (id) answer.setHeader("apns-id", id);
        const device = request.url.replace("/3/device/", "");
        const refuse = (reason) => ({ reason });
        expect(/^[0-9a-f]{64,200}$/.test(device), 400, `the device is ${device}`, refuse("BadDeviceToken"));
        if (behaves(device, answer)) return;
        const bearer = /^bearer (.+)$/.exec(headers.authorization ?? "");
        expect(bearer, 403, "no token", refuse("MissingProviderToken"));
        const { header, claims } = verified(bearer[1], apple.publicKey, "ES256");
        expect(header.kid === KEY_ID && claims.iss === TEAM_ID, 403, "not the key's", refuse("InvalidProviderToken"));
        const age = Date.now() / 1000 - claims.iat;
        expect(age > -60 && age < 3600, 403, `the token is ${age} s old`, refuse("ExpiredProviderToken"));
        expect(headers["apns-topic"] === TOPIC, 400, `the topic is ${headers["apns-topic"]}`, refuse("TopicDisallowed"));
        expect(UUID.test(id ?? ""), 400, `apns-id is ${id}`, refuse("BadMessageId"));
        expect(Buffer.byteLength(headers["apns-collapse-id"] ?? "") <= 64, 400, "long", refuse("BadCollapseId"));
        expect(["1", "5", "10"].includes(headers["apns-priority"]), 400, "priority", refuse("BadPriority"));
        expect(/^\d+$/.test(headers["apns-expiration"] ?? ""), 400, "expiration", refuse("BadExpirationDate"));
        expect(headers["apns-push-type"] === "alert", 400, "type", refuse("InvalidPushType"));
        received.push({ kind: "apns", device, headers: { ...headers }, payload: JSON.parse(sent.toString()) });
        answer.writeHead(200);
        answer.end();
    }),
);
apns.on("session", () => (apnsSessions += 1));

// Control.

const control = createServer(
    handled(async (request, answer) => {
        const asked = request.method === "POST" ? JSON.parse((await body(request)).toString() || "{}") : {};
        const say = (what) => {
            answer.writeHead(200, { "content-type": "application/json" });
            answer.end(JSON.stringify(what));
        };
        switch (request.url) {
            case "/subscriptions":
                return say(subscribe());
            case "/behave": {
                const { device = "*", ...how } = asked;
                behaviour.set(device, Object.keys(how).length ? [...(behaviour.get(device) ?? []), how] : []);
                return say({});
            }
            case "/forget-tokens":
                tokens.clear();
                return say({});
            case "/received":
                return say({ received, hanging, sign_ins: signIns, sessions: apnsSessions });
            case "/faults":
                return say(faults);
            default:
                throw new Fault(404, "no such address");
        }
    }),
);

const pem = (key) => key.export({ type: "pkcs8", format: "pem" });
webPort = await listening(web);
fcmPort = await listening(fcm);
const [apnsPort, controlPort] = [await listening(apns), await listening(control)];
console.log(
    JSON.stringify({
        control: `http://127.0.0.1:${controlPort}`,
        web: `http://127.0.0.1:${webPort}`,
        fcm: `http://127.0.0.1:${fcmPort}`,
        apns: `https://127.0.0.1:${apnsPort}`,
        fcm_credentials: {
            type: "service_account",
            project_id: PROJECT,
            private_key_id: createHash("sha256").update(pem(account.privateKey)).digest("hex").slice(0, 40),
            private_key: pem(account.privateKey),
            client_email: "push@clowder-test.iam.gserviceaccount.com",
            token_uri: `http://127.0.0.1:${fcmPort}/token`,
        },
        apns_key: pem(apple.privateKey),
        apns_key_id: KEY_ID,
        apns_team_id: TEAM_ID,
        apns_topic: TOPIC,
        ca_file: place("ca.pem"),
    }),
);
