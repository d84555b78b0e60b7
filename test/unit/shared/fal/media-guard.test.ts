import { describe, expect, it } from '@jest/globals';
import { mediaUrlFault } from '../../../../src/shared/fal/media-guard.ts';

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

  // The ways that were tried of writing another host, another port or another door.
  it.each([
    ['http://fal.media/x', 'plain http'],
    ['http://v3.fal.media:80/x', 'plain http'],
    ['http://fal.media:443/x', 'host'],
    ['https://fal.media.evil.example/x', 'host'],
    ['https://evilfal.media/x', 'host'],
    ['https://fal.media-evil.example/x', 'host'],
    ['https://fal.media./x', 'host'],
    ['https://v3.fal.media./x', 'host'],
    ['https://.fal.media.evil.example/x', 'host'],
    ['https://evil.example/fal.media/x', 'host'],
    ['https://evil.example/?https://fal.media/x', 'host'],
    ['https://evil.example#@fal.media/x', 'host'],
    ['https://evil.example\\@fal.media/x', 'host'],
    ['https://evil.example%2efal.media.example/x', 'host'],
    ['https://evil.example%2f.fal.media/x', 'no address'],
    ['https://fal.media%00.evil.example/x', 'no address'],
    ['https://fal%2emedia%2eevil.example/x', 'host'],
    ['https://ｆal.media.evil.example/x', 'host'],
    ['https://fаl.media/x', 'host'],
    ['https://fal.media:8443/x', 'host'],
    ['https://fal.media:80/x', 'host'],
    ['https://v3.fal.media:22/x', 'host'],
    ['https://fal.media:99999/x', 'no address'],
    ['https://fal.media@evil.example/x', 'user name'],
    ['https://fal.media:443@evil.example/x', 'user name'],
    ['https://user@fal.media/x', 'user name'],
    ['https://user:pw@fal.media/x', 'user name'],
    ['https://:pw@fal.media/x', 'user name or password'],
    ['https://:pw@evil.example/x', 'user name or password'],
    ['https://169.254.169.254/latest/meta-data', 'host'],
    ['https://2852039166/latest/meta-data', 'host'],
    ['https://0xa9fea9fe/latest/meta-data', 'host'],
    ['https://0251.0376.0251.0376/latest/meta-data', 'host'],
    ['https://[::ffff:169.254.169.254]/', 'host'],
    ['https://[::1]/x', 'host'],
    ['https://[fd00:ec2::254]/x', 'host'],
    ['https://127.0.0.1/x', 'host'],
    ['https://127.1/x', 'host'],
    ['https://0.0.0.0/x', 'host'],
    ['https://10.0.0.1/x', 'host'],
    ['https://localhost/x', 'host'],
    ['http://localhost/x', 'host'],
    ['file:///etc/passwd', 'host'],
    ['file://fal.media/etc/passwd', 'not https'],
    ['ftp://fal.media/x', 'not https'],
    ['javascript:alert(1)', 'host'],
    ['blob:https://fal.media/x', 'host'],
    ['//fal.media/x', 'no address'],
    ['https://', 'no address'],
    ['https://[::bad', 'no address'],
    ['', 'no address'],
  ])('refuses %s', (address, why) => {
    expect(mediaUrlFault(address, FAL)).toContain(why);
  });

  it('lets plain http through only to a loopback host that is named', () => {
    expect(mediaUrlFault('http://127.0.0.1:4100/files/x', ['127.0.0.1:4100'])).toBeUndefined();
    expect(mediaUrlFault('http://localhost:4100/files/x', ['localhost'])).toBeUndefined();
    expect(mediaUrlFault('http://[::1]:4100/files/x', ['[::1]:4100'])).toBeUndefined();
    expect(mediaUrlFault('http://127.0.0.1:4101/files/x', ['127.0.0.1:4100'])).toContain(
      'host 127.0.0.1 is none',
    );
    expect(mediaUrlFault('http://pictures.example/x', ['pictures.example'])).toContain('plain http');
    expect(mediaUrlFault('http://127.0.0.1/x', ['*.0.0.1'])).toContain('host 127.0.0.1 is none');
    expect(mediaUrlFault('http://a.localhost/x', ['*.localhost'])).toContain('plain http');
  });

  it('takes no IP address for a subdomain', () => {
    expect(mediaUrlFault('https://10.0.0.1/x', ['*.0.0.1'])).toContain('host');
  });
});
