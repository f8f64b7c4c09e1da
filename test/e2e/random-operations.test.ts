/**
 * Random operations against a real agent and two real receivers: after every run both targets equal the source.
 *
 * One agent and two receivers live through all runs; each run continues from the tree that the run before left. During
 * the operations receivers lose their line, and agent and receivers are killed and restarted. ROOTFERRY_RUNS and
 * ROOTFERRY_SEED say how many runs, and which.
 */
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { Daemons } from '../support/daemons.ts'
import { diskPlace } from '../support/disk-place.ts'
import { Line } from '../support/line.ts'
import { operation, perform } from '../support/operations.ts'
import { Site } from '../support/site.ts'

const RUNS = Number(process.env['ROOTFERRY_RUNS'] ?? 60)
const SEED = Number(process.env['ROOTFERRY_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

type Trouble = { kind: 'none' } | { kind: 'cut' | 'block' | 'kill-receiver'; receiver: number } | { kind: 'kill-agent' }

const receiver = fc.nat(1)
const trouble: fc.Arbitrary<Trouble> = fc.oneof(
  { weight: 12, arbitrary: fc.constant<Trouble>({ kind: 'none' }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('cut' as const), receiver }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('block' as const), receiver }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('kill-receiver' as const), receiver }) },
  { weight: 1, arbitrary: fc.constant<Trouble>({ kind: 'kill-agent' }) },
)
const run = fc.record({
  before: fc.array(operation, { minLength: 1, maxLength: 12 }),
  trouble,
  after: fc.array(operation, { maxLength: 12 }),
})

const daemons = new Daemons({ place: diskPlace() })
after(() => daemons[Symbol.asyncDispose]())

for (const backend of ['chokidar', 'directory'] as const) {
  test(`random operations converge (${backend} watcher, ${RUNS / 2} runs, seed ${SEED})`, async () => {
    const lines: Line[] = []
    const site = await Site.on(daemons, { root: { watch: { backend } }, receiverRoot: { allowSetuid: true } })
    await using links = new AsyncDisposableStack()
    for (const number of [0, 1]) {
      const line = links.use(await Line.to(daemons.agentPort))
      lines.push(line)
      await daemons.redirect(number, line.port)
    }
    const outside = join(site.place, 'outside')
    mkdirSync(outside)
    await site.converged()
    const samples = fc.sample(run, { numRuns: Math.ceil(RUNS / 2), seed: SEED })
    for (const [number, { before, trouble: what, after }] of samples.entries()) {
      for (const step of before) perform(site.source, outside, step)
      const recover = await strike(what, lines)
      for (const step of after) perform(site.source, outside, step)
      await recover()
      try {
        await site.converged()
      } catch (error) {
        assert.fail(
          `seed ${SEED}, run ${number}: ${JSON.stringify(samples[number])}\n${error instanceof Error ? error.message : ''}`,
        )
      }
    }
  })
}

/** Makes trouble now. @returns a function that repairs it */
async function strike(what: Trouble, lines: Line[]): Promise<() => Promise<void>> {
  const nothing = () => Promise.resolve()
  switch (what.kind) {
    case 'none':
      return nothing
    case 'cut':
      lines[what.receiver]?.cut()
      return nothing
    case 'block':
      lines[what.receiver]?.block()
      return async () => lines[what.receiver]?.unblock()
    case 'kill-receiver':
      await daemons.killReceiver(what.receiver)
      return () => daemons.startReceiver(what.receiver)
    case 'kill-agent':
      await daemons.killAgent()
      return () => daemons.startAgent()
  }
}
