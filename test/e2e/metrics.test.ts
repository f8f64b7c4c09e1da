/**
 * docs/metrics.md compared with the metrics of real daemons, both ways, and the metrics that must change when something
 * happens.
 */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { Rig } from '../support/rig.ts'
import { until } from '../support/until.ts'

let rig: Rig
before(async () => {
  rig = await Rig.start({
    receivers: 1,
    tls: true,
    root: { hooks: { afterAll: [{ match: ['*.php'], command: ['true'] }] } },
    receiverRoot: { hooks: { afterCommit: [{ match: ['*.php'], command: ['true'] }] } },
    prepare: (source) => mkdirSync(join(source, 'secret-name')),
  })
  await rig.inSync()
})
after(() => rig[Symbol.asyncDispose]())

const DAEMONS = {
  Agent: async () => await (await rig.admin('/metrics', { headers: { Authorization: '' } })).text(),
  Receiver: async () => await (await rig.health(0, '/metrics')).text(),
}

/** Name → type and labels, from a table of docs/metrics.md. */
function documented(heading: string): Map<string, string> {
  const text = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8')
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? ''
  const rows = [...section.matchAll(/^\| `(\w+)` \| (\w+) \| ([^|]*) \|/gm)]
  return new Map(rows.map(([, name = '', type, labels = '']) => [name, `${type} ${labels.replaceAll(/[` ]/g, '')}`]))
}

/** Without samples here: these daemons write no log. */
const WITHOUT_SAMPLES = new Map<string, string>([
  ...['readers', 'sequence', 'written'].map((name) => [`rootferry_log_${name}`, 'root'] as const),
  ...['readers', 'behind_messages'].map((name) => [`rootferry_log_region_${name}`, 'root,region'] as const),
])

/** The same, from a daemon's answer. */
function exposed(text: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const [, name = '', type] of text.matchAll(/^# TYPE (rootferry_\w+) (\w+)$/gm)) {
    const sample = new RegExp(`^${name}(?:_count)?(?:\\{([^}]*)\\}| )`, 'm').exec(text)?.[1] ?? ''
    const labels = [...sample.matchAll(/(\w+)="/g)].map(([, label]) => label)
    const ofLog = WITHOUT_SAMPLES.get(name)
    if (ofLog !== undefined) labels.push(ofLog)
    found.set(name, `${type} ${labels.join(',')}`)
  }
  return found
}

function value(text: string, sample: string): number {
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${sample} `))
  return Number(line?.slice(sample.length + 1) ?? Number.NaN)
}

test('a root has its histogram of changes before there is one', async () => {
  assert.match(await DAEMONS.Agent(), /^rootferry_propagation_seconds_count\{root="site"\} \d+$/m)
})

for (const [name, metrics] of Object.entries(DAEMONS)) {
  test(`docs/metrics.md has every metric of the ${name.toLowerCase()}, with its type and labels, and no other`, async () => {
    writeFileSync(join(rig.source, `${name}.txt`), name)
    const text = await until(
      async () => {
        const now = await metrics()
        return /(?:propagation|commit_duration)_seconds_count\{[^}]*\} [1-9]/.test(now) ? now : false
      },
      () => 'nothing was counted',
    )
    assert.deepEqual([...exposed(text)].sort(), [...documented(name)].sort())
    assert.match(text, /^process_resident_memory_bytes /m)
    assert.ok(!text.includes('secret-name') && !text.includes(`${name}.txt`), 'a path is in a label')
  })
}

test('dashboard and alert rules name metrics that the daemons expose, and no others', async () => {
  const texts = [await DAEMONS.Agent(), await DAEMONS.Receiver()].join('\n')
  const types = new Map([...texts.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name = '', type]) => [name, type]))
  const isKnown = (name: string) =>
    types.has(name) || types.get(name.replace(/_(?:bucket|count|sum)$/, '')) === 'histogram'
  for (const file of [
    'grafana/rootferry.json',
    'prometheus/rootferry.rules.yml',
    'prometheus/rootferry.rules.test.yml',
  ]) {
    const text = readFileSync(new URL(`../../packaging/${file}`, import.meta.url), 'utf8')
    const names = new Set([...text.matchAll(/\b(?:rootferry|process)_\w+/g)].map(([name]) => name))
    assert.ok(names.size > 10, file)
    assert.deepEqual(
      [...names].filter((name) => !isKnown(name)),
      [],
      file,
    )
  }
})

test('the metrics of the agent follow what happens', async () => {
  writeFileSync(join(rig.source, 'new.txt'), 'new')
  await rig.converged()
  // Both are asked while nothing comes between: a directory's time may be found after its file, totals are told after it.
  const { roots, text } = await until(
    async () => {
      const { roots } = await rig.status()
      const text = await DAEMONS.Agent()
      const [sequence, files] = [roots[0]?.sequence, roots[0]?.entries.files]
      const isOf =
        value(text, 'rootferry_root_sequence{root="site"}') === sequence &&
        value(text, 'rootferry_root_entries{root="site",kind="files"}') === files
      return isOf ? { roots, text } : false
    },
    () => 'status and metrics never agree about the sequence and the files',
  )
  assert.equal(value(text, 'rootferry_receiver_sequence{receiver="web1",root="site"}'), roots[0]?.sequence)
  assert.equal(value(text, 'rootferry_receiver_connected{receiver="web1",root="site"}'), 1)
  assert.equal(value(text, 'rootferry_receiver_lag_seconds{receiver="web1",root="site"}'), 0)
  assert.equal(value(text, 'rootferry_root_halted{root="site"}'), 0)
  assert.equal(value(text, 'rootferry_sessions{root="site"}'), 1)
  assert.ok(value(text, 'rootferry_sent_bytes_total{root="site"}') > 0)
  assert.ok(value(text, 'rootferry_scan_duration_seconds_count{root="site"}') > 0)
  assert.equal(value(text, 'rootferry_resync_total{outcome="done"}'), 0)
  assert.equal((await rig.admin('/v1/resyncs', { method: 'POST' })).status, 202)
  await until(
    async () => value(await DAEMONS.Agent(), 'rootferry_resync_total{outcome="done"}') === 1,
    () => 'the resync was not counted',
  )
})

test('the metrics of the receiver follow what happens', async () => {
  const text = await DAEMONS.Receiver()
  const { receivers } = await rig.status()
  assert.equal(value(text, 'rootferry_target_sequence{root="site"}'), receivers[0]?.sequence)
  assert.equal(value(text, 'rootferry_ready{root="site",reason=""}'), 1)
  assert.equal(value(text, 'rootferry_target_connected{root="site"}'), 1)
  assert.ok(value(text, 'rootferry_committed_changesets_total{root="site"}') > 0)
})
