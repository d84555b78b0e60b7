export function environmentFor(
  kind: 'program' | 'fetch' | 'tests',
  environment?: Readonly<Record<string, string | undefined>>,
): Record<string, string>;
