import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';

/** An address that hands out one object for so many seconds. Signs only; asks the store nothing. */
export async function presignedGet(
  client: S3Client,
  { bucket, fullKey }: { readonly bucket: string; readonly fullKey: string },
  ttlS: number,
): Promise<string> {
  return await getSignedUrl(client, new GetObjectCommand({ Bucket: bucket, Key: fullKey }), {
    expiresIn: ttlS,
  });
}
