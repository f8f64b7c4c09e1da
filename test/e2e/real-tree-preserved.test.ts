/**
 * A docroot as people have them (see real-tree.ts), with ACLs, default ones too, attributes, hard links and sparse files
 * put on it at random: after the first sync, after random operations, and after a resync to the byte of a target that
 * was operated on in the same way, rsync, getfacl and getfattr find no difference.
 *
 * Takes a minute, so it runs with ROOTFERRY_LONG=1 only. ROOTFERRY_SEED repeats a run.
 */
import { mkdirSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { missingProgram, preservedDifferences } from '../support/compare-preserved.ts'
import { Daemons } from '../support/daemons.ts'
import { diskPlace } from '../support/disk-place.ts'
import { lookForLost, type Names, performPreserved, preservedOperation } from '../support/preserved-operations.ts'
import { makeRealTree } from '../support/real-tree.ts'
import { resyncOf } from '../support/resync-orders.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const SEED = Number(process.env['ROOTFERRY_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const FIRST = 1_500
const LATER = 200
const ROUNDS = 5
const MINUTES = 60_000

/** Operations on the tree that is at a place now, and on a few names that are new to it. */
function operationsOn(root: string, seed: number, count: number) {
  const files: string[] = []
  const directories = ['.']
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    const path = relative(root, join(entry.parentPath, entry.name))
    if (entry.isDirectory()) directories.push(path)
    else if (entry.isFile()) files.push(path, `${path}.new`)
  }
  const operation = preservedOperation(fc.constantFrom(...files), fc.constantFrom(...directories))
  return fc.sample(operation, { numRuns: count, seed })
}

const lacking = process.env['ROOTFERRY_LONG'] === '1' ? missingProgram() : 'ROOTFERRY_LONG=1'
const daemons = new Daemons({ receivers: 1, place: diskPlace() })
after(() => daemons[Symbol.asyncDispose]())

test(`a real docroot with all that is preserved has no difference for rsync, getfacl and getfattr (seed ${SEED})`, async (t) => {
  if (lacking !== null) return t.skip(`no ${lacking} here`)
  const operate = (root: string, seed: number, count: number): Names => {
    const names: Names = new Map()
    for (const step of operationsOn(root, seed, count)) performPreserved(root, step, names)
    return names
  }
  const site = await Site.on(daemons, {
    root: { preserve: { acls: true, xattrs: true, hardLinks: true } },
    prepare: (source) => {
      mkdirSync(source, { recursive: true })
      makeRealTree(source)
      operate(source, SEED, FIRST)
    },
  })
  const [target = ''] = site.targets
  const equal = async (when: string) => {
    await site.converged(2 * MINUTES)
    const differences = () => preservedDifferences(site.source, target, 'AXH')
    await until(
      () => differences().length === 0,
      () => `${when}\n${differences().join('\n')}`,
      MINUTES,
    )
    t.diagnostic(`equal ${when}`)
  }
  await equal('after the first sync')
  for (let round = 1; round <= ROUNDS; round += 1) {
    const names = operate(site.source, SEED + round, LATER)
    await site.converged(2 * MINUTES)
    await lookForLost(daemons, site, names)
    await equal(`after round ${round}`)
  }
  operate(target, SEED - 1, LATER)
  const { checked, missing, changed, extraneous, repaired } = await resyncOf(daemons, 'web1', { check: 'content' })
  t.diagnostic(JSON.stringify({ checked, missing, changed, extraneous, repaired }))
  await equal('after a resync to the byte')
})
