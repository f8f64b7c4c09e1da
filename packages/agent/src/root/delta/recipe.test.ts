/** Recipes cut into slices: nothing lost, nothing over its bound. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS, type Step } from '@rootferry/protocol'
import fc from 'fast-check'
import { addStep, carriedBy, partsOf } from './recipe.ts'

const MOST_CARRIED = 1_000_000
const lengths = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 1, max: 100_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 3 * LIMITS.sliceBytes }) },
)
const recipes: fc.Arbitrary<Step[]> = fc.oneof(
  fc.array(fc.tuple(fc.option(fc.nat({ max: 2 ** 40 })), lengths), { maxLength: 200 }),
  fc
    .integer({ min: 1, max: 4 * LIMITS.sliceSteps })
    .map((count) => Array.from({ length: count }, (_, at): Step => [at % 2 === 0 ? null : at * 1_000, 1 + (at % 7)])),
)

test('the parts of a recipe are the recipe, each within its bounds', () => {
  fc.assert(
    fc.property(recipes, (recipe) => {
      const joined: Step[] = []
      let end = 0
      for (const { offset, length, carried, steps } of partsOf(recipe, MOST_CARRIED)) {
        assert.equal(offset, end)
        end += length
        assert.ok(length > 0 && length <= LIMITS.sliceBytes && steps.length <= LIMITS.sliceSteps)
        assert.ok(carried <= MOST_CARRIED)
        assert.equal(carried, carriedBy(steps))
        for (const [from, bytes] of steps) addStep(joined, from, bytes)
      }
      const merged: Step[] = []
      for (const [from, bytes] of recipe) addStep(merged, from, bytes)
      assert.deepEqual(joined, merged)
    }),
  )
})

test('a step that continues where the last one ended lengthens it', () => {
  const steps: Step[] = []
  addStep(steps, 0, 10)
  addStep(steps, 10, 5)
  addStep(steps, 16, 4)
  addStep(steps, null, 3)
  addStep(steps, null, 4)
  addStep(steps, null, 0)
  assert.deepEqual(steps, [
    [0, 15],
    [16, 4],
    [null, 7],
  ])
})
