#!/bin/bash
# A Kubernetes cluster of real nodes inside private namespaces of this machine.
#
#   cluster.sh up                        start the control plane and the nodes in NODES, wait until they are Ready
#   cluster.sh down                      end everything and leave nothing
#   cluster.sh k ARG...                  kubectl as cluster administrator
#   cluster.sh in CMD...                 run CMD in the cluster's network (pod, service-node and API addresses reachable)
#   cluster.sh serve NAME CMD...         run CMD there until the cluster ends, with its output in DIR/log/NAME.log
#   cluster.sh door                      let this machine reach the API server at a loopback port; prints a kubeconfig's path
#   cluster.sh load TAR...               import image archives on every node that runs
#   cluster.sh start-node I [LABELS [TAINTS]]   a new node nI, or a dead one again
#   cluster.sh kill-node I               power the machine off: kubelet, containerd and all pods die at once
#   cluster.sh remove-node I             power it off, wipe its disk, delete its Node object
#   cluster.sh cut-node I | heal-node I  unplug and plug the node's network cable
#   cluster.sh kill-proc NAME | start-proc NAME   crash and start one of: etcd kube-apiserver kube-controller-manager kube-scheduler
#
# DIR: state, an absolute path on a disk overlayfs can use. KUBE: the kube binary. Images in DIR/images are loaded by every new node.
# Of one node, set when it is started: RESERVE_MEMORY and RESERVE_CPU (what pods do not get of the machine) and PROVIDER_ID.
set -euo pipefail
export DIR=${DIR:-/tmp/cluster} NODES=${NODES-1 2} KUBE=${KUBE:-$(dirname "$(readlink -f "$0")")/kube}
export NODE_GRACE=${NODE_GRACE:-8s} RESERVE_MEMORY=${RESERVE_MEMORY:-12Gi} RESERVE_CPU=${RESERVE_CPU:-500m}
self=$(readlink -f "$0")
pki=$DIR/pki
hub=10.89.0.1        # the control plane's address, and every node's gateway
node_ip() { echo "10.89.0.1$1"; }
tag=rn-$(cksum <<< "$DIR" | cut -d' ' -f1)    # names cgroups, so that clusters in other directories do not collide

# --- pid 1 of the cluster's namespaces -----------------------------------------------------------------------------

cluster() {
  mount --make-rprivate /
  mkdir -p /run/netns
  mount -t tmpfs tmpfs /run/netns
  ip link set lo up
  ip link add br0 type bridge
  ip addr add $hub/24 dev br0
  ip link set br0 up
  echo 1 > /proc/sys/net/ipv4/ip_forward
  echo 0 > /proc/sys/net/ipv4/conf/all/send_redirects
  echo 0 > /proc/sys/net/ipv4/conf/br0/send_redirects
  local i p
  [ -z "$NODES" ] || ip route add 10.96.0.0/16 via "$(node_ip ${NODES%% *})"      # tests reach services through the first node
  for i in $NODES; do "$self" _boot "$i" & done
  for p in etcd kube-apiserver; do "$self" _proc $p & done
  until [ "$(curl -sk https://$hub:6443/readyz)" = ok ]; do sleep .1; done
  for p in kube-controller-manager kube-scheduler; do "$self" _proc $p & done
  while :; do wait -n || sleep .2; done
}

