/**
 * `npm run package`: makes the packages for hosts in dist/; `--help` says what else it can do. Where rpmbuild is
 * installed, an .rpm is made as well.
 */
import { mkdirSync, statSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { Command, Option } from 'commander'
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

function orderOf(words: string[]): PackageOrder {
  const command = new Command('npm run package --')
    .description('Makes the packages for hosts.')
    .addOption(new Option('--arch <name...>', 'only for these').choices(ARCHITECTURES).default(ARCHITECTURES))
    .option('--version <version>', 'another one than that of the checkout, to try an upgrade', versionOfCheckout())
    .option('--out <directory>', 'where they are made', join(REPOSITORY, 'dist'))
    .option('--fast', 'compress little: the same files in a larger package, for tests', false)
    .parse(words, { from: 'user' })
  const { arch, version, out, fast } = command.opts()
  return {
    architectures: ARCHITECTURES.filter((name) => arch.includes(name)),
    version,
    directory: resolve(out),
    compression: fast ? FAST : SMALL,
    epoch: process.env['SOURCE_DATE_EPOCH'],
    withRpm: canBuildRpm() && !fast,
  }
}

if (import.meta.main) {
  await buildPackages(orderOf(process.argv.slice(2)), (file) => {
    const megabytes = (statSync(file).size / 1_000_000).toFixed(1)
    process.stdout.write(`${relative(process.cwd(), file)}  ${megabytes} MB\n`)
  })
}
