"""An offer is answered for, or whoever made it knows that it is not."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ledger.arrivals import Arrivals, made_ready
from tests.ledger.build import NOW, new
from worker import handoff
from worker.handoff import Inbox, Offer, offer


@pytest.fixture
def path() -> Iterator[Path]:
    # Short: a socket's name may have no more than some hundred characters.
    folder = Path(tempfile.mkdtemp(prefix="in-"))
    yield folder / "akinon-0.inbox"
    shutil.rmtree(folder)


@pytest.fixture
def inbox(path: Path) -> Iterator[Inbox]:
    made = Inbox(path)
    yield made
    made.close()


Answer = Future[frozenset[str] | None]


@pytest.fixture
def offers(path: Path) -> Iterator[Callable[[Arrivals], Answer]]:
    """Makes offers, each from a thread of its own."""
    with ThreadPoolExecutor(8) as threads:
        yield lambda orders: threads.submit(offer, path, orders)


def orders(number: int = 2, **values: Any) -> Arrivals:
    return made_ready([new(str(n), **values) for n in range(number)], NOW)


def next_offer(inbox: Inbox) -> Offer:
    """What is offered next, once it is."""
    assert select.select([inbox], [], [], 10)[0], "nobody came"
    found = inbox.accept()
    assert found is not None
    return found


def keep(came: Offer) -> None:
    came.kept = came.waiting
    came.answer()


def knock(path: Path) -> socket.socket:
    """The pipe of somebody who has something to offer."""
    pipe = socket.socket(socket.AF_UNIX)
    pipe.settimeout(10)
    pipe.connect(str(path))
    return pipe


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_an_offer_comes_as_it_was_made(
    inbox: Inbox, offers: Callable[[Arrivals], Answer]
) -> None:
    made = orders(group="ş 'quoted'", params={"n": [1, None, {"ü": "😀"}]})
    answer = offers(made)
    came = next_offer(inbox)
    assert (came.new.alike, came.new.ids, came.waiting) == (made.alike, made.ids, 2)
    came.answer()
    answer.result()


def test_an_offer_that_is_kept_is_answered(
    inbox: Inbox, offers: Callable[[Arrivals], Answer]
) -> None:
    answer = offers(orders())
    keep(next_offer(inbox))
    assert answer.result() == frozenset()


def test_whoever_offers_hears_which_were_left_out_and_which_not_kept_yet(
    inbox: Inbox, offers: Callable[[Arrivals], Answer]
) -> None:
    made = orders(4)
    answer = offers(made)
    came = next_offer(inbox)
    came.kept = 3
    came.left_out.append(made.ids[1])
    came.answer()
    assert answer.result() == frozenset([made.ids[1], made.ids[3]])


def test_of_an_offer_that_is_given_back_nothing_is_kept(
    inbox: Inbox, offers: Callable[[Arrivals], Answer]
) -> None:
    made = orders()
    answer = offers(made)
    next_offer(inbox).answer()
    assert answer.result() == frozenset(made.ids)


def test_an_offer_whose_pipe_breaks_is_not_answered(
    inbox: Inbox, offers: Callable[[Arrivals], Answer]
) -> None:
    answer = offers(orders())
    next_offer(inbox).pipe.close()
    assert answer.result() is None


def test_where_nobody_is_nothing_is_offered(path: Path) -> None:
    assert offer(path, orders()) is None


def test_a_killed_child_is_offered_nothing_and_the_next_one_is(path: Path) -> None:
    program = (
        "import pathlib, sys; from worker.handoff import Inbox\n"
        "inbox = Inbox(pathlib.Path(sys.argv[1]))\n"
        "print('open', flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program, str(path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"open\n"
        waiting = knock(path)
        child.send_signal(signal.SIGKILL)
        child.wait()
    with waiting, pytest.raises(ConnectionResetError):
        waiting.recv(1)
    assert path.exists()
    assert offer(path, orders()) is None
    after = Inbox(path)
    with knock(path):
        after.close()


def test_who_waits_at_a_door_that_closes_is_told(
    inbox: Inbox, path: Path, offers: Callable[[Arrivals], Answer]
) -> None:
    answer = offers(orders())
    assert select.select([inbox], [], [], 10)[0]
    inbox.close()
    assert answer.result() is None
    assert offer(path, orders()) is None


def test_closed_again_it_leaves_the_next_ones_door_open(
    inbox: Inbox, path: Path, offers: Callable[[Arrivals], Answer]
) -> None:
    inbox.close()
    following = Inbox(path)
    inbox.close()
    answer = offers(orders())
    keep(next_offer(following))
    following.close()
    assert answer.result() == frozenset()


def test_where_nobody_knocks_nobody_is_waited_for(inbox: Inbox) -> None:
    assert inbox.accept() is None


def test_an_offer_of_megabytes_is_an_offer_like_any_other(
    inbox: Inbox, offers: Callable[[Arrivals], Answer]
) -> None:
    some = [new(str(n), metadata={"note": f"{n}" * 900}) for n in range(1000)]
    made = made_ready(some, NOW)
    assert len(made.as_text()) > 2**20
    answer = offers(made)
    came = next_offer(inbox)
    assert came.new.ids == made.ids
    came.answer()
    assert answer.result() == frozenset(made.ids)


# --- whoever misbehaves ---------------------------------------------------------------

NO_OFFERS = {
    "nothing": b"",
    "half of one": orders().as_text().encode()[:-9],
    "no JSON": b"GET / HTTP/1.1\r\n\r\n",
    "no UTF-8": b"\xff\xfe",
    "JSON of another kind": b"[1, 2, 3]",
    "no orders": json.dumps([*json.loads(orders().as_text())[:2], []]).encode(),
}


@pytest.mark.parametrize("said", NO_OFFERS.values(), ids=NO_OFFERS)
def test_what_is_no_offer_is_hung_up_on_and_the_next_one_is_heard(
    inbox: Inbox, path: Path, offers: Callable[[Arrivals], Answer], said: bytes
) -> None:
    with knock(path) as pipe:
        pipe.sendall(said)
        pipe.shutdown(socket.SHUT_WR)
        assert inbox.accept() is None
        assert pipe.recv(1) == b""
    answer = offers(orders())
    keep(next_offer(inbox))
    assert answer.result() == frozenset()


def test_an_offer_that_never_ends_is_given_up(
    inbox: Inbox, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handoff, "READ_SECONDS", 0.05)
    with knock(path) as pipe:
        pipe.sendall(b'[{"provider": ')
        assert inbox.accept() is None
        assert pipe.recv(1) == b""


def test_an_offer_that_trickles_in_is_given_up(
    inbox: Inbox, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handoff, "READ_SECONDS", 0.05)
    hung_up = threading.Event()

    def trickle(pipe: socket.socket) -> None:
        while not hung_up.is_set():
            try:
                pipe.send(b" ")
            except OSError:
                return
            time.sleep(0.005)

    with knock(path) as pipe:
        slow = threading.Thread(target=trickle, args=(pipe,))
        slow.start()
        listening = threading.Thread(target=inbox.accept)
        listening.start()
        listening.join(10)
        heard_out = not listening.is_alive()
        hung_up.set()
        slow.join()
    assert heard_out


def test_an_answer_that_trickles_in_is_given_up(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handoff, "PATIENCE_SECONDS", 0.1)
    with socket.socket(socket.AF_UNIX) as door, ThreadPoolExecutor(1) as threads:
        door.bind(str(path))
        door.listen()
        answer = threads.submit(offer, path, orders())
        pipe, _ = door.accept()
        with pipe, suppress(BrokenPipeError):
            for _ in range(500):
                pipe.send(b" ")
                time.sleep(0.01)
        assert answer.result() is None


def test_whoever_has_not_answered_in_time_is_left_alone_for_a_while(
    inbox: Inbox, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handoff, "PATIENCE_SECONDS", 0.05)
    assert offer(path, orders()) is None
    assert offer(path, orders()) is None
    assert inbox.accept() is not None
    assert inbox.accept() is None, "it was offered something again at once"
    monkeypatch.setattr(time, "monotonic", after(handoff.REST_SECONDS))
    assert offer(path, orders()) is None
    assert inbox.accept() is not None


def after(seconds: float) -> Callable[[], float]:
    now = time.monotonic
    return lambda: now() + seconds


def test_to_answer_somebody_who_has_gone_is_no_trouble(
    inbox: Inbox, path: Path
) -> None:
    with knock(path) as pipe:
        pipe.sendall(orders().as_text().encode())
        pipe.shutdown(socket.SHUT_WR)
        came = next_offer(inbox)
    came.answer()
    came.answer()


def test_a_path_that_is_too_long_for_a_socket_is_said_at_once(tmp_path: Path) -> None:
    far = tmp_path / ("x" * 200)
    before = open_files()
    with pytest.raises(OSError, match="too long"):
        Inbox(far)
    assert open_files() == before
    assert offer(far, orders()) is None


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_no_way_that_an_offer_may_go_leaves_a_file_open(path: Path) -> None:
    before = open_files()
    inbox = Inbox(path)
    for said in (*NO_OFFERS.values(), *[orders().as_text().encode()] * 3):
        with knock(path) as pipe:
            pipe.sendall(said)
            pipe.shutdown(socket.SHUT_WR)
            came = inbox.accept()
            if came is not None:
                came.answer()
    came = None
    inbox.close()
    assert offer(path, orders()) is None
    assert open_files() == before
