import { describe, expect, it } from '@jest/globals';
import {
  isDemoted,
  REDIS_REFUSALS,
  redisRefusal,
  refusalSentence,
} from '../../../../src/shared/redis/refusals.ts';
import { refusedIn } from '../../../../src/shared/redis/rights.ts';
import { readPage, tableOf } from '../../../support/docs.ts';

describe('what Redis refuses', () => {
  it.each(REDIS_REFUSALS.map(({ example, code }) => [example, code]))('%s is told as %s', (example, code) => {
    const said = redisRefusal(new Error(example));
    expect(said?.code).toBe(code);
    if (said === undefined) return;
    const sentence = refusalSentence(said);
    expect(sentence).not.toMatch(/fault of shotlist|COMMAND/);
    expect(sentence.split(/[\s;]+/).length).toBeLessThanOrEqual(25);
  });

  it('is found inside the words of a script, of a transaction and of a cause', () => {
    const inScript = new Error(
      "READONLY You can't write against a read only replica. script: 1ba2c3, on @user_script:2.",
    );
    const older = new Error(
      'ERR Error running script (call to f_1): @user_script:1: @user_script: 1: -OOM command not allowed',
    );
    expect(isDemoted(inScript)).toBe(true);
    expect(redisRefusal(older)?.code).toBe('redis_full');
    const dropped = Object.assign(new Error('EXECABORT Transaction discarded because of previous errors.'), {
      previousErrors: [new Error("NOPERM User shop has no permissions to run the 'zadd' command")],
    });
    expect(redisRefusal(dropped)?.says).toContain('run ZADD');
    const tls = Object.assign(new Error('self-signed certificate'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
    expect(redisRefusal(new Error('away', { cause: tls }))?.code).toBe('redis_tls');
  });

  it.each([
    'ERR syntax error',
    'WRONGTYPE Operation against a key holding the wrong kind of value',
    'NOSCRIPT No matching script. Please use EVAL.',
    'connect ECONNREFUSED 127.0.0.1:6379',
    'Connection is closed.',
    'BUSYGROUP Consumer Group name already exists',
    'a zoom lens of the OOMPH kind',
  ])('is not made out of: %s', (text) => {
    expect(redisRefusal(new Error(text))).toBeUndefined();
  });

  it('names the command by every wording of Redis, and several in one sentence', () => {
    const wordings = [
      "NOPERM this user has no permissions to run the 'evalsha' command or its subcommand",
      "ERR ACL failure in script: User shop has no permissions to run the 'hset' command",
      'ERR unknown command `BZPOPMIN`, with args beginning with: ',
    ];
    expect(refusedIn(wordings.map((text) => new Error(text)))).toEqual({
      commands: ['EVALSHA', 'HSET'],
      sentences: [
        'Redis does not let the user in REDIS_URL run EVALSHA, HSET; let it: docs/operations.md has the line for the user.',
        'Redis does not have the command BZPOPMIN; use Redis or Valkey 6.2 or newer, in which no command is renamed.',
      ],
    });
  });

  it('is in docs/errors.md with the same words', async () => {
    const rows = tableOf(await readPage('docs/errors.md'), 'Redis says');
    const words = (text: string) => text.split(/[ .]/)[0];
    expect(rows).toEqual(
      REDIS_REFUSALS.map(({ example, code, says, mend }) => [
        example.startsWith('ERR ') || !/^[A-Z]+ /.test(example) ? example : words(example),
        code,
        says,
        mend,
      ]),
    );
  });
});
