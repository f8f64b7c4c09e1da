/**
 * Makes one program of each daemon and its thread, where a source has changed since: `npm run bundle`.
 *
 * Others may be starting daemons meanwhile: each file takes its place whole, main.js last, and parts whose names tell
 * their content stay for those who run already.
 */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { build } from 'esbuild'
import { bundleOf, DAEMONS, isFresh, sourcesOf } from './programs.ts'

/** What is written in CommonJS asks for Node's own modules in this way. */
const REQUIRE = `import { createRequire as requireIn } from 'node:module'; const require = requireIn(import.meta.url)`

for (const daemon of DAEMONS) if (!isFresh(daemon)) await bundle(daemon)

async function bundle(daemon: (typeof DAEMONS)[number]): Promise<void> {
  const { outputFiles } = await build({
    entryPoints: ['main.ts', 'root-worker.ts'].map((name) => join(sourcesOf(daemon), name)),
    outdir: bundleOf(daemon),
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'esnext',
    legalComments: 'inline',
    banner: { js: REQUIRE },
    logLevel: 'warning',
    write: false,
  })
  mkdirSync(bundleOf(daemon), { recursive: true })
  const isMain = ({ path }: { path: string }) => basename(path) === 'main.js'
  for (const { path, contents } of outputFiles.sort((one, other) => Number(isMain(one)) - Number(isMain(other)))) {
    writeFileSync(`${path}.new`, contents)
    renameSync(`${path}.new`, path)
  }
}
