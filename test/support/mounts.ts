/** Mounts that a test makes and that are removed when it ends, where mounting is permitted. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export class Mounts implements Disposable {
  readonly #places: string[] = []
  readonly #images: string[] = []

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

  /**
   * Makes a directory with a filesystem of its own in a file. @param make the command that formats it
   * @returns null where that command or that filesystem is missing
   */
  image(place: string, make: readonly string[], options = 'loop', megabytes = 64): string | null {
    const directory = mkdtempSync(join(tmpdir(), 'rootferry-image-'))
    this.#images.push(directory)
    const file = join(directory, 'image')
    writeFileSync(file, '')
    truncateSync(file, megabytes * 1024 * 1024)
    const [command = '', ...words] = make
    if (spawnSync(command, [...words, file]).status !== 0) return null
    mkdirSync(place, { recursive: true })
    if (spawnSync('mount', ['-o', options, file, place]).status !== 0) return null
    this.#places.push(place)
    return place
  }

  /** A directory whose present content is a lower layer, which nobody can write to. */
  overlay(place: string, layers = place): string {
    const [lower, upper, work] = ['lower', 'upper', 'work'].map((layer) => `${layers}.${layer}`)
    for (const directory of [lower, upper, work]) mkdirSync(directory ?? '', { recursive: true })
    run('cp', ['-a', `${place}/.`, lower ?? ''])
    return this.#mount(place, ['-t', 'overlay', '-o', `lowerdir=${lower},upperdir=${upper},workdir=${work}`, 'overlay'])
  }

  /**
   * An overlay of a lower directory, whose files keep numbers of their own beyond 2^62, and `upper` and `work` in another
   * directory. @returns false where the kernel has none
   */
  layered(place: string, lower: string, above: string): boolean {
    mkdirSync(place, { recursive: true })
    const options = `xino=on,lowerdir=${lower},upperdir=${above}/upper,workdir=${above}/work`
    if (spawnSync('mount', ['-t', 'overlay', '-o', options, 'overlay', place]).status !== 0) return false
    this.#places.push(place)
    return true
  }

  /** A FUSE filesystem whose server is gone: every call on it fails with ENOTCONN. */
  deadFuse(place: string): void {
    const options = 'fd=3,rootmode=40000,user_id=0,group_id=0'
    run('sh', ['-c', `exec mount -t fuse -o ${options} none "$0" 3<>/dev/fuse`, place])
    this.#places.push(place)
  }

  /** Changes how a filesystem is mounted: `ro`, `rw`, `size=1m`. */
  remount(place: string, options: string): void {
    run('mount', ['-o', `remount,${options}`, place])
  }

  unmount(place: string): void {
    run('umount', ['-l', place])
    this.#places.splice(this.#places.lastIndexOf(place), 1)
  }

  [Symbol.dispose](): void {
    for (const place of this.#places.toReversed()) spawnSync('umount', ['-l', place])
    for (const image of this.#images) rmSync(image, { recursive: true })
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
