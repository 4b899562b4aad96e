// Makes `built/`, which the pages hold, from `css/` and `js/`. Give this command after a change there:
//   npm ci --prefix tests/browser && node src/report/style/build.mjs
// With `--check` nothing is written, and an old file is an error.
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const here = (name) => new URL(name, import.meta.url);
const { transformSync } = createRequire(here('../../../tests/browser/package.json'))('esbuild');

// The look, one file for each thing; a rule of a later file wins.
const style =
  'base header live answer navigation table matters compare controls shot grid photos copying chart viewer judge print';
// What pages can do, one file for each thing. The files of a page stand in one function and share their names.
const scripts = {
  charts: 'shared charts print',
  study:
    'shared state theme copy navigation swap grid study zoom panel sort matters viewer charts judge print',
  // Of a run that is going on, besides.
  live: 'shared live',
  // Of a single file, before the rest.
  single: 'single',
};

const sources = (folder, names, extension) =>
  names.split(' ').map((name) => `${folder}/${name}.${extension}`);
const read = (name) => readFileSync(here(name), 'utf8');
const small = (code, loader) =>
  transformSync(code, { loader, minify: true, target: 'es2022', charset: 'utf8', legalComments: 'none' }).code;

const built = { 'page.css': small(sources('css', style, 'css').map(read).join(''), 'css') };
for (const [page, names] of Object.entries(scripts)) {
  const code = sources('js', names, 'js').map(read).join('');
  built[`${page}.js`] = small(`'use strict';\n(() => {\n${code}})();`, 'js');
}
// A test compares these with the files, so that nobody needs npm to know that `built/` is old.
const all = ['build.mjs', ...['css', 'js'].flatMap((folder) => readdirSync(here(folder)).map((name) => `${folder}/${name}`))];
const hash = (name) => createHash('sha256').update(read(name)).digest('hex');
built['sources.txt'] = all.sort().map((name) => `${hash(name)}  ${name}\n`).join('');

for (const [name, text] of Object.entries(built)) {
  if (process.argv.includes('--check')) {
    if (read(`built/${name}`) !== text) throw new Error(`built/${name} is old: run build.mjs`);
  } else {
    writeFileSync(here(`built/${name}`), text);
  }
}
