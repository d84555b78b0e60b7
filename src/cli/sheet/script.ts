/** Counts the shots by their state, and shows those of one, or with a word in them. Without it all are shown. */
export const SCRIPT = `
const shots = [...document.querySelectorAll('.shot')];
const counts = new Map();
for (const { dataset } of shots) counts.set(dataset.state, (counts.get(dataset.state) ?? 0) + 1);
const nav = document.querySelector('.filter');
const group = nav.querySelector('.states');
const search = nav.querySelector('input');
const none = document.querySelector('.none');
let chosen = '';
function show() {
  const words = search.value.trim().toLowerCase();
  let seen = 0;
  for (const shot of shots) {
    const fits = (chosen === '' || shot.dataset.state === chosen) &&
      (words === '' || shot.querySelector('.words').textContent.toLowerCase().includes(words));
    shot.hidden = !fits;
    if (fits) seen += 1;
  }
  none.hidden = seen > 0;
  for (const button of group.children) button.setAttribute('aria-pressed', String(button.value === chosen));
}
function add(state, label, count) {
  const button = document.createElement('button');
  button.value = state;
  button.append(label, ' ');
  const number = document.createElement('small');
  number.textContent = count.toLocaleString('en');
  button.append(number);
  button.addEventListener('click', () => { chosen = state; show(); scrollTo({ top: Math.min(scrollY, nav.offsetTop) }); });
  group.append(button);
}
add('', 'all', shots.length);
for (const [state, count] of counts) add(state, state, count);
search.addEventListener('input', show);
show();
nav.hidden = false;
`;
