/**
 * `npm run release:check`: the checklist of a release, walked by a script. Each step is named when it begins, and says
 * at its end what it found; when one fails the exit code is 1.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { globSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import { Command } from 'commander'
import { REPOSITORY } from '../programs.ts'
import { versionOfCheckout } from '../version.ts'
import { buildPackages } from './main.ts'
import { changesOf, unreleasedChanges } from './release.ts'
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
  { title: 'packages are the same bytes twice', check: packagesTwice },
  { title: 'packages as they are published are small', isSlow: true, check: publishedPackages },
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
  const [left] = unreleasedChanges(text)
  if (left !== undefined) throw new Error(`CHANGELOG.md has what is not released: ${left}`)
  return `${changes.length} entries of ${day}`
}

function committed(): string {
  const left = execFileSync('git', ['status', '--porcelain'], { cwd: REPOSITORY, encoding: 'utf8' })
  if (left !== '') throw new Error(left.trim())
  return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: REPOSITORY, encoding: 'utf8' }).trim()
}

/** Not compressed, which takes minutes: the same bytes are compressed to the same bytes. */
async function packagesTwice(): Promise<string> {
  const first = await packages('first', false)
  const umask = process.umask(0o077)
  const second = await packages('second', false).finally(() => process.umask(umask))
  for (const [index, file] of first.entries())
    if (!readFileSync(file).equals(readFileSync(second[index] ?? ''))) throw new Error(`${file} differs from its twin`)
  for (const name of ['first', 'second']) rmSync(join(place, name), { recursive: true })
  return `${first.length} files`
}

async function publishedPackages(): Promise<string> {
  const files = await packages('published', true)
  const sizes = files.map((file) => {
    const { size } = statSync(file)
    if (size > MOST_BYTES) throw new Error(`${file} has ${size} bytes, more than ${MOST_BYTES}`)
    return `${basename(file)} ${(size / 1e6).toFixed(1)} MB`
  })
  return sizes.join(', ')
}

async function packages(name: string, isCompressed: boolean): Promise<string[]> {
  const files: string[] = []
  const order = { architectures: ARCHITECTURES, version: VERSION, epoch: undefined, withRpm: canBuildRpm() }
  await buildPackages({ ...order, isCompressed, directory: join(place, name) }, (file) => files.push(file))
  return files.sort()
}

function lintian(): string {
  const files = globSync('published/*.deb', { cwd: place }).map((file) => join(place, file))
  const { error, status, stdout } = spawnSync('lintian', ['--fail-on', 'error', ...files], { encoding: 'utf8' })
  if (error !== undefined) throw new Error('lintian is not installed')
  if (status !== 0) throw new Error(stdout)
  return stdout.trim() === '' ? 'nor warnings' : stdout.trim()
}

/** The long form of a test file, on a host of Debian if ROOTFERRY_HOSTS names none. Its tests are told as they pass. */
async function tested(name: string): Promise<string> {
  const file = join(REPOSITORY, `test/packaging/${name}.test.ts`)
  // A runner in a runner leaves its files out.
  const { NODE_TEST_CONTEXT: _, ...environment } = process.env
  const runner = spawn(process.execPath, ['--test', '--test-reporter=spec', file], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ROOTFERRY_HOSTS: 'bookworm', ROOTFERRY_LONG: '1', ...environment },
  })
  const ended = once(runner, 'close')
  const lines: string[] = []
  for await (const line of createInterface(runner.stdout)) {
    lines.push(line)
    if (/^ *[✔✖﹣] /.test(line)) process.stdout.write(`          ${line.trim()}\n`)
  }
  const [status] = await ended
  const said = lines.join('\n')
  const [passed, skipped] = ['pass', 'skipped'].map((word) =>
    Number(new RegExp(`ℹ ${word} (\\d+)`).exec(said)?.[1] ?? 0),
  )
  if (status !== 0 || passed === 0) throw new Error(said)
  return `${passed} tests, ${skipped} skipped`
}

try {
  for (const { title, isSlow, check } of STEPS) {
    if (isSlow === true && options.quick) {
      process.stdout.write(`left out  ${title}\n`)
      continue
    }
    const begin = performance.now()
    const took = () => `${((performance.now() - begin) / 1_000).toFixed(0)} s`
    process.stdout.write(`begins    ${title}\n`)
    try {
      process.stdout.write(`ok        ${title}: ${await check()} (${took()})\n`)
    } catch (error) {
      process.stdout.write(
        `FAILED    ${title}: ${error instanceof Error ? error.message : String(error)} (${took()})\n`,
      )
      process.exitCode = 1
    }
  }
} finally {
  rmSync(place, { recursive: true, force: true })
}
