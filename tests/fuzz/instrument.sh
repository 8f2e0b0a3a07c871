#!/bin/sh
# Compiles the crates of this workspace, and only these, with the counters that libFuzzer reads. Dependencies stay as
# they are, so that nothing of them is built again.
exec "$@" -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
  -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing
