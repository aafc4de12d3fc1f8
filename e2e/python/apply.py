"""Applies patches with jsonpatch: reads lines with `old`, `new` and `patch` as texts, and tells where the patched old
document is not the new one.

Prints `{"applied": N}` when all of N lines are right, and ends with an exception at the first that is not.
"""

import decimal
import json
import sys

import jsonpatch

# Decimals keep their digits, trailing zeros included, so that 1.1 in the place of 1.10 is seen.
decimal.getcontext().prec = 100


def parse(text):
    return json.loads(text, parse_float=decimal.Decimal)


def canonical(value):
    """A text that equal documents have in common, whatever the order of their members."""
    return json.dumps(value, sort_keys=True, default=lambda number: f"number {number}")


applied = 0
for line in sys.stdin:
    pair = json.loads(line)
    result = jsonpatch.apply_patch(parse(pair["old"]), jsonpatch.JsonPatch(parse(pair["patch"])))
    if canonical(result) != canonical(parse(pair["new"])):
        raise SystemExit(f"{line}gave {canonical(result)}")
    applied += 1
print(json.dumps({"applied": applied}))
