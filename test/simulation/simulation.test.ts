/**
 * The simulation as part of the suite: seeds that must hold, the same story for the same seed, and deliberate bugs that
 * must be caught: every fourth one, as ROOTFERRY_SEED or chance selects them, and not far from the seed that is known to
 * catch it. More of it: ROOTFERRY_LONG=1, or ROOTFERRY_SEEDS=5000; another beginning: ROOTFERRY_SEED=1000.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { env, execPath } from 'node:process'
import { describe, it, test } from 'node:test'
import { promisify } from 'node:util'
import { MUTATIONS } from './mutations.ts'

const run = promisify(execFile)
const IS_LONG = env['ROOTFERRY_LONG'] === '1'
const SEEDS = Number(env['ROOTFERRY_SEEDS'] ?? (IS_LONG ? 3_000 : 45))
const FIRST = Number(env['ROOTFERRY_SEED'] ?? 1)
const SEEDS_A_MUTATION = IS_LONG ? 600 : 60
const TURN = Number(env['ROOTFERRY_SEED'] ?? Math.floor(Math.random() * 4)) % 4
/** Seeds that each found a fault, one of a kind. */
const SEEDS_OF_FAULTS = [895_033, 9_001_957, 9_001_421, 3_010, 65, 66, 30_101]
const MOST_OUTPUT = 64 * 1024 * 1024

interface Line {
  seed?: number
  guarantee?: string
  message?: string
  story?: string | string[]
  runs?: number
}

async function simulate(...words: string[]): Promise<Line[]> {
  const file = new URL('./run.ts', import.meta.url).pathname
  const { stdout } = await run(execPath, [file, ...words], { maxBuffer: MOST_OUTPUT })
  const lines = stdout.trimEnd().split('\n')
  return lines.map((line) => JSON.parse(line) as Line)
}

test('every guarantee holds in simulated farms in which everything goes wrong', async (t) => {
  const also = SEEDS_OF_FAULTS.flatMap((seed) => ['--also', String(seed)])
  const lines = await simulate('--from', String(FIRST), '--count', String(SEEDS), ...also)
  for (const { seed, message, story } of lines) {
    if (seed === undefined) continue
    const end = Array.isArray(story) ? story.join('\n') : ''
    assert.fail(`${end}\n${message}\nAgain, with its whole story: node test/simulation/run.ts --seed ${seed}`)
  }
  assert.equal(lines.at(-1)?.runs, SEEDS + SEEDS_OF_FAULTS.length)
  t.diagnostic(JSON.stringify(lines.at(-1)))
})

test('a seed tells the same story whenever it is run', async () => {
  const storyOf = (lines: Line[], wanted: number) => lines.find(({ seed }) => seed === wanted)?.story
  const [many, few] = await Promise.all([
    simulate('--from', '1', '--count', '4', '--each'),
    simulate('--from', '3', '--count', '2', '--each'),
  ])
  for (const seed of [3, 4]) {
    assert.ok(storyOf(many, seed))
    assert.equal(storyOf(many, seed), storyOf(few, seed))
  }
})

describe('deliberate bugs', { concurrency: 2 }, () => {
  const mutations = MUTATIONS.filter((_, number) => IS_LONG || number % 4 === TURN)
  for (const { name, caughtBy, from } of mutations) {
    it(`would notice: ${name}`, async () => {
      const lines = await simulate('--from', String(from), '--count', String(SEEDS_A_MUTATION), '--mutation', name)
      const [caught] = lines.filter(({ guarantee }) => guarantee !== undefined)
      assert.ok(caught?.guarantee, `not noticed in ${SEEDS_A_MUTATION} runs`)
      assert.ok(
        caughtBy.some((guarantee) => guarantee === caught.guarantee),
        caught.message ?? '',
      )
    })
  }
})
