#!/bin/bash
# images.sh BINARIES OUT [TAG]: OCI archives of the operator and the worker, from the programs in BINARIES, without a container
# engine. In each: the program, the libraries that it is linked to, certificate authorities, a user of no rights. No shell.
set -euo pipefail
binaries=$1 out=$2 tag=${3:-test}
kube=${KUBE:?names the binary that build.sh makes}
authorities=/etc/ssl/certs/ca-certificates.crt
test -f $authorities || { echo "$authorities is missing: install ca-certificates" >&2; exit 1; }
mkdir -p "$out"
for name in operator worker; do
  binary=$binaries/reprise-$name
  test -x "$binary" || { echo "$binary is missing: make binaries" >&2; exit 1; }
  mapfile -t libraries < <(ldd "$binary" | grep -oE '/[^ ]+\.so[^ ]*')
  "$kube" image "$out/reprise-$name.tar" "reprise.dev/$name:$tag" "$binary" $authorities "${libraries[@]}"
done
