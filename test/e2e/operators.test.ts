/** What operators use, against real daemons: the verbs that ask the agent, their exit codes, and the event stream. */

import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { sharedDaemons } from '../support/shared-daemons.ts'
import { Site } from '../support/site.ts'
import { until } from '../support/until.ts'
import { agentVerb as verbOfAgent } from '../support/verbs.ts'

const daemons = sharedDaemons(2)

/** @param token in the place of the operator's own */
const agentVerb = (words: string[], token?: string) =>
  verbOfAgent([...words, '--config', join(daemons.place, 'agent.yaml')], token === undefined ? {} : { token })

test('a receiver that has a token and was never here is shown as expected', async () => {
  await Site.on(daemons)
  daemons.agentVerb('token', 'create', 'late')
  const late = await until(
    async () => (await daemons.status()).receivers.find(({ name }) => name === 'late'),
    () => 'the token was not noticed',
  )
  assert.equal(late.state, 'expected')
  assert.equal(
    (await daemons.status()).receivers.find(({ name }) => name === 'stranger'),
    undefined,
  )
  daemons.agentVerb('token', 'revoke', 'late')
})

test('resync without --wait prints an id that the API knows', async () => {
  const site = await Site.on(daemons)
  await site.inSync()
  const { status: code, stdout } = await agentVerb(['resync', '--dry-run'])
  assert.equal(code, 0)
  assert.match(stdout, /^[0-9a-f]{16}\n$/)
  assert.equal((await daemons.admin(`/v1/resyncs/${stdout.trim()}`)).status, 200)
  const unknown = await agentVerb(['resync', '--receiver', 'nobody'])
  assert.equal(unknown.status, 1)
  assert.match(unknown.stderr, /^rootferry-agent: there is no receiver "nobody"\n$/)
})

test('resync --wait: 3 and the paths when anything differs, mended or not; 0 when nothing does', async () => {
  const site = await Site.on(daemons, {
    prepare: (source) => ['a', 'b', 'c'].forEach((name) => writeFileSync(join(source, name), name)),
  })
  await site.inSync()
  const [target = ''] = site.targets
  writeFileSync(join(target, 'a'), 'edited')
  rmSync(join(target, 'b'))
  writeFileSync(join(target, 'stranger'), '')
  const dry = await agentVerb(['resync', '--wait', '--dry-run', '--json'])
  assert.equal(dry.status, 3, dry.stderr)
  const found = JSON.parse(dry.stdout) as { receivers: { web1: { differences: { path: string; kind: string }[] } } }
  const kinds = new Map(found.receivers.web1.differences.map(({ path, kind }) => [path, kind]))
  assert.deepEqual([kinds.get('a'), kinds.get('b'), kinds.get('stranger')], ['changed', 'missing', 'extraneous'])
  const real = await agentVerb(['resync', '--wait'])
  assert.equal(real.status, 3)
  assert.match(real.stdout, /^web1 +missing +b$/m)
  assert.match(real.stdout, /^resync [0-9a-f]+ is done\n$/m)
  assert.ok(!/[\u001b█]/.test(real.stdout + real.stderr), 'a bar where there is no terminal')
  await site.converged()
  assert.equal((await agentVerb(['resync', '--wait', '--check', 'content', '--root', site.name])).status, 0)
  const typed = await agentVerb(['resync', '--wait', '--path', './a/', '--path', './'])
  assert.equal(typed.status, 0, typed.stderr)
})

test('resync --wait does not wait for a receiver that is away: 3 and its name; list and cancel know the resync', async () => {
  const site = await Site.on(daemons, { prepare: (source) => writeFileSync(join(source, 'a'), 'a') })
  await site.inSync()
  await daemons.receivers[1]?.stop()
  for (const limit of [[], ['--timeout', '2s']]) {
    const left = await agentVerb(['resync', '--dry-run', '--wait', ...limit])
    assert.equal(left.status, 3, left.stdout + left.stderr)
    assert.match(left.stdout, /^web1 +done +/m)
    assert.match(left.stderr, /^not waited for: web2 \(offline\)$/m)
  }
  const list = await agentVerb(['resync', 'list'])
  assert.match(list.stdout, /^[0-9a-f]{16} +site\d+ +running +metadata, dry run .* 1 of 2\n +not done: web2 pending$/m)
  const { resyncs } = JSON.parse((await agentVerb(['resync', 'list', '--json'])).stdout) as {
    resyncs: { id: string; state: string }[]
  }
  const running = resyncs.filter(({ state }) => state === 'running')
  assert.equal(running.length, 2)
  for (const { id } of running) {
    const cancelled = await agentVerb(['resync', 'cancel', id])
    assert.deepEqual([cancelled.status, cancelled.stderr], [0, `resync ${id} is cancelled\n`])
  }
  assert.match((await agentVerb(['resync', 'list'])).stdout, /^[0-9a-f]{16} +site\d+ +cancelled/m)
  const unknown = await agentVerb(['resync', 'cancel', 'x/y'])
  assert.deepEqual([unknown.status, unknown.stdout], [1, ''])
  assert.match(unknown.stderr, /^rootferry-agent: There is no resync x\/y, or it was forgotten\.\n$/)
  assert.equal((await agentVerb(['resync', '--timeout', '2s'])).status, 2)
  assert.equal((await agentVerb(['resync', '--wait', '--timeout', 'soon'])).status, 2)
  await daemons.startReceiver(1)
})

