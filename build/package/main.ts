/**
 * `npm run package`: makes the packages for hosts in dist/; `--help` says what else it can do. Where rpmbuild is
 * installed, an .rpm is made as well.
 */
import { mkdirSync, statSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { Command, Option } from 'commander'
import { DAEMONS, REPOSITORY } from '../programs.ts'
import { versionOfCheckout } from '../version.ts'
import { hostFiles } from './contents.ts'
import { buildDeb } from './deb.ts'
import { buildNpmArchive } from './npm-archive.ts'
import { type Release, readRelease } from './release.ts'
import { buildRpm, canBuildRpm } from './rpm.ts'
import { ARCHITECTURES, type Architecture, type Runtime, runtimeFor } from './runtime.ts'

export interface PackageOrder {
  architectures: readonly Architecture[]
  version: string
  directory: string
  isCompressed: boolean
  epoch: string | undefined
  withRpm: boolean
  /** Bundles that are there already. */
  release?: Release
  /** The runtime of an architecture, if it is not that of the workspace. */
  runtimeOf?: (architecture: Architecture) => Promise<Runtime>
}

/** Compresses as many at once as there are: each takes a minute. @param made learns of each file when it is there */
export async function buildPackages(order: PackageOrder, made: (file: string) => void): Promise<void> {
  const { version, directory, isCompressed, withRpm, runtimeOf = runtimeFor } = order
  mkdirSync(directory, { recursive: true })
  const release = order.release ?? (await readRelease(version, order.epoch))
  for (const daemon of DAEMONS) made(await buildNpmArchive(daemon, release, directory))
  const building = order.architectures.map(async (architecture) => {
    const files = hostFiles(release, await runtimeOf(architecture))
    const deb = buildDeb(files, architecture, release, isCompressed, directory).then(made)
    const rpm = withRpm ? buildRpm(files, architecture, release, isCompressed, directory).then(made) : null
    await Promise.all([deb, rpm])
  })
  await Promise.all(building)
}

function orderOf(words: string[]): PackageOrder {
  const command = new Command('npm run package --')
    .description('Makes the packages for hosts.')
    .addOption(new Option('--arch <name...>', 'only for these').choices(ARCHITECTURES).default(ARCHITECTURES))
    .option('--version <version>', 'another one than that of the checkout, to try an upgrade', versionOfCheckout())
    .option('--out <directory>', 'where they are made', join(REPOSITORY, 'dist'))
    .option('--fast', 'do not compress: the same files in larger packages, to try them', false)
    .parse(words, { from: 'user' })
  const { arch, version, out, fast } = command.opts()
  return {
    architectures: ARCHITECTURES.filter((name) => arch.includes(name)),
    version,
    directory: resolve(out),
    isCompressed: !fast,
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
