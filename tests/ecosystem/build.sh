#!/bin/bash
# build.sh NAME...: prints the path of each program, built if it is not in the cache: judge, argo, promtool, kueue.
# Each comes from its own Go module, with the versions that its authors released it with. The first time takes minutes;
# later the cached program of these very sources is taken.
set -euo pipefail
cd "$(dirname "$0")"

build() { # NAME FOLDER PACKAGE [FLAG...]
  local key program
  key=$({ echo "${@:3}"; cat "$2/go.mod" "$2/go.sum"; if [ -f "$2/main.go" ]; then cat "$2/main.go"; fi; } | sha256sum | cut -c1-16)
  program=${XDG_CACHE_HOME:-$HOME/.cache}/reprise/ecosystem/$1-$key
  if [ ! -x "$program" ]; then
    command -v go > /dev/null || { echo "Go is not installed" >&2; exit 1; }
    mkdir -p "$(dirname "$program")"
    (cd "$2" && CGO_ENABLED=0 go build -mod=readonly -trimpath -ldflags "-s -w" "${@:4}" -o "$program.new" "$3" >&2)
    mv "$program.new" "$program"
  fi
  echo "$program"
}

for name in "${@:?judge, argo, promtool or kueue}"; do
  case $name in
  judge | argo) build "$name" "$name" . ;;
  promtool) build promtool prom github.com/prometheus/prometheus/cmd/promtool -tags=remove_all_sd,enable_kubernetes_sd ;;
  kueue) build kueue kueue sigs.k8s.io/kueue/cmd/kueue ;;
  *) echo "build.sh: no program $name" >&2; exit 2 ;;
  esac
done
