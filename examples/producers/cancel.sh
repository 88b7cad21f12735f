#!/usr/bin/env bash
# Hand one cancellation over by HTTP, and wait for its end.
#
#   RESCIND_URL=http://127.0.0.1:8080 RESCIND_TOKEN=… ./cancel.sh ithink 86210010463
set -euo pipefail

if (($# != 2)); then
    echo "usage: $0 PROVIDER ORDER" >&2
    exit 2
fi
: "${RESCIND_URL:?}" "${RESCIND_TOKEN:?}"

# The token comes by standard input: a command line can be read by every local user.
call() {
    curl --silent --show-error --fail-with-body --config - \
        --connect-timeout 5 --max-time 30 --retry 5 --retry-max-time 60 "$@" \
        <<<"header = \"Authorization: Bearer $RESCIND_TOKEN\""
}

# 202 means that it is in the ledger; to send it again with the same key is harmless.
accepted=$(call --request POST "$RESCIND_URL/v1/cancellations" \
    --retry-connrefused \
    --header 'Content-Type: application/json' \
    --header "Idempotency-Key: $2" \
    --data "{\"provider\": \"$1\", \"order\": \"$2\"}") || {
    echo "${accepted:-no answer}" >&2
    exit 1
}
id=$(sed 's/.*"id":"\([^"]*\)".*/\1/' <<<"$accepted")
echo "$id"

for _ in $(seq 300); do
    record=$(call "$RESCIND_URL/v1/cancellations/$id")
    state=$(sed 's/.*"state":"\([a-z]*\)","reason".*/\1/' <<<"$record")
    case $state in
    cancelled) echo "$state" && exit 0 ;;
    rejected | expired | failed) echo "$record" >&2 && exit 1 ;;
    esac
    sleep 1
done
echo "$id is not final yet; it goes on" >&2
exit 4
