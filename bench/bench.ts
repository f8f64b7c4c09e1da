/** The settings that every row works with. */
import { Rig } from '../test/support/rig.ts'
import { until } from '../test/support/until.ts'
import type { Peers } from './peers.ts'
import type { Plots } from './plots.ts'

export interface Bench {
  place: string
  tree: string
  files: number
  /** Mean bytes of the tree's files. */
  meanBytes: number
  runs: number
  peers: Peers
  plots: Plots
  /** Whether the connection is encrypted, as it is by default; without encryption to see its cost. */
  tls: boolean
}

export const MINUTES = 60_000

/** Agent and receivers on the bench's tree, in sync. */
export async function runningRig(bench: Bench, receivers: number): Promise<Rig> {
  const rig = await waitingRig(bench, receivers)
  await Promise.all(rig.targets.map((_, number) => rig.startReceiver(number)))
  await rig.inSync(5 * MINUTES)
  return rig
}

/** The agent is ready, its receivers are not started yet. */
export async function waitingRig(bench: Bench, receivers: number): Promise<Rig> {
  const rig = await Rig.start({
    receivers,
    place: bench.place,
    sourceAt: bench.tree,
    tls: bench.tls,
    receiversLater: true,
  })
  await until(
    async () => (await rig.status()).roots[0]?.state === 'ready',
    () => 'the agent is not ready',
    MINUTES,
  )
  return rig
}
