"""How long the page at `/` of a running service takes to be usable: `python -m benchmarks.page_load http://localhost:8000/`.

Needs the extra `browser` and a Chromium. Opens the page in fresh profiles, on this machine and as on a telephone: a
quarter of the processor's speed, 1.6 Mbit/s and 150 ms there and back. Usable is when the last script has run and the
limits of the service are known.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics

SPEEDS = {
    "this machine": None,
    "a telephone": {"offline": False, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": 94_000},
}


def measure(browser, url: str, network: dict | None) -> tuple[float, int, int]:
    """Return the milliseconds until the page is usable, and the bytes and requests that it took."""
    context = browser.new_context()
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    if network:
        session.send("Network.emulateNetworkConditions", network)
        session.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    sizes: list[int] = []
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(url, wait_until="commit")
    page.wait_for_selector("#formats li", state="attached")
    usable = page.evaluate("performance.now()")
    page.wait_for_load_state("networkidle")
    context.close()
    return usable, sum(sizes), len(sizes)


def main() -> None:
    """Print a row for each speed."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--times", type=int, default=7)
    arguments = parser.parse_args()
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    print("| speed | usable after, ms (median) | slowest | bytes | requests |\n|---|---|---|---|---|")
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for name, network in SPEEDS.items():
            rows = [measure(browser, arguments.url, network) for _ in range(arguments.times)]
            times = [row[0] for row in rows]
            print(f"| {name} | {statistics.median(times):.0f} | {max(times):.0f} | {rows[-1][1]} | {rows[-1][2]} |")
        browser.close()


if __name__ == "__main__":
    main()
