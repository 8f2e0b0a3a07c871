#!/bin/bash
# gomod.sh K8S ETCD: writes go.mod for these versions, with a replace for every staging module of that k8s.io/kubernetes
set -euo pipefail
k8s=$1 etcd=$2
mod=$(cd / && go mod download -json "k8s.io/kubernetes@v$k8s" | sed -n 's/.*"GoMod": "\(.*\)".*/\1/p')
{
  printf 'module reprise.dev/tests/cluster\n\ngo 1.26.0\n\n%s\n\n' "$(grep ^godebug "$mod")"
  printf 'require (\n\tgo.etcd.io/etcd/server/v3 v%s\n\tk8s.io/kubernetes v%s\n)\n\nreplace (\n' "$etcd" "$k8s"
  grep -oE '^\s+k8s.io/[a-z-]+ => \./staging' "$mod" | awk -v v="0.${k8s#1.}" '{printf "\t%s => %s v%s\n", $1, $1, v}'
  echo ')'
} > go.mod
go mod tidy
