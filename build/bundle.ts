/**
 * Makes one program of each daemon and its thread, if a source has changed since: `npm run bundle`.
 *
 * The same sources make the same bytes, wherever the checkout lies. Other processes may be starting daemons meanwhile. So
 * each file takes its place whole, main.js last, and parts whose names depend on their content stay for the daemons that
 * already run.
 */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { build, type Plugin } from 'esbuild'
import { bundlePage } from './page.ts'
import { bundleOf, DAEMONS, type DaemonName, isFresh, REPOSITORY, sourcesOf } from './programs.ts'
import { versionOfCheckout } from './version.ts'

/** The entries of each daemon's further threads, below its sources. */
const WORKERS = {
  agent: ['root/root-worker.ts', 'root/watch/inotify-reader-worker.ts'],
  receiver: ['disk/disk-worker.ts'],
}

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

/** Of the repository's package.json a daemon needs the version. */
function versionOnly(version: string): Plugin {
  return {
    name: 'version-only',
    setup: ({ onLoad }) =>
      onLoad({ filter: /\/package\.json$/ }, ({ path }) =>
        path === join(REPOSITORY, 'package.json') ? { contents: JSON.stringify({ version }), loader: 'json' } : null,
      ),
  }
}

export interface Bundle {
  /** Sorted by path, which is relative to the bundle. */
  files: { path: string; contents: Uint8Array }[]
  /** Every file that went in, relative to the checkout. */
  inputs: string[]
}

/** @param version what the daemon says that it is */
export async function bundle(daemon: DaemonName, version: string): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: REPOSITORY,
    entryPoints: ['main.ts', ...WORKERS[daemon]].map((name) => join(sourcesOf(daemon), name)),
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
    legalComments: 'none',
    banner: { js: REQUIRE },
    plugins: [HTTP_AS_NEEDED, versionOnly(version)],
    logLevel: 'warning',
    metafile: true,
    write: false,
  })
  const page = daemon === 'agent' ? await bundlePage() : { files: [], inputs: [] }
  const made = outputFiles.map(({ path, contents }) => ({ path: relative(bundleOf(daemon), path), contents }))
  return {
    files: [...made, ...page.files].sort((one, other) => (one.path < other.path ? -1 : 1)),
    inputs: [...new Set([...Object.keys(metafile.inputs), ...page.inputs])].sort(),
  }
}

/** Into its place in the checkout. */
function put(daemon: DaemonName, { files }: Bundle): void {
  const isMain = ({ path }: { path: string }) => basename(path) === 'main.js'
  for (const { path, contents } of files.toSorted((one, other) => Number(isMain(one)) - Number(isMain(other)))) {
    const file = join(bundleOf(daemon), path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(`${file}.new`, contents)
    renameSync(`${file}.new`, file)
  }
}

if (import.meta.main) {
  for (const daemon of DAEMONS) if (!isFresh(daemon)) put(daemon, await bundle(daemon, versionOfCheckout()))
}
