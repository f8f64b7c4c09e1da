/**
 * `npm run release:check`: the checklist of a release, walked by a script. Each step says what it found; when
 * one fails the exit code is 1.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { REPOSITORY } from '../programs.ts'
import { versionOfCheckout } from '../version.ts'
import { buildPackages, type PackageOrder, SMALL } from './main.ts'
import { changesOf } from './release.ts'
import { canBuildRpm } from './rpm.ts'
import { ARCHITECTURES } from './runtime.ts'

const MOST_BYTES = 40_000_000
const options = new Command('npm run release:check --')
  .description('Walks the checklist of a release.')
  .option('--quick', 'leave out what takes minutes: packages as they are published, and whole hosts', false)
  .parse()
  .opts<{ quick: boolean }>()
const place = mkdtempSync(join(tmpdir(), 'rootferry-release-'))
const VERSION = versionOfCheckout()

const STEPS: readonly { title: string; isSlow?: true; check: () => string | Promise<string> }[] = [
  { title: 'the version stands in one place', check: oneVersion },
  { title: 'the changelog has the version', check: changelog },
  { title: 'nothing is left uncommitted', check: committed },
  { title: 'packages are the same bytes twice, and small', isSlow: true, check: packages },
  { title: 'lintian has no errors', isSlow: true, check: lintian },
  {
    title: 'installed, run, upgraded from the previous: test/packaging/packages.test.ts',
    check: () => tested('packages'),
  },
  { title: 'on booted hosts, with reboot and purge', isSlow: true, check: () => tested('hosts') },
]

function oneVersion(): string {
  const manifests = globSync('packages/*/package.json', { cwd: REPOSITORY })
  const second = manifests.find((file) => /^ {2}"version"/m.test(readFileSync(join(REPOSITORY, file), 'utf8')))
  if (second !== undefined) throw new Error(`${second} has a version of its own`)
  return VERSION
}

function changelog(): string {
  const text = readFileSync(join(REPOSITORY, 'CHANGELOG.md'), 'utf8')
  const { day, changes } = changesOf(text, VERSION)
  if (day === null) throw new Error(`CHANGELOG.md has no section '## [${VERSION}] - YYYY-MM-DD': is it released?`)
  return `${changes.length} entries of ${day}`
}

function committed(): string {
  const left = execFileSync('git', ['status', '--porcelain'], { cwd: REPOSITORY, encoding: 'utf8' })
  if (left !== '') throw new Error(left.trim())
  return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: REPOSITORY, encoding: 'utf8' }).trim()
}

async function packages(): Promise<string> {
  const sizes: string[] = []
  const order = { architectures: ARCHITECTURES, version: VERSION, compression: SMALL, epoch: undefined }
  const withRpm = canBuildRpm()
  const first = await made({ ...order, withRpm, directory: join(place, 'first') })
  const second = await made({ ...order, withRpm, directory: join(place, 'second') })
  for (const [index, file] of first.entries()) {
    if (!readFileSync(file).equals(readFileSync(second[index] ?? ''))) throw new Error(`${file} differs from its twin`)
    const { size } = statSync(file)
    if (size > MOST_BYTES) throw new Error(`${file} has ${size} bytes, more than ${MOST_BYTES}`)
    sizes.push(`${file.slice(join(place, 'first').length + 1)} ${(size / 1e6).toFixed(1)} MB`)
  }
  return sizes.join(', ')
}

async function made(order: PackageOrder): Promise<string[]> {
  const files: string[] = []
  await buildPackages(order, (file) => files.push(file))
  return files
}

function lintian(): string {
  const files = globSync('first/*.deb', { cwd: place }).map((file) => join(place, file))
  const { error, status, stdout } = spawnSync('lintian', ['--fail-on', 'error', ...files], { encoding: 'utf8' })
  if (error !== undefined) throw new Error('lintian is not installed')
  if (status !== 0) throw new Error(stdout)
  return stdout.trim() === '' ? 'nor warnings' : stdout.trim()
}

function tested(name: string): string {
  const file = join(REPOSITORY, `test/packaging/${name}.test.ts`)
  // A runner in a runner leaves its files out.
  const { NODE_TEST_CONTEXT: _, ...environment } = process.env
  const { status, stdout } = spawnSync(process.execPath, ['--test', '--test-reporter=spec', file], {
    encoding: 'utf8',
    env: { ROOTFERRY_HOSTS: 'bookworm', ...environment },
  })
  const [passed, skipped] = ['pass', 'skipped'].map((word) =>
    Number(new RegExp(`ℹ ${word} (\\d+)`).exec(stdout)?.[1] ?? 0),
  )
  if (status !== 0 || passed === 0) throw new Error(stdout)
  return `${passed} tests, ${skipped} skipped`
}

try {
  for (const { title, isSlow, check } of STEPS) {
    if (isSlow === true && options.quick) {
      process.stdout.write(`left out  ${title}\n`)
      continue
    }
    try {
      process.stdout.write(`ok        ${title}: ${await check()}\n`)
    } catch (error) {
      process.stdout.write(`FAILED    ${title}: ${error instanceof Error ? error.message : String(error)}\n`)
      process.exitCode = 1
    }
  }
} finally {
  rmSync(place, { recursive: true, force: true })
}
