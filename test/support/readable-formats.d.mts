export function readableFormats(): Promise<string[]>;
