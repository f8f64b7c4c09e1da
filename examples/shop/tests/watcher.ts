/**
 * Watchers ask places all the time, as visitors do, while something is done; and what they saw is the measurement.
 *
 * A place is an address that answers `{"versions": […]}`: all the versions that it found in files of one release. It is a
 * half state when there are several.
 */
import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { until } from '../../../test/support/until.ts'
import { figure, seconds } from './figures.ts'
import { ask } from './request.ts'
import { inSync } from './shop.ts'

/** Between two questions of one watcher, so that the processors have time for what is watched. */
const PAUSE_MS = 20
const ARRIVAL_MS = 60_000
/** No two visits ask for the same address: none is answered by a cache. */
let visits = 0

/** Asks a place all the time which versions it has, and notes each state that follows another. */
class Watcher {
  readonly states: string[] = []
  readonly #ms = { half: 0, error: 0 }
  #isOpen = true
  readonly #loop: Promise<void>

  constructor(url: string) {
    this.#loop = this.#watch(url)
  }

  async #watch(url: string): Promise<void> {
    while (this.#isOpen) {
      const beganAt = performance.now()
      const state = await stateAt(`${url}&visit=${process.pid}.${visits++}`)
      if (state !== this.states.at(-1)) this.states.push(state)
      for (const kind of ['half', 'error'] as const) {
        if (state.startsWith(kind)) this.#ms[kind] += performance.now() - beganAt
      }
      await delay(PAUSE_MS)
    }
  }

  async leave(): Promise<{ states: string; figure: string }> {
    this.#isOpen = false
    await this.#loop
    const { half, error } = this.#ms
    const errors = error > 0 ? ` and errors ${(error / 1000).toFixed(2)} s` : ''
    return { states: this.states.join(' → '), figure: `${(half / 1000).toFixed(2)} s${errors}` }
  }
}

/** `none`, a version, `half …`, or `error …`. As Varnish does, it asks once more after an error. */
async function stateAt(url: string): Promise<string> {
  const first = await ask(url)
  const { status, headers, body } = first.status >= 500 ? await ask(url) : first
  if (status >= 500) return `error ${status}`
  if (!String(headers['content-type']).includes('json')) return 'none'
  const { versions } = JSON.parse(body.toString()) as { versions: unknown[] }
  return versions.length === 1 ? String(versions[0]) : `half ${JSON.stringify(versions)}`
}

/**
 * Everything that every place saw while something was done, until all of them are in the state that it leads to.
 * @param places their addresses, each with a query
 */
export async function watched<Place extends string>(
  what: string,
  places: Readonly<Record<Place, string>>,
  doIt: () => Promise<void>,
  after: string,
): Promise<Record<Place, string>> {
  const watchers = Object.entries<string>(places).map(([place, url]) => [place as Place, new Watcher(url)] as const)
  await using open = new AsyncDisposableStack()
  for (const [, watcher] of watchers) open.defer(async () => void (await watcher.leave()))
  await until(
    () => watchers.every(([, { states }]) => states.length > 0),
    () => 'nobody is answered',
  )
  const beganAt = performance.now()
  await doIt()
  const doneAt = performance.now()
  for (const [place, { states }] of watchers) {
    await until(
      () => states.at(-1) === after,
      () => `${place} is not in the state ${after}: ${states.join(' → ')}`,
      ARRIVAL_MS,
    )
  }
  const arrived = `in WordPress ${((doneAt - beganAt) / 1000).toFixed(1)} s, everywhere ${seconds(doneAt)} after its answer`
  const seen = await Promise.all(watchers.map(async ([place, watcher]) => [place, await watcher.leave()] as const))
  figure(what, `${arrived}; half states seen: ${seen.map(([place, { figure }]) => `${place} ${figure}`).join(', ')}`)
  await inSync()
  return Object.fromEntries(seen.map(([place, { states }]) => [place, states])) as Record<Place, string>
}

/** Visitors of the app servers saw one state after the other and nothing in between. */
export function assertWhole(seen: Readonly<Record<'app1' | 'app2' | 'nginx', string>>, expected: string): void {
  const { app1, app2, nginx } = seen
  assert.deepEqual({ app1, app2, nginx }, { app1: expected, app2: expected, nginx: expected })
}
