/** Mounts that a test makes and that are removed when it ends, where mounting is permitted. */
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'

export class Mounts implements Disposable {
  readonly #places: string[] = []

  /** Whether this process may mount at all. */
  static isAllowed(): boolean {
    return spawnSync('unshare', ['-m', 'true']).status === 0
  }

  /** Makes a directory with a filesystem of its own. */
  tmpfs(place: string, options = 'size=64m'): string {
    return this.#mount(place, ['-t', 'tmpfs', '-o', options, 'tmpfs'])
  }

  /** Mounts a directory at another place too. */
  bind(from: string, place: string, isReadOnly = false): string {
    this.#mount(place, ['--bind', from])
    if (isReadOnly) run('mount', ['-o', 'remount,ro,bind', place])
    return place
  }

  /** A FUSE filesystem whose server is gone: every call on it fails with ENOTCONN. */
  deadFuse(place: string): void {
    const options = 'fd=3,rootmode=40000,user_id=0,group_id=0'
    run('sh', ['-c', `exec mount -t fuse -o ${options} none "$0" 3<>/dev/fuse`, place])
    this.#places.push(place)
  }

  unmount(place: string): void {
    run('umount', ['-l', place])
    this.#places.splice(this.#places.lastIndexOf(place), 1)
  }

  [Symbol.dispose](): void {
    for (const place of this.#places.toReversed()) spawnSync('umount', ['-l', place])
  }

  #mount(place: string, words: readonly string[]): string {
    mkdirSync(place, { recursive: true })
    run('mount', [...words, place])
    this.#places.push(place)
    return place
  }
}

function run(command: string, words: readonly string[]): void {
  const { status, stderr } = spawnSync(command, words, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${words.join(' ')}: ${stderr}`)
}
