// `node --import` of this file writes the address of each module that is loaded to the file that LOADED_MODULES names.
import { appendFileSync } from 'node:fs';
import { register } from 'node:module';

if (process.env.LOADED_MODULES !== undefined) register(import.meta.url, { data: process.env.LOADED_MODULES });

let file;

export function initialize(data) {
  file = data;
}

export async function load(url, context, next) {
  if (file !== undefined) appendFileSync(file, `${url}\n`);
  return await next(url, context);
}
