/**
 * Makes one file of TypeBox's seven hundred, for `one-file-typebox.mjs`. Loading those is two thirds of what a daemon's
 * start costs, and again in each of its threads; the tests start a thousand daemons.
 */
import { join } from 'node:path'
import { build } from 'esbuild'

const ROOT = join(import.meta.dirname, '../..')

await build({
  absWorkingDir: join(ROOT, 'packages/protocol'),
  entryPoints: { typebox: 'typebox', 'typebox-compile': 'typebox/compile' },
  outdir: join(ROOT, 'node_modules/.cache/bundles'),
  outExtension: { '.js': '.mjs' },
  bundle: true,
  // Both know the same types and caches, as the modules do.
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'esnext',
})
