/** What every row works with. */
import { Rig } from '../test/support/rig.ts'
import type { Peers } from './peers.ts'

export interface Bench {
  place: string
  tree: string
  files: number
  runs: number
  peers: Peers
}

export const MINUTES = 60_000

/** Agent and receivers on the bench's tree, in sync. */
export async function runningRig(bench: Bench, receivers: number): Promise<Rig> {
  const rig = await Rig.start({ receivers, place: bench.place, sourceAt: bench.tree })
  await rig.inSync(5 * MINUTES)
  return rig
}
