// Uploads a file with tus-js-client, and prints what became of it as JSON: node upload.mjs '{"endpoint": …, "file": …}'
//
// `headers`, `metadata` and `chunkSize` are given to the client; `url` is that of an upload to continue. `stopAt` stops it after
// so many octets, and `terminate` ends it instead.
import { readFileSync } from "node:fs";
import * as tus from "tus-js-client";

const { endpoint, file, headers = {}, metadata = {}, chunkSize, url, stopAt, terminate } = JSON.parse(process.argv[2]);

const say = (what) => console.log(JSON.stringify(what));
const failed = (error) => say({ failed: String(error.message ?? error), status: error.originalResponse?.getStatus() ?? null });

if (terminate) {
    await tus.Upload.terminate(url, { headers, retryDelays: null }).then(() => say({ terminated: url }), failed);
} else {
    const offsets = [];
    const upload = new tus.Upload(readFileSync(file), {
        endpoint,
        headers,
        metadata,
        chunkSize: chunkSize ?? Infinity,
        uploadUrl: url ?? null,
        retryDelays: null,
        onAfterResponse: (_, response) => offsets.push(response.getHeader("Upload-Offset") ?? null),
        onChunkComplete: async (_, arrived) => {
            if (stopAt && arrived >= stopAt) {
                await upload.abort();
                say({ stopped: upload.url, offsets });
            }
        },
        onSuccess: ({ lastResponse }) => {
            say({ done: upload.url, file_id: lastResponse.getHeader("Clowder-File-Id") ?? null, offsets });
        },
        onError: failed,
    });
    upload.start();
}
