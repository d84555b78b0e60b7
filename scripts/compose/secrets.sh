#!/bin/sh
# Makes the passwords of the compose project, each once, in the volumes below /secrets. A service mounts only its own
# volume, so that a worker has neither MinIO's root password nor a password in a variable or an argument.
set -eu
cd "${1:-/secrets}"

# once FILE: 48 random hex digits, safe in an address.
once() {
  [ -s "$1" ] && return
  od -An -N24 -tx1 /dev/urandom | tr -d ' \n' > "$1.new"
  # An empty password would let everybody in.
  [ "$(wc -c < "$1.new")" -eq 48 ] || { echo "No random bytes for $1: run this again." >&2; exit 1; }
  mv "$1.new" "$1"
}

# put FILE: what comes on standard input, whole or not at all.
put() {
  cat > "$1.new"
  mv "$1.new" "$1"
}

once redis/password
once minio/root-password
once minio/worker-password

printf 'shotlist-root' | put minio/root-user
printf 'requirepass %s\n' "$(cat redis/password)" | put redis/redis.conf
put worker/redis-password < redis/password
put worker/aws-credentials <<END
[default]
aws_access_key_id = shotlist-worker
aws_secret_access_key = $(cat minio/worker-password)
END
