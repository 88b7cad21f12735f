"""Receive webhooks; needs `standardwebhooks`. One line for each that is genuine.

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
            # The very bytes that came: JSON that was read and written anew differs.
            event = webhook.verify(body, dict(self.headers))
        except (WebhookVerificationError, ValueError):
            self._answer(401)
            return
        took_note(self.headers["webhook-id"], event)
        self._answer(204)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def took_note(webhook_id: str, event: dict) -> None:
    """Write it into your database, under ``webhook_id``: it may come twice."""
    told = event["data"]
    line = [webhook_id, told["provider"], told["order"], told["state"], told["reason"]]
    print(*line, flush=True)


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
