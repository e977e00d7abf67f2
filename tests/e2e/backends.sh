#!/usr/bin/env bash
# Any node to any other through the ring: a folder to nginx and SeaweedFS, from there to each other
# and to folders again; updates and deletes follow; what a node cannot do is said.
# timeout: 240
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

services=$(dirname "$0")/../../compose/services
export WAYBILL_STATE_DIR=$WB_SCRATCH/state WAYBILL_HTTP_LISTEN=''
start_services() {
    local text
    text=$("$services" start webdav s3 --dir "$WB_SCRATCH/services" 2>"$WB_SCRATCH/services.log") ||
        fail "the servers do not start: $(cat "$WB_SCRATCH/services.log")"
    eval "$text"
}
at_end() { "$services" kill --dir "$WB_SCRATCH/services" >/dev/null 2>&1; }
start_services

a=$WB_SCRATCH/a
mkdir -p "$a/in/deep" "$WB_SCRATCH/from-dav" "$WB_SCRATCH/from-s3"
printf 1 >"$a/one"
: >"$a/empty"
head -c 300000 /dev/urandom >"$a/in/deep/a b+c%41#?&ü"
head -c 3000000 /dev/urandom >"$a/in/direct"
head -c 60000000 /dev/urandom >"$a/large.bin"
head -c 40000000 /dev/urandom >"$a/film.mp4"
for i in $(seq 100); do echo "$i" >"$a/in/$i"; done

wb topics init -q --partitions 2
wb node add a "file://$a" -q
wb node add dav "$WB_WEBDAV_URL" --secret webdav -q 2>"$WB_SCRATCH/limits"
grep -q 'takes no ranges' "$WB_SCRATCH/limits" || fail "limits: $(cat "$WB_SCRATCH/limits")"
wb node add s3 "$WB_S3_URL/ring" --opt endpoint="$WB_S3_ENDPOINT" --secret s3 -q
wb node add from-dav "file://$WB_SCRATCH/from-dav" -q
wb node add from-s3 "file://$WB_SCRATCH/from-s3" -q
wb rule set out --match 'a:**' --to dav,s3 --deletes propagate -q
wb rule set dav-back --match 'dav:**' --to from-dav --deletes propagate -q
wb rule set s3-back --match 's3:**' --to from-s3 --deletes propagate -q
start_stage ring run all

same() { diff -r -x .waybill "$a" "$1" >"$WB_SCRATCH/diff" 2>&1; }
proved_everywhere() {
    local node
    for node in dav s3; do
        wb check a: $node: -q >"$WB_SCRATCH/check" 2>&1 || fail "$node: $(cat "$WB_SCRATCH/check")"
    done
    wait_until 60 same "$WB_SCRATCH/from-dav"
    wait_until 60 same "$WB_SCRATCH/from-s3"
}

wb put a: -r --wait --timeout 100s -q || fail 'not all is proved'
proved_everywhere
# went PATH TARGET STRATEGY
went() {
    local strategy
    strategy=$(wb get files --target "$2" --json |
        jq -r --arg path "$1" --arg target "$2" \
            '.files[] | select(.path == $path and .target == $target) | .strategy')
    [ "$strategy" = "$3" ] || fail "$1 went to $2 by '$strategy', not $3"
}
went large.bin dav direct
went large.bin s3 chunked
went film.mp4 s3 streaming

# An update, the same again, and a delete.
head -c 500000 /dev/urandom >"$a/one"
head -c 60000001 /dev/urandom >"$a/large.bin"
rm "$a/in/7"
printf '%s\n' '{"kind":"deleted","node":"a","path":"in/7"}' >"$WB_SCRATCH/events"
wb put --stdin --wait --timeout 60s -q <"$WB_SCRATCH/events"
wb put a: -r --wait --timeout 100s -q || fail 'the update is not proved'
proved_everywhere
# shellcheck disable=SC2119
stop_stages
