"""Follows a live resource with httpx-sse and jsonpatch, and tells each step on standard output, one JSON object a line.

usage: follow.py URL DROP_EVERY

It resumes by hand as the documentation of httpx-sse shows it: the last id goes into `Last-Event-ID`. With DROP_EVERY
above zero it closes the connection after each so many states. It ends by being ended, or with an exception when
anything is not as it should be: a patch that does not apply, an answer other than a stream.
"""

import decimal
import json
import sys
import time

import httpx
import jsonpatch
from httpx_sse import connect_sse

# Decimals keep their text, trailing zeros included, and integers have no limit: what is held is what was sent.
decimal.getcontext().prec = 100


def parse(text):
    return json.loads(text, parse_float=decimal.Decimal)


def write(value):
    """The JSON text of a document, its numbers as they were read."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{write(member)}" for key, member in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(write, value)) + "]"
    if isinstance(value, decimal.Decimal):
        return str(value)
    return json.dumps(value)


def tell(event, **members):
    print(json.dumps({"event": event, **members}), flush=True)


class Follower:
    def __init__(self, url, drop_every):
        self.url = url
        self.drop_every = drop_every
        self.document = None
        self.last_id = ""
        self.retry_ms = 1000

    def follow(self, client):
        """One connection, until it ends or is dropped."""
        headers = {"Last-Event-ID": self.last_id} if self.last_id else {}
        states = 0
        with connect_sse(client, "GET", self.url, headers=headers) as source:
            source.response.raise_for_status()
            tell("open", resumed=self.last_id, coding=source.response.headers.get("content-encoding"))
            for event in source.iter_sse():
                self.last_id = event.id
                if event.retry is not None:
                    self.retry_ms = event.retry
                if event.event == "status":
                    tell("status", status=json.loads(event.data))
                    continue
                if event.event == "snapshot":
                    self.document = parse(event.data)
                elif event.event == "patch":
                    patch = jsonpatch.JsonPatch(parse(event.data))
                    self.document = patch.apply(self.document, in_place=False)
                else:
                    raise ValueError(f"an event of type {event.event}")
                tell(event.event, id=event.id, data=write(self.document))
                states += 1
                if states == self.drop_every:
                    return

    def run(self):
        with httpx.Client(timeout=httpx.Timeout(10, read=60), trust_env=False) as client:
            while True:
                try:
                    self.follow(client)
                except httpx.TransportError as error:
                    tell("lost", error=repr(error))
                    time.sleep(min(self.retry_ms, 1000) / 1000)


Follower(sys.argv[1], int(sys.argv[2])).run()
