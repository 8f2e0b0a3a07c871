#!/bin/bash
# build.sh: prints the path of `kube`, built if it is not in the cache: every Kubernetes program in one binary, from Go
# modules. The first time takes minutes and 4 GB of disk; later the cached binary of these very sources is taken.
set -euo pipefail
cd "$(dirname "$0")"
version=$(sed -n 's/^\tk8s.io\/kubernetes v//p' go.mod)
key=$(cat ./*.go go.mod go.sum pause/*.go | sha256sum | cut -c1-16)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/reprise/kubernetes-$version-$key
if [ ! -x "$cache/kube" ]; then
  command -v go > /dev/null || { echo "Go is not installed" >&2; exit 1; }
  mkdir -p "$cache"
  export CGO_ENABLED=0
  go build -trimpath -ldflags "-s -w" -o "$cache/pause" ./pause >&2
  go build -trimpath -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=v$version" -o "$cache/kube.new" . >&2
  mv "$cache/kube.new" "$cache/kube"
fi
echo "$cache/kube"
