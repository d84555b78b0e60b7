import { describe, it } from '@jest/globals';
import { s3Suite } from '../../../../support/s3-suite.ts';

const endpoint = process.env['TEST_S3_ENDPOINT'];
const accessKeyId = process.env['AWS_ACCESS_KEY_ID'];
const secretAccessKey = process.env['AWS_SECRET_ACCESS_KEY'];

if (endpoint === undefined || accessKeyId === undefined || secretAccessKey === undefined) {
  describe('MinIO, or another S3 server', () => {
    it.skip('skipped: TEST_S3_ENDPOINT, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY are not set', () =>
      undefined);
  });
} else {
  s3Suite('the server of TEST_S3_ENDPOINT', { endpoint, credentials: { accessKeyId, secretAccessKey } });
}
