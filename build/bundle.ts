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
import { BUILTIN_MODULES, REQUIRE } from './builtin-modules.ts'
import { bundlePage } from './page.ts'
import { bundleOf, DAEMONS, type DaemonName, isFresh, REPOSITORY, sourcesOf } from './programs.ts'
import { UNUSED_MODULES } from './unused-modules.ts'
import { versionOfCheckout } from './version.ts'

/** The entries of each daemon's further threads, below its sources. */
const WORKERS = {
  agent: ['root/root-worker.ts', 'root/watch/inotify-reader-worker.ts'],
  receiver: ['disk/disk-worker.ts'],
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
  const entries = ['main.ts', ...WORKERS[daemon]].map((name) => bundleEntry(daemon, name, version))
  const page = daemon === 'agent' ? await bundlePage() : { files: [], inputs: [] }
  const bundles = [...(await Promise.all(entries)), page]
  return {
    files: bundles.flatMap(({ files }) => files).sort((one, other) => (one.path < other.path ? -1 : 1)),
    inputs: [...new Set(bundles.flatMap(({ inputs }) => inputs))].sort(),
  }
}

/** Each thread has files of its own, though they have much in common: the fewer files it loads, the sooner it runs. */
async function bundleEntry(daemon: DaemonName, entry: string, version: string): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: REPOSITORY,
    entryPoints: [join(sourcesOf(daemon), entry)],
    outdir: bundleOf(daemon),
    entryNames: '[name]',
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
    plugins: [UNUSED_MODULES, BUILTIN_MODULES, versionOnly(version)],
    logLevel: 'warning',
    metafile: true,
    write: false,
  })
  return {
    files: outputFiles.map(({ path, contents }) => ({ path: relative(bundleOf(daemon), path), contents })),
    inputs: Object.keys(metafile.inputs),
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
