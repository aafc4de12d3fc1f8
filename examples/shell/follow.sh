#!/usr/bin/env bash
# Follows a live resource with curl and jq: a line for each value that changed, with its path.
# usage: follow.sh [URL]
set -uo pipefail
url=${1:-http://127.0.0.1:8080/quotes}
id= # the position of the last message that had one

# A message of the stream is a line of JSON. This gives its position, a bar, and a line to print for each change in it.
program='
  (.id // "") as $id
  | if .event == "snapshot" then "snapshot: \(.data | length) entries"
    elif .event == "patch"  then .data[] | "\(.op) \(.path) \(.value | tojson)"
    elif .event == "status" then "status: \(.data.state)"
    else empty end
  | "\($id)|\(.)"'

while :; do
  while IFS='|' read -r position line; do
    id=${position:-$id}
    printf '%s\n' "$line"
  done < <(curl --silent --show-error --fail --no-buffer --header 'Accept: application/x-ndjson' \
    ${id:+--header "Last-Event-ID: $id"} "$url" | jq --raw-output --unbuffered "$program")
  sleep 1 # then on from where it ended: what was missed comes as one patch
done
