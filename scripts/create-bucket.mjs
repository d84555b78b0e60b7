// Makes the bucket that S3_BUCKET names, where it is missing: for a store that is set up for the first time. A worker
// never makes one. Settings and credentials as for every command; needs the build (npm run setup).
import { readConfig } from '../dist/shared/base/config.js';
import { UserError } from '../dist/shared/base/errors.js';
import { silentLogger } from '../dist/shared/base/log.js';
import { createBucketIfMissing } from '../dist/shared/store/s3/store.js';

process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';

try {
  const config = readConfig(process.env).s3;
  const outcome = await createBucketIfMissing({ config, log: silentLogger });
  console.error(
    outcome === 'created' ? `Bucket ${config.bucket} made.` : `Bucket ${config.bucket} is there.`,
  );
} catch (error) {
  const known = error instanceof UserError || error?.name === 'UnavailableError';
  console.error(known ? error.message : error);
  process.exitCode = 1;
}
