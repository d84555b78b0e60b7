export type Version = readonly [major: number, minor: number];
export function parseVersion(text: string): Version | undefined;
export function isNewEnough(version: Version | undefined): boolean;
export function helpCommand(platform: string, tools: readonly string[]): string;
export function packagesToFetch(dependsOutput: string, installed: ReadonlySet<string>): string[];
