#!/bin/bash
# A Slurm cluster of one machine, for tests. It installs nothing and listens on 127.0.0.1 only.
#
#   cluster.sh fetch ROOT    download Debian's packages and unpack them below ROOT
#   cluster.sh start ROOT    start munged, slurmctld and slurmd; prints the lines to `eval` in a shell that uses them
#   cluster.sh stop ROOT     stop them
#
# SLURM_TEST_CPUS: cores of a node. SLURM_TEST_NODES=2: a second node, `second`, that is a daemon with a host name of its
# own on this machine. SLURM_TEST_CONF: more lines for slurm.conf.
#
# Without ROOT/x (what `fetch` unpacks) the programs on the PATH are used. Written for Debian's Slurm 22.05, as root,
# without systemd and cgroups. The reasons for the settings are beside them.
set -eu
what=${1:?fetch, start or stop}
root=$(mkdir -p "${2:?a folder}" && cd "$2" && pwd)
x=$root/x
run=$root/run
if [ -d "$x" ]; then
    export PATH="$x/usr/sbin:$x/usr/bin:$PATH"
    export LD_LIBRARY_PATH="$x/usr/lib/x86_64-linux-gnu:$x/usr/lib/x86_64-linux-gnu/slurm-wlm${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
fi
export SLURM_CONF=$run/slurm.conf

fetch() {
    mkdir -p "$root/debs" "$x"
    cd "$root/debs"
    packages=$(apt-get install -s --no-install-recommends slurmctld slurmd slurm-client munge | awk '/^Inst/ {print $2}')
    # shellcheck disable=SC2086
    apt-get download $packages 2>/dev/null
    for deb in *.deb; do dpkg -x "$deb" "$x"; done
    # slurmd reads its generic resources only if it is called `slurmd`.
    for name in slurmctld slurmd; do
        [ -e "$x/usr/sbin/$name" ] || cp "$x/usr/sbin/$name-wlm" "$x/usr/sbin/$name"
    done
}

start() {
    command -v slurmctld slurmd munged sbatch >/dev/null || { echo "no Slurm: run $0 fetch $root" >&2; exit 3; }
    mkdir -p "$run"/{state,spool/second,log,dev,munge}
    chmod 700 "$run/munge"
    [ -e "$run/munge/key" ] || head -c 1024 /dev/urandom >"$run/munge/key"
    chmod 600 "$run/munge/key"
    # Two devices that do nothing stand for two GPUs.
    for i in 0 1; do [ -e "$run/dev/nvidia$i" ] || mknod "$run/dev/nvidia$i" c 1 3; done
    plugins=$x/usr/lib/x86_64-linux-gnu/slurm-wlm
    [ -d "$plugins" ] || plugins=/usr/lib/x86_64-linux-gnu/slurm-wlm
    host=$(hostname -s)
    port=${SLURM_TEST_PORT:-46817}
    second=
    [ "${SLURM_TEST_NODES:-1}" = 1 ] || second=yes
    cat >"$run/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$run/munge/munge.sock
PluginDir=$plugins
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$run/state
SlurmdSpoolDir=$run/spool/%n
SlurmctldPidFile=$run/slurmctld.pid
SlurmdPidFile=$run/slurmd-%n.pid
SlurmctldLogFile=$run/log/slurmctld.log
SlurmdLogFile=$run/log/slurmd-%n.log
# No cgroups, no systemd.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=2,sched_interval=2,batch_sched_delay=0
MpiDefault=none
SwitchType=switch/none
GresTypes=gpu
ReturnToService=2
JobRequeue=1
# A task that is requeued starts again soon; a real cluster waits two minutes.
KillWait=10
MinJobAge=300
MailProg=/bin/true
NodeName=$host NodeAddr=127.0.0.1 CPUs=${SLURM_TEST_CPUS:-2} RealMemory=1500 State=UNKNOWN Gres=gpu:2
${second:+NodeName=second NodeAddr=127.0.0.1 Port=$((port + 2)) CPUs=${SLURM_TEST_CPUS:-2} RealMemory=1500 State=UNKNOWN}
PartitionName=main Nodes=ALL Default=YES MaxTime=60 State=UP
PartitionName=short Nodes=ALL MaxTime=1 State=UP
${SLURM_TEST_CONF:-}
CONF
    echo "NodeName=$host Name=gpu File=$run/dev/nvidia[0-1] Flags=nvidia_gpu_env" >"$run/gres.conf"
    munged --force --socket="$run/munge/munge.sock" --key-file="$run/munge/key" --pid-file="$run/munge/munged.pid" \
        --log-file="$run/munge/munged.log" --seed-file="$run/munge/seed" >&2
    slurmctld -c >&2
    # The path of slurmstepd is compiled in.
    stepd=$x/usr/sbin/slurmstepd-wlm
    [ -e "$stepd" ] && stepd="-d $stepd" || stepd=
    # shellcheck disable=SC2086
    slurmd $stepd >&2
    # A daemon finds its line in slurm.conf by its host name, which it must be able to look up.
    if [ -n "$second" ]; then
        (cat /etc/hosts && echo "127.0.0.1 second") >"$run/hosts"
        unshare --uts --mount sh -c "hostname second && mount --bind $run/hosts /etc/hosts && slurmd $stepd" >&2
    fi
    is_up() { [ "$(sinfo -h -N -p main -o %T 2>/dev/null | grep -c idle)" = "${SLURM_TEST_NODES:-1}" ]; }
    for _ in $(seq 100); do
        is_up && break
        sleep 0.2
    done
    is_up || { echo "the cluster did not start; see $run/log" >&2; exit 1; }
    echo "export SLURM_CONF='$SLURM_CONF' PATH='$PATH' LD_LIBRARY_PATH='${LD_LIBRARY_PATH:-}'"
}

stop() {
    local file pids=
    for file in "$run"/slurmd-*.pid "$run/slurmctld.pid" "$run/munge/munged.pid"; do
        if [ -s "$file" ]; then pids="$pids $(cat "$file")"; fi
    done
    for pid in $pids; do kill "$pid" 2>/dev/null || true; done
    # The next cluster uses the same ports and files.
    for pid in $pids; do
        for _ in $(seq 100); do
            [ "$(ps -o stat= -p "$pid" 2>/dev/null | cut -c1)" ] || break
            [ "$(ps -o stat= -p "$pid" | cut -c1)" != Z ] || break
            sleep 0.1
        done
    done
}

"$what"
