/**
 * Runs seeds of the simulation, in a separate process, because the product's modules are replaced in it.
 *
 *   node test/simulation/run.ts --seed 17            tells the whole story of one seed
 *   node test/simulation/run.ts --from 1 --count 50  prints one line of JSON for each that fails, and one at the end
 *   … --also 3010 --also 65                           and these, first
 *   … --seconds 20                                    ends earlier when the time is over
 *   … --each                                       one line of JSON for each seed, with a digest of its story
 *   … --mutation NAME                                 with a deliberate bug, see mutations.ts
 */
import { hash } from 'node:crypto'
import { parseArgs } from 'node:util'
import { installSimulation } from './install.ts'
import { MUTATIONS } from './mutations.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    from: { type: 'string', default: '1' },
    count: { type: 'string', default: '1' },
    also: { type: 'string', multiple: true, default: [] },
    seconds: { type: 'string', default: '1e9' },
    mutation: { type: 'string' },
    each: { type: 'boolean', default: false },
  },
})
const mutation = MUTATIONS.find(({ name }) => name === values.mutation)
if (values.mutation !== undefined && mutation === undefined) throw new Error(`no mutation ${values.mutation}`)
installSimulation(mutation?.replacements)
const { runSeed } = await import('./run-seed.ts')

if (values.seed !== undefined) {
  const outcome = await runSeed(Number(values.seed), (line) => process.stdout.write(`${line}\n`))
  const { violation } = outcome
  process.stdout.write(violation === null ? `seed ${values.seed} holds\n` : `${violation.message}\n`)
  process.exit(violation === null ? 0 : 1)
}

const began = performance.now()
const end = began + Number(values.seconds) * 1000
let [runs, turns, simulatedMs, failed] = [0, 0, 0, 0]
const range = Array.from({ length: Number(values.count) }, (_, number) => Number(values.from) + number)
for (const seed of [...values.also.map(Number), ...range]) {
  if (performance.now() >= end) break
  const outcome = await runSeed(seed)
  runs += 1
  turns += outcome.turns
  simulatedMs += outcome.simulatedMs
  if (values.each)
    process.stdout.write(`${JSON.stringify({ seed, story: hash('sha256', outcome.story.join('\n')) })}\n`)
  if (outcome.violation === null) continue
  failed += 1
  process.stdout.write(`${JSON.stringify({ seed, ...outcome.violation, story: outcome.story.slice(-30) })}\n`)
  if (mutation !== undefined) break
}
const seconds = (performance.now() - began) / 1000
process.stdout.write(`${JSON.stringify({ runs, failed, turns, simulatedMs: Math.round(simulatedMs), seconds })}\n`)
