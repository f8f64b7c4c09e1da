/** From the configuration of a root to the options of its disk thread. */
import { join } from 'node:path'
import { bootId } from '@rootferry/host/machine'
import type { ReceiverConfig, ReceiverRoot } from '../config/receiver-yaml.ts'
import type { DiskOptions, HookPatterns } from '../root-messages.ts'
import type { Hook } from './hooks.ts'

export function diskOptions({ name, hooks, ...root }: ReceiverRoot, config: ReceiverConfig): DiskOptions {
  const { stateDir, systemCalls } = config
  return {
    root: name,
    ...root,
    hooks: hookPatterns(hooks),
    stateDir: join(stateDir, 'roots', name),
    trashDir: join(stateDir, 'trash', name),
    bootId: bootId(),
    systemCalls,
  }
}

/** A run that is due outlives changes of the configuration as long as the hook stays the same. */
function hookPatterns(hooks: readonly Hook[]): HookPatterns[] {
  const seen = new Map<string, number>()
  return hooks.map(({ match, command, onFirstSync }) => {
    const settings = JSON.stringify([match, command])
    const earlier = seen.get(settings) ?? 0
    seen.set(settings, earlier + 1)
    return { key: `${settings}${earlier === 0 ? '' : `#${earlier}`}`, match, onFirstSync }
  })
}