proc() {
  local args=() etcd=http://127.0.0.1:2379
  case $1 in
  etcd) args=(--data-dir="$DIR/etcd" --unsafe-no-fsync --log-level=warn --heartbeat-interval=10 --election-timeout=100
      --listen-client-urls=$etcd --advertise-client-urls=$etcd --listen-peer-urls=http://127.0.0.1:2380) ;;
  kube-apiserver) args=(--etcd-servers=$etcd --advertise-address=$hub --secure-port=6443 --service-cluster-ip-range=10.96.0.0/16
      --client-ca-file=$pki/ca.crt --tls-cert-file=$pki/apiserver.crt --tls-private-key-file=$pki/apiserver.key
      --kubelet-client-certificate=$pki/admin.crt --kubelet-client-key=$pki/admin.key --kubelet-certificate-authority=$pki/ca.crt
      --kubelet-preferred-address-types=InternalIP --service-account-issuer=https://kubernetes.default.svc
      --service-account-key-file=$pki/sa.pub --service-account-signing-key-file=$pki/sa.key
      --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction,PodNodeSelector --allow-privileged=true) ;;
  kube-controller-manager) args=(--kubeconfig=$pki/kcm.kubeconfig --use-service-account-credentials --leader-elect=false
      --service-account-private-key-file=$pki/sa.key --root-ca-file=$pki/ca.crt --bind-address=127.0.0.1
      --node-monitor-period=1s --node-monitor-grace-period=$NODE_GRACE
      --kube-api-qps=500 --kube-api-burst=1000) ;;
  kube-scheduler) args=(--kubeconfig=$pki/sched.kubeconfig --leader-elect=false --bind-address=127.0.0.1
      --kube-api-qps=500 --kube-api-burst=1000) ;;
  esac
  echo $BASHPID > "$DIR/$1.pid"
  exec "$KUBE" "$1" "${args[@]}" >> "$DIR/log/$1.log" 2>&1
}

# --- a node: a machine with its own network cable, processes, mounts, host name and cgroups -------------------------

