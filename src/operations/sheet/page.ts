import { createHash } from 'node:crypto';
import { formatUsd } from '../../shared/base/money.ts';
import { escapeHtml } from './html.ts';
import { SCRIPT } from './script.ts';
import type { SheetHead, SheetPicture, SheetShot } from './sheet.ts';
import { STYLE } from './style.ts';

/**
 * A contact sheet as one HTML file that needs nothing else, in pieces: the top, a piece a shot, the end. Pure but for
 * what the shots bring, and flat in memory. Its policy allows no address but `data:`, and no script but its own, so
 * that even a text that got through the escaping could load and run nothing.
 */
export async function* sheetPage(head: SheetHead, shots: AsyncIterable<SheetShot>): AsyncGenerator<string> {
  yield pageTop(head);
  for await (const shot of shots) yield shotCard(shot);
  yield PAGE_END;
}

const POLICY = [
  "default-src 'none'",
  'img-src data:',
  `style-src 'sha256-${sha256(STYLE)}'`,
  `script-src 'sha256-${sha256(SCRIPT)}'`,
].join('; ');

function pageTop(head: SheetHead): string {
  const title = `${head.batch} · contact sheet`;
  const proof = head.waitingForProof > 0;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${escapeHtml(POLICY)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="shotlist">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<header class="top">
<p class="kind">${proof ? 'Proof' : 'Contact sheet'}${head.simulated ? ' <span class="badge">simulated: nothing was paid</span>' : ''}</p>
<h1><bdi>${escapeHtml(head.batch)}</bdi> <span class="state ${head.state}">${head.state}</span></h1>
<p class="about"><bdi>${escapeHtml(head.listName)}</bdi>, queued ${when(head.createdAt)}; this sheet ${when(head.madeAt)}</p>
<dl class="figures">${figures(head)}</dl>
${callout(head)}</header>
<nav class="filter" aria-label="Which shots are shown" hidden>
<div class="states" role="group"></div>
<input type="search" placeholder="Find an id or a word of a prompt" aria-label="Find an id or a word of a prompt">
</nav>
<main class="shots">`;
}

const PAGE_END = `</main>
<p class="none" hidden>No shot is like that.</p>
<script>${SCRIPT}</script>
</body>
</html>`;

function figures(head: SheetHead): string {
  const { projectedMicroUsd, capMicroUsd } = head;
  const figure = (name: string, value: string, note = '') =>
    `<div><dt>${name}</dt><dd>${escapeHtml(value)}${note === '' ? '' : `<small>${note}</small>`}</dd></div>`;
  return [
    figure('Shots', head.shots.toLocaleString('en')),
    figure('Images wanted', head.images.toLocaleString('en')),
    figure('Paid', formatUsd(head.spentMicroUsd)),
    ...(head.reservedMicroUsd > 0 ? [figure('Under way', formatUsd(head.reservedMicroUsd), 'reserved')] : []),
    figure('Estimate', formatUsd(head.estimateMicroUsd), 'at most, for all'),
    ...(projectedMicroUsd === undefined
      ? []
      : [figure('Projected', formatUsd(projectedMicroUsd), 'for all, by what is paid so far')]),
    ...(capMicroUsd === undefined ? [] : [figure('Cap', formatUsd(capMicroUsd))]),
  ].join('');
}

function callout({ batch, state, heldReason, waitingForProof, simulated }: SheetHead): string {
  if (state !== 'held') return '';
  if (waitingForProof === 0) return `<p class="callout">Held: ${escapeHtml(heldReason ?? '')}</p>\n`;
  const flag = simulated ? ' --simulate' : '';
  const command = (name: string) => `<code>shotlist ${name} ${escapeHtml(batch)}${flag}</code>`;
  const others = `${waitingForProof.toLocaleString('en')} ${waitingForProof === 1 ? 'request waits' : 'requests wait'}`;
  return `<div class="callout"><p><strong>${others}</strong> for your word on these pictures; the shots that wait are not shown.</p>
<ul><li><span>Make the rest</span> ${command('approve')}</li><li><span>Drop it, at no cost</span> ${command('cancel')}</li></ul></div>
`;
}

function shotCard(shot: SheetShot): string {
  const { number, shot: id, prompt, status, reason, pictures } = shot;
  const figures = pictures.map((one) => pictureOf(shot, one)).join('');
  const grid = figures === '' ? '' : `<div class="pictures n${columnsOf(pictures.length)}">${figures}</div>`;
  const why = reason === undefined ? '' : `<p class="reason">${escapeHtml(reason)}</p>`;
  const checks = [...new Set(pictures.flatMap(({ oddities }) => oddities.map(({ check }) => check)))].join(
    ' ',
  );
  return `<article class="shot" data-state="${status}" data-checks="${escapeHtml(checks)}">
${grid}<div class="words">
<h2><bdi>${escapeHtml(id)}</bdi> <small>${number.toLocaleString('en')}</small> <span class="state ${status}">${status}</span></h2>
${why}${odditiesOf(shot)}<p class="prompt" dir="auto">${escapeHtml(prompt)}</p>
<p class="options">${optionsOf(shot)}</p>
<p class="cost">${costOf(shot)}</p>
${idsOf(shot)}</div>
</article>`;
}

function pictureOf({ shot, variants }: SheetShot, picture: SheetPicture): string {
  const { index, src, missing, width, height, originalSize, take } = picture;
  const which = variants === 1 ? '' : `, ${index + 1} of ${variants}`;
  const taken = take === 0 ? '' : `, take ${take}`;
  const alt = escapeHtml(`${shot}${which}${taken}`);
  const title = escapeHtml(`${shot}${which}${taken}, ${originalSize}`);
  const badge = take === 0 ? '' : `<figcaption>take ${take}</figcaption>`;
  const inside =
    src === undefined
      ? `<p>${escapeHtml(missing ?? '')}</p>`
      : `<img loading="lazy" decoding="async" width="${width}" height="${height}" alt="${alt}" title="${title}" src="${escapeHtml(src)}">`;
  return `<figure>${inside}${badge}</figure>`;
}

function odditiesOf({ variants, pictures }: SheetShot): string {
  const lines = pictures.flatMap(({ index, oddities }) =>
    oddities.map(({ says }) => `<li>${variants === 1 ? '' : `image ${index + 1}: `}${escapeHtml(says)}</li>`),
  );
  return lines.length === 0
    ? ''
    : `<ul class="checks" aria-label="What the checks found">${lines.join('')}</ul>`;
}

/** One large, up to four in two columns, more in three. */
function columnsOf(pictures: number): 1 | 2 | 3 {
  return pictures === 1 ? 1 : pictures <= 4 ? 2 : 3;
}

function optionsOf({ model, options, recipe }: SheetShot): string {
  const shown = [
    ['model', model.slice(model.lastIndexOf('/') + 1)],
    ...Object.entries(options),
    ['recipe', recipe],
  ];
  return shown
    .map(([name = '', value = '']) => {
      // What says nothing by itself.
      const text = /^(auto|true|false)$/.test(value) ? `${name.replaceAll('_', ' ')} ${value}` : value;
      return `<span title="${escapeHtml(name)}">${escapeHtml(text)}</span>`;
    })
    .join('');
}

function costOf({ costMicroUsd, status, pictures }: SheetShot): string {
  const count = pictures.length === 1 ? '1 picture' : `${pictures.length} pictures`;
  if (costMicroUsd > 0)
    return `<strong>${formatUsd(costMicroUsd)}</strong> ${pictures.length === 0 ? '' : count}`;
  if (status === 'delivered') return `${count}, made before: nothing was paid`;
  return 'nothing was paid';
}

/** Each of fal's ids once, with the pictures that it made. */
function idsOf({ pictures }: SheetShot): string {
  const made = new Map<string, number[]>();
  for (const { index, requestId } of pictures)
    if (requestId !== undefined) made.set(requestId, [...(made.get(requestId) ?? []), index]);
  if (made.size === 0) return '';
  const lines = [...made].map(
    ([requestId, indices]) => `<code>${escapeHtml(requestId)}: image ${indices.join(', ')}</code>`,
  );
  return `<details><summary>fal's request${made.size === 1 ? '' : 's'}</summary>${lines.join('')}</details>`;
}

function when(iso: string): string {
  const date = new Date(iso);
  const text = date.toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' });
  return `<time datetime="${escapeHtml(iso)}">${text} UTC</time>`;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}
