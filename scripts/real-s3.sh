#!/usr/bin/env bash
# A real S3 server for tests: one Ceph object gateway (radosgw) with one monitor and one in-memory OSD, out of
# Debian's packages. It listens on the loopback interface only, and everything it stores is gone when it stops.
#
#   scripts/real-s3.sh start [DIR] [PORT]   install the packages if they are missing (needs root), start, make a user
#   scripts/real-s3.sh stop  [DIR]          end the processes that `start` began, and no others
#
#   DIR   where configuration, logs and process ids go; default .real-s3
#   PORT  of the gateway; default 7480
#
# `start` ends when the gateway answers. It prints S3_ENDPOINT, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
# AWS_REGION, one a line, and leaves them in DIR/env. From the environment: S3_ACCESS_KEY and S3_SECRET_KEY for other
# credentials than the made-up ones, MON_PORT (default 16789) where two of these run side by side.
# The packages take about 40 seconds, a start about 13. Only the packages need root; no service is installed or used.
set -euo pipefail

usage() {
  sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"
}

command=${1:-}
case $command in
  start | stop) ;;
  -h | --help)
    usage
    exit 0
    ;;
  *)
    usage >&2
    exit 1
    ;;
esac

mkdir -p "${2:-.real-s3}"
dir=$(cd "${2:-.real-s3}" && pwd)
port=${3:-7480}
mon_port=${MON_PORT:-16789}
access_key=${S3_ACCESS_KEY:-testaccesskey}
secret_key=${S3_SECRET_KEY:-testsecretkey0123456789}

# Ends what this script started, gateway first, by the ids it wrote down.
stop() {
  local name pid
  for name in rgw osd mon; do
    [ -s "$dir/$name.pid" ] || continue
    pid=$(cat "$dir/$name.pid")
    # After a reboot the id may be another program's.
    if is_ours "$pid"; then
      kill "$pid" 2>/dev/null || true
      for _ in $(seq 50); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
      done
      kill -9 "$pid" 2>/dev/null || true
    fi
    rm -f "$dir/$name.pid"
  done
}

is_ours() {
  case $(tr '\0' ' ' <"/proc/$1/cmdline" 2>/dev/null) in
    *"$dir/ceph.conf"*) return 0 ;;
    *) return 1 ;;
  esac
}

fail() {
  echo "real-s3.sh: $1" >&2
  [ -z "${2:-}" ] || tail -n 5 "$2" >&2 || true
  stop
  exit 1
}

if [ "$command" = stop ]; then
  stop
  exit 0
fi

if ! command -v radosgw >/dev/null || ! command -v ceph-mon >/dev/null || ! command -v ceph-osd >/dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends radosgw ceph-mon ceph-osd >/dev/null
fi

stop
# An interrupted start must leave nothing running.
trap 'stop; exit 130' INT TERM
rm -rf "${dir:?}"/{mon,osd,rgw,log,run,ceph.conf,monmap,env}
mkdir -p "$dir"/{mon,osd,rgw,log,run}
fsid=$(cat /proc/sys/kernel/random/uuid)

cat >"$dir/ceph.conf" <<CONF
[global]
fsid = $fsid
mon host = v1:127.0.0.1:$mon_port
ms bind msgr2 = false
ms bind ipv6 = false
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
mon warn on pool no redundancy = false
mon allow pool size one = true
osd pool default pg num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon data avail crit = 1
mon data avail warn = 1
osd objectstore = memstore
memstore device bytes = 2147483648
osd max object name len = 1024
run dir = $dir/run
admin socket = $dir/run/\$name.asok
log file = $dir/log/\$name.log
crash dir = $dir/run
debug default = 0/0
osd class load list = *
osd class default list = *
[mon]
mon data = $dir/mon
mon max pg per osd = 1000
[osd]
osd data = $dir/osd
osd op num threads per shard = 1
osd class update on start = false
osd crush update on start = false
[client]
rgw data = $dir/rgw
rgw frontends = beast endpoint=127.0.0.1:$port
rgw enable usage log = false
rgw enable apis = s3
rgw thread pool size = 64
rgw run sync thread = false
rgw gc max objs = 7
CONF
export CEPH_CONF="$dir/ceph.conf" CEPH_ARGS=
conf=(-c "$dir/ceph.conf")

# Monitor. (The daemons keep no hold on our stdout, or a caller that reads it to its end would wait for ever.)
monmaptool --create --clobber --addv a "[v1:127.0.0.1:$mon_port]" --fsid "$fsid" "$dir/monmap" >/dev/null
ceph-mon "${conf[@]}" --id a --mkfs --monmap "$dir/monmap" >"$dir/log/mon.out" 2>&1 ||
  fail 'the monitor could not be made' "$dir/log/mon.out"
ceph-mon "${conf[@]}" --id a -f >"$dir/log/mon.out" 2>&1 </dev/null &
echo $! >"$dir/mon.pid"

# OSD, in memory.
osd_uuid=$(cat /proc/sys/kernel/random/uuid)
timeout 30 ceph "${conf[@]}" --connect-timeout 20 osd new "$osd_uuid" 0 >/dev/null ||
  fail 'the monitor does not answer' "$dir/log/mon.out"
timeout 30 ceph "${conf[@]}" osd crush add osd.0 1.0 root=default host=local >/dev/null 2>&1
ceph-osd "${conf[@]}" -i 0 --mkfs --osd-uuid "$osd_uuid" >"$dir/log/osd.out" 2>&1 ||
  fail 'the OSD could not be made' "$dir/log/osd.out"
ceph-osd "${conf[@]}" -i 0 -f >"$dir/log/osd.out" 2>&1 </dev/null &
echo $! >"$dir/osd.pid"
osd_up() {
  timeout 10 ceph "${conf[@]}" osd stat 2>/dev/null | grep -q ' 1 up'
}
for _ in $(seq 60); do
  kill -0 "$(cat "$dir/osd.pid")" 2>/dev/null || fail 'the OSD ended' "$dir/log/osd.out"
  osd_up && break
  sleep 0.1
done

# Gateway.
radosgw "${conf[@]}" -n client.rgw -f >"$dir/log/rgw.out" 2>&1 </dev/null &
echo $! >"$dir/rgw.pid"
gateway_answers() {
  (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null
}
for _ in $(seq 300); do
  kill -0 "$(cat "$dir/rgw.pid")" 2>/dev/null || fail 'the gateway ended' "$dir/log/rgw.out"
  gateway_answers && break
  sleep 0.1
done
gateway_answers || fail 'the gateway did not come up in time' "$dir/log/rgw.out"
timeout 60 radosgw-admin "${conf[@]}" -n client.rgw user create --uid=test --display-name=test \
  --access-key="$access_key" --secret-key="$secret_key" >/dev/null 2>"$dir/log/user.out" ||
  fail 'the user could not be made' "$dir/log/user.out"

printf 'S3_ENDPOINT=http://127.0.0.1:%s\nAWS_ACCESS_KEY_ID=%s\nAWS_SECRET_ACCESS_KEY=%s\nAWS_REGION=us-east-1\n' \
  "$port" "$access_key" "$secret_key" >"$dir/env"
cat "$dir/env"
