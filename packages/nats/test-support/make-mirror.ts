/** Makes the mirror of a root's log on a leaf node, as an operator does with `nats stream add --config FILE`. */
import { jetstreamManager, type StreamConfig } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { logNames } from '../src/names.ts'

/** @param url of the leaf node. @param hub the domain of the server that the agent writes to */
export async function makeMirror(url: string, root: string, hub: string): Promise<void> {
  const connection = await connect({ servers: [url] })
  try {
    const { log, snapshots } = logNames(root)
    const manager = await jetstreamManager(connection, { checkAPI: false })
    for (const { stream } of [log, snapshots]) {
      const config: Partial<StreamConfig> & { name: string } = {
        name: stream,
        storage: 'file',
        mirror: { name: stream, external: { api: `$JS.${hub}.API` } },
        allow_direct: true,
        mirror_direct: true,
      }
      await manager.streams.add(config)
    }
  } finally {
    await connection.close()
  }
}
