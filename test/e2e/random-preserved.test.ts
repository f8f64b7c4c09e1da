/**
 * Random operations with ACLs, extended attributes, hard links and holes against real daemons on a real disk: after each
 * run rsync, getfacl and getfattr find no difference between the source and the target.
 *
 * The daemons live through all runs; the receiver or the agent is killed within some. ROOTFERRY_RUNS and ROOTFERRY_SEED
 * say how many runs, and which. What is written under a name that came and went before anybody looked raises no event
 * anywhere else, and only a look at the whole tree finds it: a run in which there was such a name gets one.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import {
  closeSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { missingProgram, preservedDifferences } from '../support/compare-preserved.ts'
import { Daemons } from '../support/daemons.ts'
import { diskPlace } from '../support/disk-place.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'

const RUNS = Math.ceil(Number(process.env['ROOTFERRY_RUNS'] ?? 200) / 10)
const SEED = Number(process.env['ROOTFERRY_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const HOLE_BYTES = 3 * 1024 * 1024

const path = fc.constantFrom('a', 'b', 'c', 'd/a', 'd/b', 'd/e/a', 'd/e/c')
const directory = fc.constantFrom('.', 'd', 'd/e')
const who = fc.constantFrom('u:33:rwx', 'u:1001:r', 'g:1234:rx', 'u:4321:-', 'm::r')
const operation = fc.oneof(
  fc.record({
    do: fc.constant('write' as const),
    path,
    text: fc.constantFrom('', 'x', 'longer text', 'x'.repeat(5_000)),
  }),
  fc.record({ do: fc.constant('hole' as const), path, at: fc.constantFrom(0, 1_000_000, HOLE_BYTES - 1) }),
  fc.record({ do: fc.constant('link' as const), path, from: path }),
  fc.record({ do: fc.constant('copy' as const), path, from: path }),
  fc.record({ do: fc.constant('rename' as const), path, from: path }),
  fc.record({ do: fc.constant('remove' as const), path }),
  fc.record({ do: fc.constant('acl' as const), path: fc.oneof(path, directory), who }),
  fc.record({ do: fc.constant('default-acl' as const), path: directory, who }),
  fc.record({ do: fc.constant('no-acl' as const), path: fc.oneof(path, directory) }),
  fc.record({
    do: fc.constant('attribute' as const),
    path: fc.oneof(path, directory),
    value: fc.constantFrom('', 'v', 'w'),
  }),
  fc.record({ do: fc.constant('no-attribute' as const), path: fc.oneof(path, directory) }),
)
type Operation = typeof operation extends fc.Arbitrary<infer Value> ? Value : never
const run = fc.record({
  before: fc.array(operation, { minLength: 1, maxLength: 15 }),
  trouble: fc.constantFrom('none', 'none', 'none', 'kill-receiver', 'kill-agent'),
  after: fc.array(operation, { maxLength: 15 }),
})

/** A name of a file that has others, made in this run. */
type Names = Map<string, number>

/** What makes no sense at the moment is passed over. */
function perform(root: string, step: Operation, names: Names): void {
  const at = join(root, step.path)
  const quiet = (program: string, ...rest: string[]) => void spawnSync(program, rest)
  try {
    switch (step.do) {
      case 'write':
        return writeFileSync(at, step.text)
      case 'hole': {
        const file = openSync(at, 'w')
        writeSync(file, 'x', step.at)
        return closeSync(file)
      }
      case 'link':
        rmSync(at, { force: true })
        linkSync(join(root, step.from), at)
        return void names.set(at, statSync(at).ino)
      case 'copy':
        copyFileSync(join(root, step.from), `${at}.new`)
        return renameSync(`${at}.new`, at)
      case 'rename':
        return renameSync(join(root, step.from), at)
      case 'remove':
        return rmSync(at)
      case 'acl':
        return quiet('setfacl', '-m', step.who, at)
      case 'default-acl':
        return quiet('setfacl', '-d', '-m', step.who, at)
      case 'no-acl':
        return quiet('setfacl', '-b', at)
      case 'attribute':
        return quiet('setfattr', '-n', 'user.tag', '-v', step.value, at)
      case 'no-attribute':
        return quiet('setfattr', '-x', 'user.tag', at)
    }
  } catch {
    // Nothing is there.
  }
}

/** Whether a name that was made in this run leads elsewhere by now. */
function isLost([at, inode]: [string, number]): boolean {
  return statSync(at, { throwIfNoEntry: false })?.ino !== inode
}

/** A hold looks at the whole tree. */
async function lookAtAll({ name }: Site): Promise<void> {
  for (const verb of ['hold', 'release']) {
    const answer = await daemons.admin(`/v1/roots/${name}/${verb}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    })
    assert.ok(answer.ok, await answer.text())
  }
}

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
    for (const step of sample.before) perform(site.source, step, names)
    if (sample.trouble === 'kill-receiver') await daemons.killReceiver(0)
    else if (sample.trouble === 'kill-agent') await daemons.killAgent()
    for (const step of sample.after) perform(site.source, step, names)
    if (sample.trouble === 'kill-receiver') await daemons.startReceiver(0)
    else if (sample.trouble === 'kill-agent') await daemons.startAgent()
    try {
      await site.converged()
      if ([...names].some(isLost)) await lookAtAll(site)
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
