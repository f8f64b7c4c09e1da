/** A session's WebSocket is an outlet. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { WebSocket, WebSocketServer } from 'ws'
import { type OutletTrial, outletConformance } from '../../../test-support/outlet-conformance.ts'
import type { OutletEvents } from './outlet.ts'
import { PacedSocket } from './paced-socket.ts'

outletConformance('WebSocket', async (events: OutletEvents): Promise<OutletTrial> => {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const arrived: string[] = []
  let wake = Promise.withResolvers<void>()
  client.on('message', (data: Buffer, isBinary: boolean) => {
    arrived.push(isBinary ? `[${data}]` : String(data))
    wake.resolve()
  })
  const [socket, request] = await once(server, 'connection')
  if (client.readyState !== WebSocket.OPEN) await once(client, 'open')
  const outlet = new PacedSocket({ socket, line: request.socket, now: new Date() }, events)
  return {
    outlet,
    next: async () => {
      while (arrived.length === 0) {
        await wake.promise
        wake = Promise.withResolvers()
      }
      return arrived.shift() ?? ''
    },
    pause: () => client.pause(),
    resume: () => client.resume(),
    break: () => client.terminate(),
    [Symbol.asyncDispose]: async () => {
      client.terminate()
      server.close()
      await once(server, 'close')
    },
  }
})
