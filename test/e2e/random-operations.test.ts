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
import { test } from 'node:test'
import fc from 'fast-check'
import { Line } from '../support/line.ts'
import { operation, perform } from '../support/operations.ts'
import { Rig } from '../support/rig.ts'

const RUNS = Number(process.env['ROOTFERRY_RUNS'] ?? 200)
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

for (const backend of ['chokidar', 'directory'] as const) {
  test(`random operations converge (${backend} watcher, ${RUNS / 2} runs, seed ${SEED})`, async () => {
    const lines: Line[] = []
    await using rig = await Rig.start({ root: { watch: { backend } }, receiverRoot: { allowSetuid: true } })
    await using links = new AsyncDisposableStack()
    for (const number of [0, 1]) {
      const line = links.use(await Line.to(rig.agentPort))
      lines.push(line)
      await rig.redirect(number, line.port)
    }
    const outside = join(rig.place, 'outside')
    mkdirSync(outside)
    await rig.converged()
    const samples = fc.sample(run, { numRuns: Math.ceil(RUNS / 2), seed: SEED })
    for (const [number, { before, trouble: what, after }] of samples.entries()) {
      for (const step of before) perform(rig.source, outside, step)
      const recover = await strike(what, rig, lines)
      for (const step of after) perform(rig.source, outside, step)
      await recover()
      try {
        await rig.converged()
      } catch (error) {
        assert.fail(
          `seed ${SEED}, run ${number}: ${JSON.stringify(samples[number])}\n${error instanceof Error ? error.message : ''}`,
        )
      }
    }
  })
}

/** Makes trouble now. @returns a function that repairs it */
async function strike(what: Trouble, rig: Rig, lines: Line[]): Promise<() => Promise<void>> {
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
      await rig.killReceiver(what.receiver)
      return () => rig.startReceiver(what.receiver)
    case 'kill-agent':
      await rig.killAgent()
      return () => rig.startAgent()
  }
}
