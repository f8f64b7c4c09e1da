/**
 * Makes one program of each daemon and its thread, if a source has changed since: `npm run bundle`.
 *
 * Other processes may be starting daemons meanwhile. So each file takes its place whole, main.js last, and parts whose
 * names depend on their content stay for the daemons that already run.
 */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { build, type Plugin } from 'esbuild'
import { bundleOf, DAEMONS, isFresh, sourcesOf } from './programs.ts'

/** The entry of each daemon's second thread, below its sources. */
const WORKERS = { agent: 'root/root-worker.ts', receiver: 'disk/disk-worker.ts' }

/** CommonJS code needs `require` for Node's own modules. */
const REQUIRE = `import { createRequire as requireIn } from 'node:module'; const require = requireIn(import.meta.url)`

/**
 * A module that imports Node's HTTP as an ES module makes Node load all of its exports, its WebSocket among them, and
 * with that a whole HTTP client: a tenth of a start. A module that requires it loads only the parts that it uses.
 */
const HTTP_AS_NEEDED: Plugin = {
  name: 'http-as-needed',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^node:http$/ }, ({ kind, path }) =>
      kind === 'import-statement' ? { path, namespace: 'required' } : null,
    )
    onLoad({ filter: /^/, namespace: 'required' }, ({ path }) => ({ contents: `module.exports = require('${path}')` }))
  },
}

for (const daemon of DAEMONS) if (!isFresh(daemon)) await bundle(daemon)

async function bundle(daemon: (typeof DAEMONS)[number]): Promise<void> {
  const { outputFiles } = await build({
    entryPoints: ['main.ts', WORKERS[daemon]].map((name) => join(sourcesOf(daemon), name)),
    outbase: sourcesOf(daemon),
    outdir: bundleOf(daemon),
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'esnext',
    // The less there is to read, the sooner a daemon starts. Names and lines stay, for the traces of errors.
    minifyWhitespace: true,
    lineLimit: 160,
    legalComments: 'linked',
    banner: { js: REQUIRE },
    plugins: [HTTP_AS_NEEDED],
    logLevel: 'warning',
    write: false,
  })
  const isMain = ({ path }: { path: string }) => basename(path) === 'main.js'
  for (const { path, contents } of outputFiles.sort((one, other) => Number(isMain(one)) - Number(isMain(other)))) {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(`${path}.new`, contents)
    renameSync(`${path}.new`, path)
  }
}
