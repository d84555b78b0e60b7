#!/bin/sh
# Reads the password of Redis from its file, so that `docker inspect` shows it to nobody.
set -eu
REDIS_URL="redis://:$(cat "${SECRETS:-/run/secrets/worker}/redis-password")@redis:6379"
export REDIS_URL
exec node "${PROGRAM:-/app/dist/cli/main.js}" "$@"
