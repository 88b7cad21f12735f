// Submits cancellations through the broker, with celery-node.
//
//   npm install
//   RESCIND_REDIS_URL=redis://… node cancel.js ithink 86210010465 86210010472

import { randomUUID } from "node:crypto";
import celery from "celery-node";

const MOST = 1000; // in one message

const url = process.env.RESCIND_REDIS_URL;
const client = celery.createClient(url, url, "rescind");
client.conf.CELERY_BROKER_OPTIONS = {
  connectTimeout: 5_000,
  commandTimeout: 10_000, // without it, a connection that dies silently blocks for ever
  maxRetriesPerRequest: 3,
  retryStrategy: (times) => (times > 3 ? null : 200 * times),
};

// The client's own sendTask() does not wait for Redis, and loses the message if the
// process ends too soon. This function sends the same message, and waits.
async function submit(cancellations) {
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
  // ioredis reports each failure here, too; the final one is thrown below.
  client.broker.redis.on("error", () => {});
  try {
    for (let at = 0; at < orders.length; at += MOST) {
      const some = orders.slice(at, at + MOST);
      console.log(await submit(some.map((order) => ({ provider, order }))));
    }
    return 0;
  } catch (error) {
    console.error(`not submitted: ${error.message}; run it again`);
    return 3;
  } finally {
    client.broker.redis.disconnect();
  }
}

// Without exit(), a timer of the client would keep the process running.
process.exit(await main(process.argv.slice(2)));
