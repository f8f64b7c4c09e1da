/** From the configuration of a root to the options of its disk thread. */
import { join } from 'node:path'
import { bootId, hookKeys } from '@rootferry/host/machine'
import type { ReceiverConfig, ReceiverRoot } from '../config/receiver-yaml.ts'
import type { DiskOptions } from '../root-messages.ts'

export function diskOptions({ name, hooks, ...root }: ReceiverRoot, config: ReceiverConfig): DiskOptions {
  const { stateDir, systemCalls } = config
  const keys = hookKeys(hooks)
  return {
    root: name,
    ...root,
    hooks: hooks.map(({ match, onFirstSync }, position) => ({ key: keys[position] ?? '', match, onFirstSync })),
    stateDir: join(stateDir, 'roots', name),
    trashDir: join(stateDir, 'trash', name),
    bootId: bootId(),
    systemCalls,
  }
}
