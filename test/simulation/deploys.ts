/**
 * Somebody who deploys: writes a release whole, points `site/current` at it by a rename, and then removes an old release.
 * Remembers what each release was when it was whole.
 *
 *   written in its place, or beside it and moved ─▶ [caches go] ─▶ swap ─▶ [an old release goes]
 */

import type { Disk } from './disk.ts'
import {
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from './disk-calls.ts'
import { SOURCE } from './places.ts'
import type { Chance } from './random.ts'
import { type Look, treeOf } from './tree-look.ts'
import { contentOf } from './workload.ts'

/** Below the root. */
export const CURRENT = 'site/current'
const SITE = `${SOURCE}/site`
const DIRECTORIES = ['', 'lib', 'lib/deep', 'pages', 'pages/one', 'pages/one/more']
const CACHED = ['one', 'two', 'three', 'four']
const SMALL = 1_200
const LARGE = 20_000
/** Content of releases differs from all that others write. */
const FIRST_CONTENT = 1_000_000

export class Deploys {
  readonly #disk: Disk
  readonly chance: Chance
  /** By the target of the symlink: the paths below `site`, and what is there. */
  readonly #whole = new Map<string, ReadonlyMap<string, Look>>()
  #releases = 0
  #contents = FIRST_CONTENT
  /** How often the symlink was pointed elsewhere: a run without swaps proves nothing. */
  swaps = 0

  constructor(disk: Disk, chance: Chance) {
    this.#disk = disk
    this.chance = chance
  }

  /** What the symlink leads to, when it has this target; null: nothing that was deployed. */
  wholeOf(target: string): ReadonlyMap<string, Look> | null {
    return this.#whole.get(target) ?? null
  }

  /** There is a release before anybody watches. */
  begin(): void {
    for (const step of this.deploy()) void step
  }

  /** One deploy, step by step. Yields what was done, for people. */
  *deploy(): Generator<string> {
    const { chance } = this
    const before = this.#releases
    this.#releases += 1
    const name = `releases/${this.#releases}`
    const built = chance.oneIn(3) ? 'build' : name
    const isLinked = before > 0 && chance.oneIn(3)
    mkdirSync(`${SITE}/releases`, { recursive: true })
    for (const directory of DIRECTORIES.slice(0, 1 + chance.below(DIRECTORIES.length))) {
      mkdirSync(`${SITE}/${built}/${directory}`, { recursive: true })
      yield `deploy: ${built}/${directory}`
      for (let files = chance.below(5); files >= 0; files -= 1) {
        this.#file(built, `${directory}/${files}`, isLinked ? before : null)
        yield `deploy: ${built}/${directory}/${files}`
      }
    }
    if (chance.oneIn(2)) yield* this.#caches()
    if (built !== name) {
      renameSync(`${SITE}/${built}`, `${SITE}/${name}`)
      if (chance.oneIn(2)) yield `deploy: ${built} is ${name} now`
    }
    this.#swap(name)
    yield `deploy: current is ${name}`
    yield* this.#tidy(name)
  }

  #file(release: string, path: string, linkedTo: number | null): void {
    const at = `${SITE}/${release}/${path}`
    const former = `${SITE}/releases/${linkedTo}/${path}`
    if (linkedTo !== null && lstatSync(former, { throwIfNoEntry: false }) !== undefined) return linkSync(former, at)
    writeFileSync(at, contentOf(++this.#contents, this.chance.below(this.chance.oneIn(8) ? LARGE : SMALL)))
  }

  /** So many removals that the guard looks again. */
  *#caches(): Generator<string> {
    const at = `${SITE}/cache`
    mkdirSync(at, { recursive: true })
    if (readdirSync(at).length === 0) {
      for (const name of CACHED) writeFileSync(`${at}/${name}`, 'cached')
      yield 'deploy: caches are filled'
      return
    }
    for (const name of CACHED) {
      rmSync(`${at}/${name}`)
      if (this.chance.oneIn(4)) yield `deploy: cache/${name} goes`
    }
  }

  #swap(name: string): void {
    const release = this.#disk.find(`${SITE}/${name}`)
    if (release === null) throw new Error(`there is no ${name}`)
    const whole = [...treeOf(release, () => false)].filter(([path]) => path !== '.')
    this.#whole.set(name, new Map(whole.map(([path, look]) => [`site/${name}/${path}`, look])))
    symlinkSync(name, `${SOURCE}/${CURRENT}~`)
    renameSync(`${SOURCE}/${CURRENT}~`, `${SOURCE}/${CURRENT}`)
    this.swaps += 1
  }

  *#tidy(name: string): Generator<string> {
    const kept = this.chance.below(3)
    const old = readdirSync(`${SITE}/releases`)
      .map(Number)
      .filter((number) => `releases/${number}` !== name)
      .sort((a, b) => a - b)
    for (const number of old.slice(0, Math.max(0, old.length - kept))) {
      const at = `${SITE}/releases/${number}`
      if (this.chance.oneIn(2)) {
        for (const below of readdirSync(at)) {
          rmSync(`${at}/${String(below)}`, { recursive: true })
          yield `deploy: releases/${number}/${String(below)} goes`
        }
      }
      rmSync(at, { recursive: true })
      yield `deploy: releases/${number} goes`
    }
  }
}
