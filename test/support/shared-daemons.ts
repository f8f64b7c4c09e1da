/**
 * Daemons that all files of one process share, where these need none of their own: each case gets a root of its own by
 * `Site.on`. They end with the process's last test. A file that runs by itself has them alone.
 */
import { after } from 'node:test'
import { Daemons } from './daemons.ts'

const shared = new Map<number, Daemons>()

/** @param receivers their number */
export function sharedDaemons(receivers: number): Daemons {
  const known = shared.get(receivers)
  if (known !== undefined) return known
  const daemons = new Daemons({ receivers })
  shared.set(receivers, daemons)
  after(() => daemons[Symbol.asyncDispose]())
  return daemons
}
