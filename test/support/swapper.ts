/**
 * A process that keeps swapping directories for symlinks that lead elsewhere, as fast as it can: what a captured web
 * process could do while files are read or written.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'

/** Rounds of a test: more in a long run. */
export const ROUNDS = process.env['ROOTFERRY_LONG'] === '1' ? 5_000 : 60

const SCRIPT = `
const { existsSync, renameSync, rmSync, symlinkSync, unlinkSync, writeSync } = require('node:fs')
const [, outside, ...directories] = process.argv
const attempt = (work) => { try { work() } catch (error) { if (error.syscall === undefined) throw error } }
writeSync(1, 'swapping')
for (;;) {
  for (const directory of directories) {
    // Who works on the tree may have made the directory anew: with one aside and one in place nothing could move again.
    if (existsSync(directory)) attempt(() => rmSync(directory + '.aside', { recursive: true, force: true }))
    attempt(() => renameSync(directory, directory + '.aside'))
    attempt(() => symlinkSync(outside, directory))
    for (let pause = 0; pause < 3000; pause += 1);
    attempt(() => unlinkSync(directory))
    attempt(() => renameSync(directory + '.aside', directory))
  }
}
`

export class Swapper implements AsyncDisposable {
  readonly #child: ChildProcess

  private constructor(outside: string, directories: readonly string[]) {
    this.#child = spawn(process.execPath, ['-e', SCRIPT, outside, ...directories], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
  }

  /** From now on each directory is a symlink to `outside` about half of the time. */
  static async start(outside: string, ...directories: string[]): Promise<Swapper> {
    const swapper = new Swapper(outside, directories)
    if (swapper.#child.stdout !== null) await once(swapper.#child.stdout, 'data')
    return swapper
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL')
    await once(this.#child, 'close')
  }
}

/** Everything about a tree in which a change would leave a trace, ctimes and inodes included. */
export function imprint(root: string): string[] {
  const lines: string[] = []
  const visit = (path: string) => {
    const status = lstatSync(path)
    const { ino, mode, uid, gid, size, mtimeMs, ctimeMs, nlink } = status
    const content = status.isFile() ? createHash('sha256').update(readFileSync(path)).digest('hex') : ''
    const target = status.isSymbolicLink() ? readlinkSync(path) : ''
    lines.push([path.slice(root.length), ino, mode, uid, gid, size, mtimeMs, ctimeMs, nlink, content, target].join(' '))
    if (status.isDirectory()) for (const name of readdirSync(path).sort()) visit(join(path, name))
  }
  visit(root)
  return lines
}
