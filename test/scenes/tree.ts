/** A tree on a machine of the simulated farm, for actions by path below its top. */
import {
  chmodSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from '../simulation/disk-calls.ts'
import { OPEN } from '../simulation/disk-paths.ts'
import type { Host, World } from '../simulation/world.ts'

export class Tree {
  readonly top: string
  readonly #world: World
  readonly #host: Host

  constructor(world: World, host: Host, top: string) {
    this.#world = world
    this.#host = host
    this.top = top
  }

  /** Makes the directories above it too. */
  write(path: string, content: string | Buffer): void {
    this.#change(() => {
      mkdirSync(this.#at(path, '..'), { recursive: true })
      writeFileSync(this.#at(path), content)
    })
  }

  append(path: string, content: string): void {
    this.#change(() => {
      const descriptor = openSync(this.#at(path), OPEN.O_WRONLY)
      writeSync(descriptor, Buffer.from(content), 0, undefined, lstatSync(this.#at(path))?.size ?? 0)
      closeSync(descriptor)
    })
  }

  /** Writes other content of the same size, and restores the times. */
  editUnseen(path: string, content: string): void {
    this.#change(() => {
      const before = lstatSync(this.#at(path))
      if (before?.size !== Buffer.byteLength(content)) throw new Error(`${path} would have another size`)
      writeFileSync(this.#at(path), content)
      utimesSync(this.#at(path), 0, before.mtimeMs / 1000)
    })
  }

  mkdir(path: string): void {
    this.#change(() => mkdirSync(this.#at(path), { recursive: true }))
  }

  symlink(target: string, path: string): void {
    this.#change(() => symlinkSync(target, this.#at(path)))
  }

  chmod(path: string, mode: number): void {
    this.#change(() => chmodSync(this.#at(path), mode))
  }

  touch(path: string, seconds: number): void {
    this.#change(() => utimesSync(this.#at(path), 0, seconds))
  }

  rename(from: string, to: string): void {
    this.#change(() => renameSync(this.#at(from), this.#at(to)))
  }

  remove(...paths: string[]): void {
    this.#change(() => paths.forEach((path) => rmSync(this.#at(path), { recursive: true })))
  }

  empty(): void {
    this.remove(...this.names())
  }

  /** Acts within a directory and restores its time, so that only the action itself is drift. */
  within(path: string, act: () => void): void {
    const mtimeMs = this.#world.at(this.#host, () => lstatSync(this.#at(path)))?.mtimeMs ?? 0
    act()
    this.touch(path, mtimeMs / 1000)
  }

  has(path: string): boolean {
    return this.#world.at(this.#host, () => existsSync(this.#at(path)))
  }

  read(path: string): string {
    return String(this.#world.at(this.#host, () => readFileSync(this.#at(path), 'utf8')))
  }

  names(path = '.'): string[] {
    return this.#world.at(this.#host, () => readdirSync(this.#at(path)).map(String))
  }

  /** Every path below another one, without that one. */
  below(path = '.'): string[] {
    return this.look(path)
      .slice(1)
      .map((line) => line.split(' ')[0] ?? '')
  }

  /** A line for everything below the top: path, attributes, content. Equal trees give equal lines. */
  look(path = '.'): string[] {
    const found = this.#world.at(this.#host, () => lstatSync(this.#at(path)))
    if (found === undefined) return []
    const { mode, uid, gid, size, mtimeMs } = found
    const line = [path, mode.toString(8), uid, gid, mtimeMs].join(' ')
    if (found.isFile()) return [`${line} ${size} ${this.read(path)}`]
    if (!found.isDirectory()) return [line]
    const below = this.names(path).sort()
    return [line, ...below.flatMap((name) => this.look(path === '.' ? name : `${path}/${name}`))]
  }

  #change(act: () => void): void {
    this.#world.at(this.#host, act)
    this.#world.workload.noteChange()
  }

  #at(...parts: string[]): string {
    const names: string[] = []
    for (const part of [this.top, ...parts].join('/').split('/')) {
      if (part === '..') names.pop()
      else if (part !== '' && part !== '.') names.push(part)
    }
    return `/${names.join('/')}`
  }
}
