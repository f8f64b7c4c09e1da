/**
 * A docroot as people have them: Debian's wordpress, unpacked without an installation below node_modules/.cache, where it
 * was fetched once (ROOTFERRY_TREES=1 fetches it). Without it, a tree of the same number of files and directories, made by
 * a rule.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { env } from 'node:process'
import { REPOSITORY } from '../../build/programs.ts'

const CACHE = join(REPOSITORY, 'node_modules/.cache/debian-programs/wordpress')
const DOCROOT = join(CACHE, 'usr/share/wordpress')
const DIRECTORIES = 280
const FILES = 11
const MOST_BYTES = 90_000

export function makeRealTree(place: string): void {
  if (!existsSync(DOCROOT) && env['ROOTFERRY_TREES'] === '1') fetch()
  if (existsSync(DOCROOT)) cpSync(DOCROOT, place, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true })
  else makeLike(place)
}

function fetch(): void {
  mkdirSync(CACHE, { recursive: true })
  const fetched = spawnSync('apt-get', ['download', 'wordpress'], { cwd: CACHE, encoding: 'utf8' })
  if (fetched.status !== 0) throw new Error(`apt-get download: ${fetched.stderr}`)
  for (const file of readdirSync(CACHE).filter((name) => name.endsWith('.deb')))
    execFileSync('dpkg', ['-x', file, '.'], { cwd: CACHE })
}

function makeLike(place: string): void {
  for (let directory = 0; directory < DIRECTORIES; directory += 1) {
    const at = join(place, `wp-${directory % 7}`, `part${directory % 40}`, String(directory))
    mkdirSync(at, { recursive: true })
    for (let file = 0; file < FILES; file += 1) {
      const bytes = (directory * 7_919 + file * 104_729) % (file === 0 ? MOST_BYTES : MOST_BYTES / 10)
      writeFileSync(join(at, `${file}.php`), `${directory} ${file} `.repeat(Math.ceil(bytes / 8)).slice(0, bytes))
    }
  }
}
