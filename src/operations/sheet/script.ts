/** Counts the shots by their state and by what the checks found, and shows those of one, or with a word in them. */
export const SCRIPT = `
const shots = [...document.querySelectorAll('.shot')];
const nav = document.querySelector('.filter');
const group = nav.querySelector('.states');
const search = nav.querySelector('input');
const none = document.querySelector('.none');
const kinds = new Map([['', { label: 'all', shots: new Set(shots) }]]);
function count(value, label, shot) {
  if (!kinds.has(value)) kinds.set(value, { label, shots: new Set() });
  kinds.get(value).shots.add(shot);
}
for (const shot of shots) count('state ' + shot.dataset.state, shot.dataset.state, shot);
for (const shot of shots) {
  for (const check of shot.dataset.checks.split(' ')) if (check !== '') count('check ' + check, check, shot);
}
let chosen = '';
function show() {
  const words = search.value.trim().toLowerCase();
  let seen = 0;
  for (const shot of shots) {
    const fits = kinds.get(chosen).shots.has(shot) &&
      (words === '' || shot.querySelector('.words').textContent.toLowerCase().includes(words));
    shot.hidden = !fits;
    if (fits) seen += 1;
  }
  none.hidden = seen > 0;
  for (const button of group.children) button.setAttribute('aria-pressed', String(button.value === chosen));
}
for (const [value, { label, shots: of }] of kinds) {
  const button = document.createElement('button');
  button.value = value;
  if (value.startsWith('check ')) button.className = 'check';
  button.append(label, ' ');
  const number = document.createElement('small');
  number.textContent = of.size.toLocaleString('en');
  button.append(number);
  button.addEventListener('click', () => { chosen = value; show(); scrollTo({ top: Math.min(scrollY, nav.offsetTop) }); });
  group.append(button);
}
search.addEventListener('input', show);
show();
nav.hidden = false;
`;
