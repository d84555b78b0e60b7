import type { lookup } from 'node:dns';
import { describe, expect, it } from '@jest/globals';
import { fetch } from 'undici';
import { isGlobal } from '../../../../src/shared/base/global-address.ts';
import { openOutbound } from '../../../../src/shared/base/outbound.ts';
import { createPostWebhook } from '../../../../src/worker/completion/webhook.ts';
import { resolver } from '../../../support/resolver.ts';

const outboundOf = (hosts: readonly string[] = [], resolve?: typeof lookup) =>
  openOutbound({ hosts, setting: 'WEBHOOK_HOSTS', ...(resolve === undefined ? {} : { resolve }) });

describe('the door outwards', () => {
  it.each(['https://hooks.example.com/x', 'https://93.184.215.14/x', 'https://[2606:4700::1111]/x'])(
    'asks %s',
    (address) => {
      expect(outboundOf().fault(address)).toBeUndefined();
    },
  );

  // What was tried on the program, and the ways of writing an address inside.
  it.each([
    ['http://127.0.0.1:8080/admin/shutdown?x=1', 'https'],
    ['http://hooks.example.com/x', 'https'],
    ['ftp://hooks.example.com/x', 'https'],
    ['https://169.254.169.254/latest/meta-data', 'private network'],
    ['https://10.0.0.1/', 'private network'],
    ['https://192.168.1.1/', 'private network'],
    ['https://172.16.0.1/', 'private network'],
    ['https://100.64.0.1/', 'private network'],
    ['https://127.0.0.1/', 'private network'],
    ['https://127.1/', 'private network'],
    ['https://2130706433/', 'private network'],
    ['https://0x7f000001/', 'private network'],
    ['https://017700000001/', 'private network'],
    ['https://0.0.0.0/', 'private network'],
    ['https://198.18.0.1/', 'private network'],
    ['https://224.0.0.1/', 'private network'],
    ['https://255.255.255.255/', 'private network'],
    ['https://localhost/', 'private network'],
    ['https://a.localhost/', 'private network'],
    ['https://[::1]/', 'private network'],
    ['https://[::]/', 'private network'],
    ['https://[::ffff:10.0.0.1]/', 'private network'],
    ['https://[64:ff9b::a00:1]/', 'private network'],
    ['https://[2002:a00:1::]/', 'private network'],
    ['https://[fc00::1]/', 'private network'],
    ['https://[fe80::1]/', 'private network'],
    ['https://[2001::1]/', 'private network'],
    ['https://[4000::1]/', 'private network'],
    ['https://[::1]:2375/containers', 'port is 2375'],
    ['https://hooks.example.com:8443/x', 'port is 8443'],
    ['https://user@hooks.example.com/x', 'user name'],
    ['https://:pw@hooks.example.com/x', 'password'],
    ['https://[::bad', 'no address'],
    ['nothing', 'no address'],
  ])('does not ask %s', (address, why) => {
    expect(outboundOf().fault(address)).toContain(why);
  });

  it('asks what a setting names, and plain http of a loopback host alone', () => {
    const outbound = outboundOf(['10.0.0.1', 'hooks.example.com:8443', '127.0.0.1', 'inner.example']);
    for (const address of [
      'https://10.0.0.1/x',
      'https://hooks.example.com:8443/x',
      'http://127.0.0.1:8080/x',
    ])
      expect(outbound.fault(address)).toBeUndefined();
    expect(outbound.fault('http://inner.example/x')).toContain('https');
    expect(outbound.fault('https://10.0.0.2/x')).toContain('WEBHOOK_HOSTS');
  });

  it.each([
    ['10.0.0.1'],
    ['93.184.215.14', '127.0.0.1'],
    ['::ffff:169.254.169.254'],
    ['64:ff9b::a9fe:a9fe'],
    [],
  ])('refuses a name that leads inside (%s %s)', async (...found) => {
    const { resolve } = resolver(found);
    const outbound = outboundOf([], resolve);
    const url = 'https://hooks.example.com/secret?token=1';
    const asked = fetch(url, { dispatcher: outbound.dispatcher(url) });
    await expect(asked).rejects.toMatchObject({ cause: { code: 'ERR_INNER_ADDRESS' } });
    await outbound.close();
  });

  it.each(['93.184.215.14', '2606:2800:21f:cb07::1', '64:ff9b::5db8:d70e'])(
    'takes %s for the open net: of NAT64, too, which is all that a network without IPv4 has',
    (address) => {
      expect(isGlobal(address)).toBe(true);
    },
  );

  it('looks a name up once, so that a resolver which rebinds is not asked again', async () => {
    // A test network's address, that no route leads to: the connection is refused or dropped, and never goes inside.
    const { resolve, looks } = resolver(['93.184.215.14'], ['127.0.0.1']);
    const outbound = outboundOf([], resolve);
    const url = 'https://hooks.example.com/';
    const asked = fetch(url, { dispatcher: outbound.dispatcher(url), signal: AbortSignal.timeout(300) });
    await expect(asked).rejects.toThrow();
    expect(looks()).toBe(1);
  });

  it('ends a webhook for good where its address leads inside, and tells neither path nor query', async () => {
    const { resolve } = resolver(['10.0.0.1']);
    const post = createPostWebhook({
      outbound: outboundOf([], resolve),
      secret: 'a secret of the test',
      clock: Date.now,
    });
    const never = new AbortController().signal;
    for (const url of ['https://hooks.example.com/secret?token=1', 'https://10.0.0.1/secret?token=1']) {
      const error: unknown = await post(url, '{}', never).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ name: 'WebhookError', final: true });
      expect(String(error)).toContain('private network');
      expect(String(error)).not.toContain('token');
      expect(String(error)).not.toContain('/secret');
    }
  });
});
