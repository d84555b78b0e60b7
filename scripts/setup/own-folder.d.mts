export function ownFolder(folder: string): void;
