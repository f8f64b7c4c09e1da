/** The files of the operator page, each with a compressed twin that is served to browsers that take one. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { REPOSITORY, sourcesOf } from './programs.ts'

/** Files that go in as they are. */
const STATIC = ['index.html', 'icon.svg']

export interface PageBundle {
  /** Below `page/`. */
  files: { path: string; contents: Uint8Array }[]
  /** Every file that went in, relative to the checkout. */
  inputs: string[]
}

/** A function of the sources, as the bundles of the daemons. */
export async function bundlePage(): Promise<PageBundle> {
  const sources = sourcesOf('page')
  const { outputFiles, metafile } = await build({
    absWorkingDir: REPOSITORY,
    entryPoints: ['main.tsx', 'style.css'].map((file) => ({ in: join(sources, file), out: 'page' })),
    outdir: join(sources, 'page'),
    bundle: true,
    format: 'esm',
    platform: 'browser',
    target: ['es2023', 'chrome120', 'firefox121', 'safari17'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    minify: true,
    legalComments: 'none',
    logLevel: 'warning',
    metafile: true,
    write: false,
  })
  const made = outputFiles.map(({ path, contents }) => ({ path: path.slice(path.lastIndexOf('/') + 1), contents }))
  const copied = STATIC.map((path) => ({ path, contents: new Uint8Array(readFileSync(join(sources, path))) }))
  const files = [...made, ...copied].flatMap(({ path, contents }) => [
    { path: `page/${path}`, contents },
    { path: `page/${path}.gz`, contents: new Uint8Array(gzipSync(contents, { level: 9 })) },
  ])
  return { files, inputs: Object.keys(metafile.inputs) }
}
