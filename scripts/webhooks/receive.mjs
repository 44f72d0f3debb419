// Receives webhooks and checks each with the library of the specification, which others have written.
//
// It prints one line of JSON with its port, and one for each call. Secrets come in as lines; until the first, every call is refused.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { Webhook } from "standardwebhooks";

let secrets = [];
createInterface({ input: process.stdin })
  .on("line", (line) => (secrets = JSON.parse(line)))
  .on("close", () => process.exit(0));

const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

/** The body, if one of the secrets has signed it. */
function verified(body, headers) {
  let failure = "no secret";
  for (const secret of secrets) {
    try {
      return { event: new Webhook(secret).verify(body, headers) };
    } catch (error) {
      failure = error.message;
    }
  }
  return { failure };
}

const server = createServer(async (request, response) => {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  const body = Buffer.concat(pieces).toString("utf8");
  const { event, failure } = verified(body, request.headers);
  response.writeHead(event ? 204 : 401).end();
  say({
    path: request.url,
    id: request.headers["webhook-id"],
    signatures: (request.headers["webhook-signature"] ?? "").split(" ").length,
    contentType: request.headers["content-type"],
    agent: request.headers["user-agent"],
    peer: request.socket.remotePort,
    verified: Boolean(event),
    failure,
    event,
  });
});
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => say({ port: server.address().port }));
