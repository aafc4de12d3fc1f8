"""Follows one resource over a WebSocket with `websockets` and jsonpatch: websocket.py SOCKET TARGET STATES.

Writes each state as a line of JSON, and closes after so many of them. It ends with an exception when anything is not as
it should be.
"""

import json
import sys

import jsonpatch
from websockets.sync.client import connect

socket_url, target, states = sys.argv[1], sys.argv[2], int(sys.argv[3])
document, seen = None, 0
with connect(socket_url, subprotocols=["tidegate.v1"], compression=None) as socket:
    assert socket.subprotocol == "tidegate.v1"
    socket.send(json.dumps({"op": "subscribe", "sub": 1, "url": target}))
    while seen < states:
        message = json.loads(socket.recv())
        if message["event"] == "snapshot":
            document = message["data"]
        elif message["event"] == "patch":
            document = jsonpatch.apply_patch(document, message["data"])
        else:
            assert message["event"] in ("open", "status", "heartbeat"), message
            continue
        seen += 1
        print(json.dumps(document), flush=True)
assert socket.protocol.close_code in (1000, 1005), socket.protocol.close_code
