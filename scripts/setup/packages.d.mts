export interface Host {
  readonly platform: string;
  readonly arch: string;
  readonly libc: string;
}
export function nodeComplaint(version: string, required: string): string | undefined;
export function lockDigest(lockText: string, host: Host): string;
export function isInstalled(
  lock: { readonly packages: Readonly<Record<string, object>> },
  installed: { readonly packages?: Readonly<Record<string, object | undefined>> },
  host: Host,
): boolean;
