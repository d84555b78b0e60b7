import { createReadStream } from 'node:fs';
import type { PutObjectCommandInput, S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { assertEtag } from './answers.ts';

/** Parts of a large file in memory at once, each of the SDK's least size, 5 MiB. */
const PARTS_AT_ONCE = 2;

/**
 * Writes a file in parts, each of them bytes that the SDK can send again; a small file is one PUT. What fails or is
 * aborted is taken back, so that no parts are left to be paid for.
 */
export async function uploadFile(
  client: S3Client,
  file: string,
  params: Omit<PutObjectCommandInput, 'Body'>,
  signal: AbortSignal,
): Promise<void> {
  const upload = new Upload({
    client,
    queueSize: PARTS_AT_ONCE,
    params: { ...params, Body: createReadStream(file) },
  });
  const stop = () => {
    upload.abort().catch(() => undefined);
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    assertEtag(await upload.done(), 'a receipt of a file');
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
