#!/bin/sh
# Makes the bucket of S3_BUCKET, and the user of the workers with the rights of docs/security.md on it alone. Safe to
# run twice. A worker never makes a bucket, so that a wrong name is an error and not a second bucket.
set -eu
secrets="${SECRETS:-/run/secrets/minio}"
policy="${TMPDIR:-/tmp}/policy.json"
user="$(cat "$secrets/root-user")"
password="$(cat "$secrets/root-password")"
export MC_HOST_store="http://$user:$password@minio:9000"

mc mb --ignore-existing "store/$S3_BUCKET"
cat > "$policy" <<END
{
  "Version": "2012-10-17",
  "Statement": [
    { "Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": ["arn:aws:s3:::$S3_BUCKET"] },
    { "Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": ["arn:aws:s3:::$S3_BUCKET/*"] }
  ]
}
END
mc admin policy create store shotlist-worker "$policy"
mc admin user add store shotlist-worker "$(cat "$secrets/worker-password")"
# To attach it a second time is an error.
case "$(mc admin user info store shotlist-worker)" in
  *"PolicyName: shotlist-worker"*) ;;
  *) mc admin policy attach store shotlist-worker --user shotlist-worker ;;
esac