test('events tell of changesets and of receivers that come and go; Last-Event-ID brings what was missed', async () => {
  const site = await Site.on(daemons)
  await site.inSync()
  await using first = await listen({})
  mkdirSync(join(site.source, 'new'))
  const changeset = await first.next('changeset', ({ receiver }) => receiver === 'web1')
  assert.ok(Number(changeset.data['propagationSeconds']) >= 0)
  await daemons.killReceiver(0)
  const isGone = ({ name, state }: ServerEvent['data']) => name === 'web1' && state === 'offline'
  const gone = await first.next('receiver', isGone)

  await using second = await listen({ 'Last-Event-ID': changeset.id })
  assert.equal((await second.next('receiver', isGone)).id, gone.id)
  await using stale = await listen({ 'Last-Event-ID': 'another-1' })
  await stale.next('missed')
})

test('status: 0 when all are live, 3 when a receiver is not, 69 without an agent, 77 without a right', async () => {
  const site = await Site.on(daemons, { prepare: (source) => writeFileSync(join(source, 'a'), 'a') })
  await site.inSync()
  const well = await agentVerb(['status'])
  assert.equal(well.status, 0, well.stdout + well.stderr)
  assert.match(well.stdout, new RegExp(`^${site.name} +ready +`, 'm'))
  assert.match(well.stdout, new RegExp(`^web2 +${site.name} +live +`, 'm'))
  assert.ok(!well.stdout.includes('\u001b'), 'no colours where there is no terminal')
  assert.equal((await agentVerb(['guard', 'accept', site.name])).status, 1)
  assert.equal((await agentVerb(['status'], 'rf_wrong')).status, 77)

  await daemons.killReceiver(1)
  await until(
    async () => (await agentVerb(['status'])).status === 3,
    () => 'status did not notice',
  )
  const json = await agentVerb(['status', '--json'])
  const { receivers } = JSON.parse(json.stdout) as { receivers: { name: string; state: string }[] }
  assert.deepEqual(
    receivers.map(({ name, state }) => [name, state]),
    [
      ['web1', 'live'],
      ['web2', 'offline'],
    ],
  )

  await daemons.killAgent()
  const unreachable = await agentVerb(['status'])
  assert.equal(unreachable.status, 69)
  assert.match(unreachable.stderr, /^rootferry-agent: the agent cannot be reached at http:[^\n]*\n$/)
})

interface ServerEvent {
  id: string
  type: string
  data: Record<string, unknown>
}

/** A connection to /v1/events; `next` waits for an event of the given type whose data is wanted. */
async function listen(headers: Record<string, string>) {
  const ending = new AbortController()
  const response = await daemons.admin('/v1/events', { headers, signal: ending.signal })
  assert.match(response.headers.get('content-type') ?? '', /^text\/event-stream/)
  const events: ServerEvent[] = []
  let text = ''
  const reading = (async () => {
    for await (const chunk of response.body ?? []) {
      const parts = (text + Buffer.from(chunk).toString()).split('\n\n')
      text = parts.pop() ?? ''
      for (const part of parts) {
        const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(part)?.[1] ?? ''
        if (field('event') !== '') {
          events.push({ id: field('id'), type: field('event'), data: JSON.parse(field('data')) })
        }
      }
    }
  })().catch(() => 'it was ended')
  return {
    next: (type: string, isWanted: (data: ServerEvent['data']) => boolean = () => true) =>
      until(
        () => {
          const at = events.findIndex((event) => event.type === type && isWanted(event.data))
          return at < 0 ? false : events.splice(at, 1)[0]
        },
        () => `no ${type} came: ${JSON.stringify(events)}`,
      ),
    async [Symbol.asyncDispose]() {
      ending.abort()
      await reading
    },
  }
}
