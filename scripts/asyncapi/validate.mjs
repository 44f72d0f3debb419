// Validates the AsyncAPI document on the standard input with the official parser. Errors and warnings fail; advice is shown.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const { document, diagnostics } = await new Parser().parse(readFileSync(0, "utf8"));
const severities = ["error", "warning", "information", "hint"];
for (const { severity, code, path, message } of diagnostics) {
  console.log(`${severities[severity]} ${code} at ${path.join(".") || "the top"}: ${message}`);
}
if (!document || diagnostics.some(({ severity }) => severity < 2)) process.exit(1);
console.log(`valid AsyncAPI ${document.version()}: ${document.allMessages().length} messages, ${document.allOperations().length} operations`);
