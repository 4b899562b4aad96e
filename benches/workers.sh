#!/bin/sh
# Two workers with half of the cores each against one worker with all of them: the same study, three times each, on an
# idle machine. Prints seconds.
#
#   benches/workers.sh RUNNER STUDY.toml
set -eu
runner=$(readlink -f "$1")
study=$(readlink -f "$2")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$(dirname "$study")"
for round in 1 2 3; do
    for devices in cpu:1 cpu:2; do
        begun=$(date +%s.%N)
        "$runner" "$study" --devices "$devices" --reports-dir "$folder/$devices-$round" --progress none > /dev/null
        echo "$devices $(echo "$(date +%s.%N) - $begun" | bc)"
    done
done
