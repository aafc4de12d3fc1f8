"""Patch sizes and times of PyPI's jsonpatch.

`python peers.py FOLDER --limit SECONDS` reads each NAME.old.json and NAME.new.json of the folder and writes one JSON
object of the same form as peers.mjs to the standard output.
"""

import json
import platform
import signal
import statistics
import sys
import time
from pathlib import Path

import jsonpatch

# At most so many rounds, and only while they take less than so many seconds together.
ROUNDS = 15
BUDGET = 0.3


class OutOfTime(BaseException):
    """The limit has passed. Not an Exception, so that no library catches it."""


def out_of_time(_signal, _frame):
    raise OutOfTime


def measure(old: str, new: str) -> dict:
    before = json.loads(old)
    diffs, fulls = [], []
    start = time.perf_counter()
    while True:
        parsing = time.perf_counter()
        after = json.loads(new)
        diffing = time.perf_counter()
        patch = jsonpatch.make_patch(before, after)
        text = json.dumps(patch.patch, separators=(",", ":"), ensure_ascii=False)
        end = time.perf_counter()
        fulls.append((end - parsing) * 1e6)
        diffs.append((end - diffing) * 1e6)
        if len(fulls) >= ROUNDS or end - start > BUDGET:
            break
    return {
        "bytes": len(text.encode()),
        "diff_us": statistics.median(diffs),
        "full_us": statistics.median(fulls),
        "right": is_right(old, text, new),
    }


def is_right(old: str, patch: str, new: str) -> bool:
    try:
        return jsonpatch.apply_patch(json.loads(old), json.loads(patch), in_place=True) == json.loads(new)
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException):
        return False


def limited(old: str, new: str, limit: float) -> dict:
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        return measure(old, new)
    except OutOfTime:
        return {"skipped": f"over {limit:g} s"}
    except RecursionError:
        return {"skipped": "recursion too deep"}
    except Exception as error:  # What a library raises on a document is its answer for that document.
        return {"skipped": f"{type(error).__name__}: {error}"}
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def main() -> None:
    if len(sys.argv) != 4 or sys.argv[2] != "--limit":
        sys.exit("usage: python peers.py FOLDER --limit SECONDS")
    folder, limit = Path(sys.argv[1]), float(sys.argv[3])
    signal.signal(signal.SIGALRM, out_of_time)
    results = []
    for file in sorted(folder.glob("*.old.json")):
        pair = file.name.removesuffix(".old.json")
        answer = limited(file.read_text("utf-8"), (folder / f"{pair}.new.json").read_text("utf-8"), limit)
        results.append({"pair": pair, "peer": "jsonpatch (Python)", **answer})
        print(pair, answer.get("skipped", answer.get("bytes")), file=sys.stderr)
    json.dump({"runtime": f"Python {platform.python_version()}", "results": results}, sys.stdout)


if __name__ == "__main__":
    main()