boot() {
  local i=$1 n=n$1 d=$DIR/n$1 c p g f
  exec >> "$DIR/log/$n.log" 2>&1
  sweep $d
  mkdir -p $d/{run,lib/containerd,lib/kubelet,lib/cni,log/pods,log/containers,cni,sys}
  echo $BASHPID > $d/pid
  while IFS=: read -r _ c p; do      # a cgroup in every v1 hierarchy, made the root of the node's view
    c=${c#name=} g=/sys/fs/cgroup/${c}${p%/}/$tag-$n
    [ -n "$c" ] && [ -e /sys/fs/cgroup/$c/cgroup.procs ] || continue
    mkdir -p $g
    if [ $c = cpuset ]; then for f in cpus mems; do cat ${g%/*}/cpuset.$f > $g/cpuset.$f; done; fi
    echo $BASHPID > $g/cgroup.procs
    echo "$c $g"
  done <<< "$(< /proc/self/cgroup)" > $d/cgroups      # read at once: the moves change the file
  ip netns del $n 2> /dev/null || true
  ip link del v-$n 2> /dev/null || true
  rm -rf $d/run/*
  ip netns add $n
  ip link add v-$n type veth peer name eth0 netns $n
  ip link set v-$n master br0 up
  ip -n $n link set lo up
  ip -n $n addr add "$(node_ip $i)/24" dev eth0
  ip -n $n link set eth0 up
  ip -n $n route add default via $hub
  ip route replace 10.244.$i.0/24 via "$(node_ip $i)"      # other nodes reach these pods through the hub
  exec ip netns exec $n unshare --mount --uts --ipc --cgroup --pid --fork --kill-child --propagation private "$self" _init "$i"
}

init() {
  local i=$1 n=n$1 d=$DIR/n$1 c g f kv
  hostname $n
  umount -l /proc
  mount -t proc proc /proc
  umount -lR /sys
  mount -t sysfs sysfs /sys
  mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
  while read -r c g; do
    mkdir /sys/fs/cgroup/$c
    mount -t cgroup -o "$([ $c = systemd ] && echo none,name=systemd || echo $c)" cgroup /sys/fs/cgroup/$c
  done < $d/cgroups
  mkdir -p /var/lib/{containerd,kubelet,cni} /var/log/{pods,containers} /etc/cni/net.d
  mount --bind $d/run /run
  for f in containerd kubelet cni; do mount --bind $d/lib/$f /var/lib/$f; done
  mount --make-rshared /var/lib/kubelet
  for f in pods containers; do mount --bind $d/log/$f /var/log/$f; done
  mount --bind $d/cni /etc/cni/net.d
  for kv in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
      kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do      # what the kubelet sets, kept from the machine
    f=$d/sys/${kv%=*}
    mkdir -p "$(dirname $f)"
    echo ${kv#*=} > $f
    mount --bind $f /proc/sys/${kv%=*}
  done
  echo 1 > /proc/sys/net/ipv4/ip_forward
  : > $d/resolv.conf
  write_configs $i
  containerd -c $d/containerd.toml >> $DIR/log/containerd-$n.log 2>&1 &
  until ctr version > /dev/null 2>&1; do sleep .05; done
  for f in $DIR/images/*.tar; do ctr -n k8s.io images import $f > /dev/null; done
  until [ "$(curl -sk https://$hub:6443/readyz)" = ok ]; do sleep .1; done
  "$KUBE" kube-proxy --config=$d/proxy.yaml >> $DIR/log/kube-proxy-$n.log 2>&1 &
  "$KUBE" kubelet --config=$d/kubelet.yaml --kubeconfig=$pki/$n.kubeconfig --hostname-override=$n --node-ip="$(node_ip $i)" \
    --node-labels="$(cat $d/labels 2> /dev/null || true)" >> $DIR/log/kubelet-$n.log 2>&1 &
  wait
}

sweep() {      # remove the cgroups of a node that is dead, as its reboot would
  local c g t left
  [ -f $1/cgroups ] || return 0
  for t in $(seq 50); do
    left=
    while read -r c g; do
      [ ! -d $g ] || find $g -depth -type d -exec rmdir {} + 2> /dev/null || left=1
    done < $1/cgroups
    [ -n "$left" ] || return 0
    sleep .1
  done
  echo "cluster.sh: cgroups of $1 are still in use" >&2
}

wipe() { [ ! -d $1 ] || { sweep $1; rm -rf $1; }; }

write_configs() {
  local i=$1 n=n$1 d=$DIR/n$1
  cat > /etc/cni/net.d/10-pods.conflist <<C
{"cniVersion": "1.0.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true, "ipMasq": false,
   "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.244.$i.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}, "snat": true}]}
C
  cat > $d/containerd.toml <<C
version = 2
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.internal.v1.restart", "io.containerd.internal.v1.tracing", "io.containerd.tracing.processor.v1.otlp"]
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "test.local/pause:1"
  restrict_oom_score_adj = true    # no CAP_SYS_RESOURCE here
  disable_apparmor = true
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "$DIR/registry"
C
  cat > $d/kubelet.yaml <<C
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failCgroupV1: false
cgroupDriver: cgroupfs
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
oomScoreAdj: 0
maxOpenFiles: $(ulimit -Hn)
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $pki/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $pki/$n.crt
tlsPrivateKeyFile: $pki/$n.key
resolvConf: $d/resolv.conf
kubeAPIQPS: 500
kubeAPIBurst: 1000
nodeStatusUpdateFrequency: 2s
nodeLeaseDurationSeconds: 8
evictionHard: {memory.available: 200Mi, nodefs.available: 1%, imagefs.available: 1%}
imageGCHighThresholdPercent: 100
systemReserved: {memory: "$RESERVE_MEMORY", cpu: "$RESERVE_CPU"}
providerID: ${PROVIDER_ID:-test:///$n}
registerWithTaints: [$(cat $d/taints 2> /dev/null || true)]
C
  cat > $d/proxy.yaml <<C
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: ${PROXY_MODE:-iptables}
clusterCIDR: 10.244.0.0/16
clientConnection: {kubeconfig: $pki/proxy.kubeconfig}
conntrack: {maxPerCore: 0, min: 0}
hostnameOverride: $n
C
}

# --- from outside -----------------------------------------------------------------------------------------------------

pid1() { local p; p=$(cat "$DIR/pid"); cat /proc/$p/task/$p/children; }
inside() { nsenter -t $(pid1) -n "$@"; }
within() { nsenter -t $(pid1) -m -n -p "$@"; }     # sees the cluster's pids and network namespaces too
k() { inside "$KUBE" kubectl --kubeconfig=$pki/admin.kubeconfig "$@"; }
issue() { "$KUBE" pki $pki $hub:6443 "$@"; }

up() {
  mkdir -p $DIR/{log,images}
  [ -f $DIR/images/pause.tar ] || "$KUBE" image $DIR/images/pause.tar test.local/pause:1 "$(dirname "$KUBE")/pause" > /dev/null
  issue $(for i in $NODES; do echo "n$i=$(node_ip $i)"; done)
  setsid unshare --mount --net --pid --fork --kill-child --mount-proc "$self" _cluster > $DIR/log/cluster.log 2>&1 < /dev/null &
  echo $! > $DIR/pid
  local t
  for t in $(seq 600); do
    [ "$(k get nodes --no-headers 2> /dev/null | grep -c ' Ready')" = "$(wc -w <<< $NODES)" ] && k get serviceaccount default > /dev/null 2>&1 && return
    sleep .2
  done
  echo "cluster.sh: not up, see $DIR/log" >&2
  return 1
}

down() {
  [ -f $DIR/pid ] || return 0
  [ ! -f $DIR/door ] || kill "$(cat $DIR/door)" 2> /dev/null || true
  kill -9 "$(cat $DIR/pid)" 2> /dev/null || true      # --kill-child: everything below dies with it
  local d
  for d in $DIR/n[0-9]*; do wipe $d; done
  rm -rf $DIR/etcd $DIR/pid $DIR/*.pid $DIR/door $DIR/kubeconfig
}

door() {      # the cluster's network is private: what comes to the port goes into it
  local port=$((20000 + ${tag#rn-} % 10000))
  setsid socat TCP-LISTEN:$port,bind=127.0.0.1,fork,reuseaddr \
    EXEC:"nsenter -t $(pid1) -n socat STDIO TCP\:$hub\:6443" > $DIR/log/door.log 2>&1 < /dev/null &
  echo $! > $DIR/door
  sed "s|$hub:6443|127.0.0.1:$port|" $pki/admin.kubeconfig > $DIR/kubeconfig
  chmod 600 $DIR/kubeconfig
  ln -sf "$KUBE" $DIR/kubectl
  echo $DIR/kubeconfig
}

remove_node() {
  local i=$1 n=n$1
  within kill -9 "$(cat $DIR/$n/pid)" 2> /dev/null || true
  within ip netns del $n
  within ip route del 10.244.$i.0/24
  k delete node $n --wait=false
  wipe $DIR/$n
}

start_node() {
  local i=$1 n=n$1 d=$DIR/n$1 t
  mkdir -p $d
  [ -f $pki/$n.crt ] || issue "$n=$(node_ip $i)"
  [ $# -lt 2 ] || echo "$2" > $d/labels
  [ $# -lt 3 ] || for t in ${3//,/ }; do      # KEY=VALUE:EFFECT
    echo "{key: ${t%%=*}, value: \"$(sed 's/^[^=]*=//; s/:[^:]*$//' <<< $t)\", effect: ${t##*:}}"; done | paste -sd, > $d/taints
  setsid nsenter -t $(pid1) -m -n -p "$self" _boot $i > /dev/null 2>&1 < /dev/null &
}

# A node may die meanwhile: only one that runs has to take the images.
load() {
  local d f
  for d in "$DIR"/n*/; do
    for f; do
      ctr -a "${d}run/containerd/containerd.sock" -n k8s.io images import "$f" || ! within kill -0 "$(cat "${d}pid")" 2> /dev/null || return 1
    done
  done
}

case ${1:-} in
up) up ;;
down) down ;;
k) shift; exec nsenter -t $(pid1) -n "$KUBE" kubectl --kubeconfig=$pki/admin.kubeconfig "$@" ;;
in) shift; exec nsenter -t $(pid1) -n "$@" ;;
serve) shift; name=$1; shift; setsid nsenter -t $(pid1) -n -p "$@" > $DIR/log/$name.log 2>&1 < /dev/null & ;;
door) door ;;
load) shift; load "$@" ;;
start-node) shift; start_node "$@" ;;
kill-node) within kill -9 "$(cat $DIR/n$2/pid)" ;;
remove-node) remove_node $2 ;;
cut-node) inside ip link set v-n$2 down ;;
heal-node) inside ip link set v-n$2 up ;;
kill-proc) within kill -9 "$(cat $DIR/$2.pid)" ;;
start-proc) setsid nsenter -t $(pid1) -m -n -p "$self" _proc $2 > /dev/null 2>&1 < /dev/null & ;;
_cluster) cluster ;;
_proc) proc $2 ;;
_boot) boot $2 ;;
_init) init $2 ;;
*) sed -n '2,/^set/p' "$self" | sed '$d; s/^# \?//' ;;
esac
