/** Full resyncs ordered by HTTP, as operators do, and followed to their end. */
import assert from 'node:assert/strict'
import type { Daemons } from './daemons.ts'
import { until } from './until.ts'

export interface ResyncReceiverView {
  state: 'pending' | 'running' | 'done' | 'failed' | 'cancelled'
  checked: number
  missing: number
  changed: number
  extraneous: number
  repaired: number
  bytes: number
  differences: { path: string; kind: string }[]
  error: string | null
}

export interface ResyncView {
  id: string
  root: string | null
  state: 'running' | 'done' | 'failed' | 'cancelled'
  finishedAt: string | null
  receivers: Record<string, ResyncReceiverView>
}

export interface ResyncBody {
  root?: string
  receivers?: string[]
  paths?: string[]
  check?: 'metadata' | 'content'
  dryRun?: boolean
}

export async function orderResync(daemons: Daemons, body: ResyncBody = {}): Promise<ResyncView> {
  const response = await daemons.admin('/v1/resyncs', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  })
  const answer = await response.text()
  assert.equal(response.status, 202, answer)
  const resync = JSON.parse(answer) as ResyncView
  assert.equal(response.headers.get('Location'), `/v1/resyncs/${resync.id}`)
  return resync
}

export async function lookAtResync(daemons: Daemons, id: string): Promise<ResyncView> {
  return (await (await daemons.admin(`/v1/resyncs/${id}`)).json()) as ResyncView
}

export async function cancelResync(daemons: Daemons, id: string): Promise<ResyncView> {
  return (await (await daemons.admin(`/v1/resyncs/${id}`, { method: 'DELETE' })).json()) as ResyncView
}

export function untilResync(
  daemons: Daemons,
  id: string,
  holds: (resync: ResyncView) => boolean,
  deadlineMs = 60_000,
): Promise<ResyncView> {
  const attempt = async () => {
    const resync = await lookAtResync(daemons, id)
    return holds(resync) ? resync : null
  }
  return until(attempt, async () => JSON.stringify(await lookAtResync(daemons, id)), deadlineMs)
}

/** Orders a resync and waits for its end. */
export async function resync(daemons: Daemons, body: ResyncBody = {}): Promise<ResyncView> {
  const { id } = await orderResync(daemons, body)
  return untilResync(daemons, id, ({ state }) => state !== 'running')
}

/** The report of one receiver on a resync that is done. */
export async function resyncOf(daemons: Daemons, name: string, body: ResyncBody = {}): Promise<ResyncReceiverView> {
  const { receivers } = await resync(daemons, body)
  const own = receivers[name]
  assert.ok(own)
  assert.equal(own.state, 'done', own.error ?? '')
  return own
}

/** `kind path`, sorted. */
export function namesOf({ differences }: ResyncReceiverView): string[] {
  return differences.map(({ path, kind }) => `${kind} ${path}`).sort()
}
