import { describe, it } from '@jest/globals';
import { s3Suite } from '../../../../support/s3-suite.ts';

const endpoint = process.env['TEST_CEPH_ENDPOINT'];
const accessKeyId = process.env['TEST_CEPH_ACCESS_KEY'];
const secretAccessKey = process.env['TEST_CEPH_SECRET_KEY'];

if (endpoint === undefined || accessKeyId === undefined || secretAccessKey === undefined) {
  describe('a Ceph gateway', () => {
    it.skip('skipped: TEST_CEPH_ENDPOINT, TEST_CEPH_ACCESS_KEY, TEST_CEPH_SECRET_KEY are not set (scripts/real-s3.sh start)', () =>
      undefined);
  });
} else {
  s3Suite('a Ceph gateway', { endpoint, credentials: { accessKeyId, secretAccessKey } });
}
