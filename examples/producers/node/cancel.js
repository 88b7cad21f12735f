// Hand cancellations over through the broker, with celery-node.
//
//   npm install
//   RESCIND_REDIS_URL=redis://… node cancel.js ithink 86210010463 86210010464

import { randomUUID } from "node:crypto";
import celery from "celery-node";

const MOST = 1000; // in one message

const url = process.env.RESCIND_REDIS_URL;
const client = celery.createClient(url, url, "rescind");
client.conf.CELERY_BROKER_OPTIONS = {
  connectTimeout: 5_000,
  commandTimeout: 10_000, // or a connection that dies unnoticed is waited on for ever
  maxRetriesPerRequest: 3,
  retryStrategy: (times) => (times > 3 ? null : 200 * times),
};

// The client's own sendTask() says nothing of whether Redis has the message, and drops
// it if the process ends too soon; this is what it does, waited for.
async function handOver(cancellations) {
  const id = randomUUID();
  const message = client.createTaskMessage(id, "rescind.submit", [], { cancellations });
  const { body, headers, properties } = message;
  await client.broker.publish(body, "", "rescind", headers, properties);
  return id;
}

async function main([provider, ...orders]) {
  if (!orders.length) {
    console.error("usage: node cancel.js PROVIDER ORDER...");
    return 2;
  }
  // ioredis tells each failure here as well; the one that counts is thrown below.
  client.broker.redis.on("error", () => {});
  try {
    for (let at = 0; at < orders.length; at += MOST) {
      const some = orders.slice(at, at + MOST);
      console.log(await handOver(some.map((order) => ({ provider, order }))));
    }
    return 0;
  } catch (error) {
    console.error(`not handed over: ${error.message}; run it again`);
    return 3;
  } finally {
    client.broker.redis.disconnect();
  }
}

// A timer of the client's would keep the process waiting.
process.exit(await main(process.argv.slice(2)));
