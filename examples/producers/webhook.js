// Receives webhooks, with Node alone. Prints one line for each cancellation.
//
//   RESCIND_WEBHOOK_SECRET=whsec_… node webhook.js 8000

const { createHmac, timingSafeEqual } = require("node:crypto");
const { createServer } = require("node:http");

const LARGEST = 1_000_000;
const TOLERANCE = 300; // seconds
const secret = process.env.RESCIND_WEBHOOK_SECRET.replace(/^whsec_/, "");
const key = Buffer.from(secret, "base64");

function isGenuine(headers, body) {
  const id = headers["webhook-id"];
  const timestamp = headers["webhook-timestamp"];
  if (!id || !/^\d{1,12}$/.test(timestamp ?? "")) return false;
  // An old webhook may be a replay of one that somebody recorded.
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > TOLERANCE) return false;
  // Sign the received bytes: JSON that is parsed and written again has other bytes.
  const signed = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body);
  const expected = signed.digest();
  // While the secret is being rotated, there are several signatures.
  return (headers["webhook-signature"] ?? "").split(" ").some((one) => {
    const [version, signature] = one.split(",");
    const given = Buffer.from(signature ?? "", "base64");
    const comparable = version === "v1" && given.length === expected.length;
    return comparable && timingSafeEqual(given, expected);
  });
}

// Replace this: write it into your database under its webhook-id, as it may come twice.
function store(id, { type, data }) {
  // It may also be a test event, or the end of a group or of a plan.
  if (!type.startsWith("cancellation.")) return;
  console.log(id, data.provider, data.order, data.state, data.reason);
}

createServer(async (request, response) => {
  const chunks = [];
  let length = 0;
  try {
    for await (const chunk of request) {
      length += chunk.length;
      if (length > LARGEST) return response.writeHead(413).end();
      chunks.push(chunk);
    }
    const body = Buffer.concat(chunks);
    if (!isGenuine(request.headers, body)) return response.writeHead(401).end();
    store(request.headers["webhook-id"], JSON.parse(body));
    response.writeHead(204).end();
  } catch (error) {
    console.error(error.message); // not stored: after a 500 it is sent again
    response.writeHead(500).end();
  }
}).listen(Number(process.argv[2]), "127.0.0.1");
