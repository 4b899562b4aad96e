#!/bin/sh
# Two hosts at one study, simulated on one machine: each worker has its own mount, host name (UTS) and process (PID)
# namespace, so both have the same process id and neither can see whether the other one lives; the reports folder is a
# bind mount. Needs root. With libfaketime (FAKETIME_LIB=/path/to/libfaketime.so.1) the clock of the second host is ten
# minutes late.
#
#   tests/workers/two_hosts.sh RUNNER STUDY.toml
#
# The first worker is killed while it trains; the second one has to take its job over after the lease of 3 seconds.
set -eu
runner=$(readlink -f "$1")
study=$(readlink -f "$2")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/reports"

# host NAME MOUNTPOINT: a worker on that host.
host() {
    mkdir -p "$folder/$2"
    exec unshare --mount --uts --pid --fork --kill-child --mount-proc sh -c '
        hostname "$1"; mount --bind "$2/reports" "$2/$3"; cd "$4"
        exec "$5" work "$6" --reports-dir "$2/$3" --format json' \
        sh "$1" "$folder" "$2" "$(dirname "$study")" "$runner" "$study"
}

export RUNNER_LEASE_SECONDS=3
(host first one) > "$folder/first.log" 2>&1 &
first=$!
until grep -q '"job_started".*"train"' "$folder/first.log"; do sleep 0.05; done
(
    if [ -n "${FAKETIME_LIB:-}" ]; then export LD_PRELOAD="$FAKETIME_LIB" FAKETIME=-10m; fi
    host second two
) > "$folder/second.log" 2>&1 &
second=$!
until grep -q '"job_waiting"\|"job_started"' "$folder/second.log"; do sleep 0.05; done
"$runner" status "$study" --reports-dir "$folder/reports" | grep '^working' || true
kill -9 $first
wait $second
code=$?
grep -c '"job_finished"' "$folder/second.log"
echo "the second host ended with exit code $code"
cd "$(dirname "$study")"
"$runner" "$study" --reports-dir "$folder/reports" > /dev/null 2>&1
cp -r "$folder/reports" "${REPORTS_TO:-$folder/kept}"
