#!/bin/bash
# Fuzzes every target for SECONDS_EACH, from the committed corpus; what it finds new stays in the cache folder.
# A crash ends it with the input's path. A C++ compiler is needed for libFuzzer.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${SECONDS_EACH:-60}
found=$CARGO_TARGET_DIR/fuzz
targets=(csv json-lines parquet view documents)
build=(cargo build --locked --quiet --workspace --features reprise-fuzz/fuzz)
for target in "${targets[@]}"; do build+=(--bin "fuzz-$target"); done
RUSTC_WORKSPACE_WRAPPER=$PWD/tests/fuzz/instrument.sh "${build[@]}"
for target in "${targets[@]}"; do
  mkdir -p "$found/$target"
  echo "== $target: $seconds s"
  log=$found/$target.log
  if ! "$CARGO_TARGET_DIR/debug/fuzz-$target" "$found/$target" "tests/fuzz/corpus/$target" -max_total_time="$seconds" -max_len=65536 \
    -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$found/$target-" > "$log" 2>&1; then
    tail -n 40 "$log" >&2
    echo "$target: a promise was broken; the input lies beside $found/$target-*" >&2
    exit 1
  fi
  grep -E '^(Done|stat::)' "$log"
done
