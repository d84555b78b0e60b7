import { describe, expect, it } from '@jest/globals';
import { mediaUrlFault } from '../../src/worker/collect/media-guard.ts';

const FAL = ['fal.media', '*.fal.media'];

describe('the guard of picture addresses', () => {
  it.each([
    'https://fal.media/files/a/b.png',
    'https://v3.fal.media/files/a/b.png',
    'https://a.b.fal.media/x',
    'https://V3.FAL.MEDIA/x',
    'https://fal.media:443/x',
  ])('lets %s through', (address) => {
    expect(mediaUrlFault(address, FAL)).toBeUndefined();
  });

  it.each([
    ['http://fal.media/x', 'plain http'],
    ['https://fal.media.evil.example/x', 'host'],
    ['https://evilfal.media/x', 'host'],
    ['https://fal.media:8443/x', 'host'],
    ['https://fal.media@evil.example/x', 'user name'],
    ['https://user@fal.media/x', 'user name'],
    ['https://:pw@fal.media/x', 'user name or password'],
    ['https://169.254.169.254/latest/meta-data', 'host'],
    ['https://[::ffff:169.254.169.254]/', 'host'],
    ['https://127.0.0.1/x', 'host'],
    ['https://localhost/x', 'host'],
    ['file:///etc/passwd', 'host'],
    ['ftp://fal.media/x', 'not https'],
    ['//fal.media/x', 'no address'],
    ['', 'no address'],
  ])('refuses %s', (address, why) => {
    expect(mediaUrlFault(address, FAL)).toContain(why);
  });

  it('lets plain http through only to a loopback host that is named', () => {
    expect(mediaUrlFault('http://127.0.0.1:4100/files/x', ['127.0.0.1:4100'])).toBeUndefined();
    expect(mediaUrlFault('http://localhost:4100/files/x', ['localhost'])).toBeUndefined();
    expect(mediaUrlFault('http://[::1]:4100/files/x', ['[::1]:4100'])).toBeUndefined();
    expect(mediaUrlFault('http://127.0.0.1:4101/files/x', ['127.0.0.1:4100'])).toBeDefined();
    expect(mediaUrlFault('http://pictures.example/x', ['pictures.example'])).toBeDefined();
    expect(mediaUrlFault('http://127.0.0.1/x', ['*.0.0.1'])).toBeDefined();
  });
});
