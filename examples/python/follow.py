"""Follows a live resource: prints what changed, resumes where it was, survives restarts of the gateway.

usage: python follow.py [URL]
"""

import json
import random
import sys
import time

import httpx
import jsonpatch
from httpx_sse import SSEError, connect_sse

url = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8080/quotes"
document = None
last_id = ""  # the position of what is held; empty: nothing is held
retry_ms = 1000


def on_change(kind, operations):
    """What your program would do with `document`. Here: a line for each operation."""
    if kind == "snapshot":
        print(f"snapshot: {len(document)} entries", flush=True)
    for operation in operations:
        print(f"{operation['op']} {operation['path']} {json.dumps(operation.get('value'))[:100]}", flush=True)


def follow(client):
    """One connection, from what is held to where it ends."""
    global document, last_id, retry_ms
    headers = {"Last-Event-ID": last_id} if last_id else {}
    with connect_sse(client, "GET", url, headers=headers) as source:
        source.response.raise_for_status()
        for event in source.iter_sse():
            if event.retry is not None:
                retry_ms = event.retry
            value = json.loads(event.data)
            if event.event == "status":
                print(f"status: {value['state']}", flush=True)
            elif event.event == "snapshot":
                document, last_id = value, event.id
                on_change("snapshot", [])
            elif event.event == "patch":
                try:
                    document = jsonpatch.apply_patch(document, value)
                except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException):
                    last_id = ""  # it does not fit what is held: a snapshot, please
                    return
                last_id = event.id
                on_change("patch", value)


def run():
    # The gateway sends a heartbeat every 15 s: 45 s of silence is a dead connection.
    with httpx.Client(timeout=httpx.Timeout(10, read=45)) as client:
        while True:
            try:
                follow(client)
            except httpx.HTTPStatusError as error:
                if error.response.is_client_error and error.response.status_code not in (408, 425, 429):
                    sys.exit(f"{error}; another try would get the same")
                print(f"error {error.response.status_code}, trying again", flush=True)
            except SSEError as error:
                sys.exit(f"no event stream at {url}, is there a gateway? {error}")
            except httpx.TransportError as error:
                print(f"connection lost ({type(error).__name__}), trying again", flush=True)
            time.sleep(retry_ms / 1000 * random.random())  # not all clients at once


if __name__ == "__main__":
    try:
        run()
    except KeyboardInterrupt:
        pass
