#!/usr/bin/env bash
# Submits one cancellation by HTTP, and waits until it has ended.
#
#   RESCIND_URL=http://127.0.0.1:8080 RESCIND_TOKEN=… ./cancel.sh ithink 86210010465
set -euo pipefail

if (($# != 2)); then
    echo "usage: $0 PROVIDER ORDER" >&2
    exit 2
fi
: "${RESCIND_URL:?}" "${RESCIND_TOKEN:?}"

# curl reads the token from standard input: every local user can read a command line.
call() {
    curl --silent --show-error --fail-with-body --config - \
        --connect-timeout 5 --max-time 30 --retry 5 --retry-max-time 60 "$@" \
        <<<"header = \"Authorization: Bearer $RESCIND_TOKEN\""
}

# 202 means that it is in the ledger. Sending it again with the same key is harmless.
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
    rejected | expired | failed | withdrawn) echo "$record" >&2 && exit 1 ;;
    esac
    sleep 1
done
echo "$id has not ended yet; Rescind goes on with it" >&2
exit 4
