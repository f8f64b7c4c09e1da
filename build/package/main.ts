/**
 * `npm run package`: makes the packages for hosts in dist/.
 *
 * `--arch amd64` builds for one architecture, `--version` names another version (to try an upgrade), `--out` another
 * directory, `--fast` compresses little: the same files in a larger package, for tests. Where rpmbuild is installed, an
 * .rpm is made as well.
 */
import { mkdirSync, statSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { REPOSITORY } from '../programs.ts'
import { versionOfCheckout } from '../version.ts'
import { hostFiles } from './contents.ts'
import { buildDeb, type Compression } from './deb.ts'
import { buildNpmArchive } from './npm-archive.ts'
import { readRelease } from './release.ts'
import { buildRpm, canBuildRpm } from './rpm.ts'
import { ARCHITECTURES, runtimeFor } from './runtime.ts'

/** Debian's archive does not accept zstd, and apt downloads this file: xz is a tenth smaller. */
export const SMALL: Compression = { type: 'xz', level: 6 }
const FAST: Compression = { type: 'zstd', level: 1 }

export interface PackageOrder {
  architectures: readonly (typeof ARCHITECTURES)[number][]
  version: string
  directory: string
  compression: Compression
  epoch: string | undefined
  withRpm: boolean
}

/** @param made learns of each file when it is there */
export async function buildPackages(order: PackageOrder, made: (file: string) => void): Promise<void> {
  const { version, directory, compression } = order
  mkdirSync(directory, { recursive: true })
  const release = await readRelease(version, order.epoch)
  for (const daemon of ['agent', 'receiver'] as const) made(await buildNpmArchive(daemon, release, directory))
  for (const architecture of order.architectures) {
    const files = hostFiles(release, await runtimeFor(architecture))
    made(buildDeb(files, architecture, release, compression, directory))
    if (order.withRpm) made(buildRpm(files, architecture, release, directory))
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      arch: { type: 'string', multiple: true },
      version: { type: 'string', default: versionOfCheckout() },
      out: { type: 'string', default: join(REPOSITORY, 'dist') },
      fast: { type: 'boolean', default: false },
    },
  })
  const unknown = values.arch?.filter((name) => !ARCHITECTURES.some((known) => known === name)) ?? []
  if (unknown.length > 0) throw new Error(`--arch ${unknown.join(', ')}: ${ARCHITECTURES.join(' and ')} are known`)
  const order = {
    architectures: ARCHITECTURES.filter((name) => values.arch?.includes(name) ?? true),
    version: values.version,
    directory: resolve(values.out),
    compression: values.fast ? FAST : SMALL,
    epoch: process.env['SOURCE_DATE_EPOCH'],
    withRpm: canBuildRpm() && !values.fast,
  }
  await buildPackages(order, (file) => {
    const megabytes = (statSync(file).size / 1_000_000).toFixed(1)
    process.stdout.write(`${relative(process.cwd(), file)}  ${megabytes} MB\n`)
  })
}
