/** Light and dark by the reader's system; on paper always light, with every prompt in full. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #f4f4f1; --card: #fff; --ink: #1c1d1f; --soft: #64666b; --line: #e0dfd9; --well: #ecebe6;
  --good: #1d7a46; --bad: #b3261e; --wait: #935f00; --rest: #5d6470;
  --good-well: #e2f3e8; --bad-well: #fbe7e5; --wait-well: #fbf0d8; --rest-well: #e9ebee;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #141517; --card: #1d1f22; --ink: #ececea; --soft: #9c9fa6; --line: #303338; --well: #26282c;
    --good: #7ad3a0; --bad: #ff9d94; --wait: #f1c264; --rest: #aab1bd;
    --good-well: #173324; --bad-well: #42201d; --wait-well: #3b2f14; --rest-well: #2b2f36;
  }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body {
  margin: 0 auto; max-width: 1800px; padding: 0 32px 64px; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  -webkit-font-smoothing: antialiased;
}
.top { padding: 40px 0 20px; }
.kind { margin: 0 0 4px; color: var(--soft); font-size: 12px; font-weight: 600; letter-spacing: .09em; text-transform: uppercase; }
.badge { margin-left: 8px; padding: 2px 8px; border-radius: 20px; background: var(--wait-well); color: var(--wait); letter-spacing: 0; text-transform: none; }
h1 { display: flex; flex-wrap: wrap; align-items: center; gap: 6px 14px; margin: 0; font-size: 30px; line-height: 1.2; letter-spacing: -.02em; overflow-wrap: anywhere; }
.about { margin: 6px 0 0; color: var(--soft); }
.figures { display: flex; flex-wrap: wrap; gap: 18px 44px; margin: 26px 0 0; }
.figures dt { color: var(--soft); font-size: 13px; }
.figures dd { margin: 0; font-size: 23px; font-weight: 600; font-variant-numeric: tabular-nums; letter-spacing: -.01em; line-height: 1.3; }
.figures small { display: block; color: var(--soft); font-size: 12px; font-weight: 400; letter-spacing: 0; }
.callout { margin: 26px 0 0; max-width: 980px; padding: 14px 18px; border-radius: 10px; background: var(--wait-well); }
.callout p { margin: 0; }
.callout ul { display: grid; gap: 8px; margin: 10px 0 0; padding: 0; list-style: none; }
.callout strong { color: var(--wait); }
code { font: 12.5px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.callout code { padding: 3px 8px; border-radius: 6px; background: var(--card); user-select: all; }
.callout li span { display: inline-block; min-width: 11em; }
.state { display: inline-block; padding: 1px 9px; border-radius: 20px; background: var(--rest-well); color: var(--rest); font-size: 12px; font-weight: 600; line-height: 1.6; letter-spacing: 0; }
.state.delivered, .state.done { background: var(--good-well); color: var(--good); }
.state.failed { background: var(--bad-well); color: var(--bad); }
.state.held, .state.paused { background: var(--wait-well); color: var(--wait); }
.filter { position: sticky; z-index: 1; top: 0; display: flex; flex-wrap: wrap; gap: 10px 16px; align-items: center; margin: 0 -32px 22px; padding: 12px 32px; border-bottom: 1px solid var(--line); background: var(--page); }
.states { display: flex; flex-wrap: wrap; gap: 6px; }
button, input { font: inherit; color: inherit; border: 1px solid var(--line); border-radius: 20px; background: var(--card); padding: 5px 14px; }
button { cursor: pointer; text-transform: capitalize; }
button small { color: var(--soft); font-variant-numeric: tabular-nums; }
button[aria-pressed=true] { background: var(--ink); border-color: var(--ink); color: var(--page); }
button[aria-pressed=true] small { color: inherit; opacity: .7; }
input { flex: 1; min-width: 200px; max-width: 340px; margin-left: auto; }
.shots { display: grid; grid-template-columns: repeat(auto-fill, minmax(270px, 1fr)); gap: 20px; }
.shot { overflow: hidden; border: 1px solid var(--line); border-radius: 12px; background: var(--card); content-visibility: auto; contain-intrinsic-size: auto 470px; }
.pictures { display: grid; gap: 2px; background: var(--well); border-bottom: 1px solid var(--line); }
.n2 { grid-template-columns: 1fr 1fr; }
.n3 { grid-template-columns: 1fr 1fr 1fr; }
figure { position: relative; display: flex; align-items: center; justify-content: center; aspect-ratio: 1; margin: 0; background: var(--well); color: var(--soft); text-align: center; font-size: 13px; }
figure p { padding: 0 16px; }
img { display: block; width: 100%; height: 100%; object-fit: contain; }
img[src^="data:image/webp"] { background: repeating-conic-gradient(#fff 0 25%, #e9e9e9 0 50%) 0 0 / 18px 18px; }
figcaption { position: absolute; right: 6px; bottom: 6px; padding: 0 7px; border-radius: 10px; background: #000a; color: #fff; font-size: 11px; }
.words { padding: 13px 16px 14px; }
h2 { display: flex; flex-wrap: wrap; align-items: baseline; gap: 2px 8px; margin: 0 0 6px; font-size: 15px; line-height: 1.4; overflow-wrap: anywhere; }
h2 small { color: var(--soft); font-size: 12px; font-weight: 400; font-variant-numeric: tabular-nums; }
h2 .state { margin-left: auto; }
.prompt { max-height: 9em; overflow: auto; margin: 0 0 10px; overflow-wrap: anywhere; white-space: pre-line; scrollbar-width: thin; }
.reason { margin: 0 0 10px; padding: 8px 11px; border-radius: 8px; background: var(--rest-well); font-size: 13.5px; overflow-wrap: anywhere; }
[data-state=failed] .reason { background: var(--bad-well); color: var(--bad); }
.checks { margin: 0 0 10px; padding: 7px 11px 7px 26px; border-radius: 8px; background: var(--wait-well); color: var(--wait); font-size: 13px; overflow-wrap: anywhere; }
button.check { border-style: dashed; }
[data-state=held] .reason { background: var(--wait-well); color: var(--wait); }
.options { display: flex; flex-wrap: wrap; gap: 4px; margin: 0 0 9px; }
.options span { padding: 0 7px; border-radius: 5px; background: var(--well); color: var(--soft); font-size: 12px; line-height: 1.7; }
.cost { margin: 0; color: var(--soft); font-size: 13px; font-variant-numeric: tabular-nums; }
.cost strong { color: var(--ink); font-size: 14px; }
details { margin-top: 6px; color: var(--soft); font-size: 12px; }
summary { cursor: pointer; }
details code { display: block; font-size: 11px; user-select: all; }
.none { color: var(--soft); }
@media (max-width: 640px) {
  body { padding: 0 16px 40px; }
  .filter { margin: 0 -16px 16px; padding: 10px 16px; }
  .shots { gap: 14px; }
  h1 { font-size: 24px; }
}
@media print {
  :root {
    color-scheme: light;
    --page: #fff; --card: #fff; --ink: #000; --soft: #555; --line: #ccc; --well: #f2f2f0;
    --good: #1d7a46; --bad: #b3261e; --wait: #935f00; --rest: #5d6470;
    --good-well: #fff; --bad-well: #fff; --wait-well: #fff; --rest-well: #fff;
  }
  @page { margin: 12mm; }
  body { max-width: none; padding: 0; font-size: 10px; }
  .top { padding: 0 0 12px; }
  .figures { gap: 8px 28px; margin-top: 12px; }
  .figures dd { font-size: 15px; }
  .figures dt, .figures small, .cost, .cost strong, .kind, .state, .options span, .reason, .checks { font-size: 8.5px; }
  .filter, details { display: none; }
  .shots { grid-template-columns: repeat(4, 1fr); gap: 8px; }
  .shot { content-visibility: visible; break-inside: avoid; border-radius: 4px; }
  .words { padding: 6px 8px; }
  h2 { margin: 0 0 3px; font-size: 10px; }
  .prompt, .options, .reason, .checks { margin-bottom: 5px; }
  .options span { padding: 0 4px; line-height: 1.5; }
  h2 small { font-size: 8.5px; }
  .prompt { max-height: none; }
  .callout, .state { border: 1px solid var(--line); }
}
`;
