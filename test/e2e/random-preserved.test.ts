/**
 * Random operations with ACLs, extended attributes, hard links and holes against real daemons on a real disk: after each
 * run rsync, getfacl and getfattr find no difference between the source and the target.
 *
 * The daemons live through all runs; the receiver or the agent is killed within some. ROOTFERRY_RUNS and ROOTFERRY_SEED
 * say how many runs, and which.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { missingProgram, preservedDifferences } from '../support/compare-preserved.ts'
import { Daemons } from '../support/daemons.ts'
import { diskPlace } from '../support/disk-place.ts'
import { lookForLost, type Names, performPreserved, preservedOperation } from '../support/preserved-operations.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const RUNS = Math.ceil(Number(process.env['ROOTFERRY_RUNS'] ?? 100) / 10)
const SEED = Number(process.env['ROOTFERRY_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const path = fc.constantFrom('a', 'b', 'c', 'd/a', 'd/b', 'd/e/a', 'd/e/c')
const operation = preservedOperation(path, fc.constantFrom('.', 'd', 'd/e'))
const run = fc.record({
  before: fc.array(operation, { minLength: 1, maxLength: 15 }),
  trouble: fc.constantFrom('none', 'none', 'none', 'kill-receiver', 'kill-agent'),
  after: fc.array(operation, { maxLength: 15 }),
})

const lacking = missingProgram()
const daemons = new Daemons({ receivers: 1, place: diskPlace() })
after(() => daemons[Symbol.asyncDispose]())

test(`random operations leave no difference for rsync -AXH, getfacl and getfattr (${RUNS} runs, seed ${SEED})`, async (t) => {
  if (lacking !== null) return t.skip(`no ${lacking} here`)
  const site = await Site.on(daemons, {
    root: { preserve: { acls: true, xattrs: true, hardLinks: true } },
    prepare: (source) => mkdirSync(join(source, 'd/e'), { recursive: true }),
  })
  const [target = ''] = site.targets
  await site.converged()
  for (const [number, sample] of fc.sample(run, { numRuns: RUNS, seed: SEED }).entries()) {
    const told = `seed ${SEED}, run ${number}: ${JSON.stringify(sample)}`
    const names: Names = new Map()
    for (const step of sample.before) performPreserved(site.source, step, names)
    if (sample.trouble === 'kill-receiver') await daemons.killReceiver(0)
    else if (sample.trouble === 'kill-agent') await daemons.killAgent()
    for (const step of sample.after) performPreserved(site.source, step, names)
    if (sample.trouble === 'kill-receiver') await daemons.startReceiver(0)
    else if (sample.trouble === 'kill-agent') await daemons.startAgent()
    try {
      await site.converged()
      await lookForLost(daemons, site, names)
      // Trees that differ in nothing else may be compared before a change of an attribute is noticed.
      await until(
        () => preservedDifferences(site.source, target, 'AXH').length === 0,
        () => preservedDifferences(site.source, target, 'AXH').join('\n'),
      )
    } catch (error) {
      assert.fail(`${told}\n${error instanceof Error ? error.message : ''}`)
    }
  }
  writeFileSync(join(site.source, 'sparse'), 'x')
  execFileSync('truncate', ['-s', '300M', join(site.source, 'sparse')])
  await site.converged()
  assert.ok(statSync(join(target, 'sparse')).blocks * 512 < 1024 * 1024, 'what was a hole is one')
})
