import { type Logger as PinoLogger, pino } from 'pino';
import { escapedJson, printableJson } from './text.ts';

export type Logger = PinoLogger;

export interface LogOptions {
  readonly level: string;
  /** json: one object a line; pretty: for a person at a terminal. */
  readonly format: 'json' | 'pretty';
  /** Where the lines go: a file descriptor. Always stderr in commands that print a result on stdout. */
  readonly fd: 1 | 2;
  /** Texts that must never appear: each is replaced, wherever it stands in a line. */
  readonly secrets: readonly string[];
}

/** pino with the house's rules: object first, one constant message per event, secrets replaced in the finished line. */
export function createLogger({ level, format, fd, secrets }: LogOptions): Logger {
  const redact = redactor(secrets);
  // pino-pretty parses the line and prints its strings; other readers get them as they are.
  const written = format === 'pretty' ? printableJson : escapedJson;
  const stream =
    format === 'pretty'
      ? pino.transport({
          target: 'pino-pretty',
          options: { destination: fd, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss' },
        })
      : pino.destination({ fd, sync: true });
  return pino(
    {
      level,
      base: null,
      // The finished line is searched, not single fields: a secret can stand inside an error's message or a URL.
      hooks: { streamWrite: (line) => redact(written(line)) },
    },
    stream,
  );
}

export const silentLogger: Logger = pino({ level: 'silent' });

/** Replaces every secret of four characters or more, also in its JSON- and URL-encoded forms, and the query of signed URLs. */
export function redactor(secrets: readonly string[]): (text: string) => string {
  const forms = new Set<string>();
  for (const secret of secrets) {
    if (secret.length < 4) continue;
    forms.add(secret);
    forms.add(JSON.stringify(secret).slice(1, -1));
    forms.add(encodeURIComponent(secret));
  }
  const longestFirst = [...forms].sort((a, b) => b.length - a.length);
  return (text) => {
    let clean = text;
    for (const form of longestFirst) clean = clean.replaceAll(form, '[secret]');
    return withoutSignatures(clean);
  };
}

/** Each address is found by its beginning and looked at once: the time grows with the text alone. */
function withoutSignatures(text: string): string {
  return text.replace(/https?:\/\/[^\s"'\\]+/gi, (address) => {
    const query = address.indexOf('?');
    if (query === -1 || !/sig|token|credential/i.test(address.slice(query))) return address;
    return `${address.slice(0, query)}?[signed]`;
  });
}
