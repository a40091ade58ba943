"""Runs in a pod: posts one page again and again from several threads, and prints how often each answer came, how long
they took, and what the first of each kind said that was none.

cluster_client.py URL SECONDS CLIENTS, or `cluster_client.py URL` for one page and its lines. Needs Python alone.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("page.jpg")


def ask(url: str) -> tuple[str, bytes]:
    """Return the status, or the name of the error that came in its place, and the answer."""
    request = urllib.request.Request(f"{url}/v1/ocr", PAGE.read_bytes(), {"Content-Type": "image/jpeg"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return str(answer.status), answer.read()
    except urllib.error.HTTPError as error:
        return str(error.code), error.read()
    except OSError as error:
        return repr(error), b""


def load(url: str, seconds: float, clients: int) -> dict[str, Any]:
    """Count the answers; each client sends the next page when the last is answered.

    The name is looked up once: a Service keeps its address, and a cluster's name service is not what is tried here.
    """
    scheme, _, host = url.partition("://")
    url = f"{scheme}://{socket.gethostbyname(host)}"
    counts: Counter[str] = Counter()
    said: dict[str, str] = {}
    slowest = 0.0
    counted = threading.Lock()
    end = time.monotonic() + seconds

    def client() -> None:
        nonlocal slowest
        while (begun := time.monotonic()) < end:
            code, body = ask(url)
            with counted:
                counts[code] += 1
                slowest = max(slowest, time.monotonic() - begun)
                if code != "200":
                    said.setdefault(code, body.decode(errors="replace"))

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"counts": counts, "said": said, "slowest": slowest}


if __name__ == "__main__":
    if len(sys.argv) == 2:
        code, body = ask(sys.argv[1])
        print(json.dumps({"code": code, "answer": json.loads(body) if body else None}))
    else:
        print(json.dumps(load(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))))
