"""Receives webhooks; needs `standardwebhooks`. Prints one line for each cancellation.

RESCIND_WEBHOOK_SECRET=whsec_… python webhook.py 8000
"""

import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

LARGEST = 1_000_000
webhook = Webhook(os.environ["RESCIND_WEBHOOK_SECRET"])


class Receiver(BaseHTTPRequestHandler):
    timeout = 10

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > LARGEST:
            self._answer(413)
            return
        body = self.rfile.read(length)
        try:
            # Verify the received bytes: JSON that is written again has other bytes.
            event = webhook.verify(body, dict(self.headers))
        except (WebhookVerificationError, ValueError):
            self._answer(401)
            return
        self.store(self.headers["webhook-id"], event)
        self._answer(204)

    def store(self, webhook_id: str, event: dict) -> None:
        """Replace this: write it into your database under ``webhook_id``, as it may
        come twice."""
        if not event["type"].startswith("cancellation."):
            return  # a test event, or the end of a group or of a plan
        data = event["data"]
        line = [webhook_id, data["provider"], data["order"], data["state"]]
        print(*line, data["reason"], flush=True)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
