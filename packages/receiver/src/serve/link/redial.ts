/**
 * Pure decision: how long to wait before dialling again.
 *
 * Exponential with full jitter: a farm that lost its agent does not come back in one stampede. Source: Marc Brooker,
 * "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */
import { backoffMs } from '@rootferry/host/machine'

/**
 * An agent that is restarted is back after a second or two, so waits grow slowly. A refused attempt costs nearly
 * nothing, so they stay short.
 */
const DIALS = { firstMs: 250, mostMs: 5_000, growth: 1.5 }
const HOPELESS_MS = 15_000
/** Two nodes with one token throw each other out: each attempt costs the other node its connection. */
export const CLASH_MS = { least: 60_000, most: 300_000 } as const

/**
 * @param attempts failed attempts since the last connection that worked
 * @param random in [0, 1)
 * @param outlook hopeless: only an operator can change the outcome, so a longer range at once. clash: another node uses
 *   the same token
 * @returns milliseconds
 */
export function redialMs(attempts: number, random: number, outlook: 'usual' | 'hopeless' | 'clash'): number {
  if (outlook === 'clash') return Math.round(CLASH_MS.least + (CLASH_MS.most - CLASH_MS.least) * random)
  const range = outlook === 'hopeless' ? HOPELESS_MS : backoffMs(attempts, DIALS)
  return Math.round(range * random)
}
